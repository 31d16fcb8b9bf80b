export const COLOR_CHOICES = ['auto', 'always', 'never'] as const;
/** What `--color` says; `--no-color` is never. */
export type ColorChoice = (typeof COLOR_CHOICES)[number];

interface Environment {
  readonly [name: string]: string | undefined;
}

/**
 * Whether a report on standard output is coloured where the command line does not say.
 * NO_COLOR wins (no-color.org), then CLICOLOR_FORCE, which holds for a pipe too, then CLICOLOR=0 (bixense.com/clicolors).
 */
export function automaticColor(environment: Environment, isTerminal: boolean): boolean {
  const { NO_COLOR = '', CLICOLOR_FORCE = '', CLICOLOR = '', TERM } = environment;
  if (NO_COLOR !== '') return false;
  if (CLICOLOR_FORCE !== '' && CLICOLOR_FORCE !== '0') return true;
  return isTerminal && TERM !== 'dumb' && CLICOLOR !== '0';
}

/** @param automatic what the environment says of the place where it is written. */
export function paints(choice: ColorChoice, automatic: boolean): boolean {
  return choice === 'always' || (choice === 'auto' && automatic);
}

/** True where the locale names a character set that is not UTF-8, as C and POSIX do. No locale at all says nothing. */
export function isAsciiLocale({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  return locale !== undefined && !/utf-?8/i.test(locale);
}
