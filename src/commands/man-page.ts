import { COMMANDS, EPILOGUE, OPTIONS_OF, readCommandLine } from './command-line.js';

/*
 * The manual page, made by the build from what the command line says of itself, so that it knows every option.
 */

interface OptionTable {
  readonly [name: string]: {
    readonly alias?: string;
    readonly description?: string;
    readonly type: string;
    readonly choices?: readonly string[];
    readonly hidden?: boolean;
  };
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['NO_COLOR', 'not empty: no colour.'],
  ['CLICOLOR_FORCE', 'neither empty nor 0: colour, in a pipe too.'],
  ['CLICOLOR', '0: no colour.'],
  ['TERM', 'dumb: no colour, no progress bar, no live table.'],
  ['LC_ALL, LC_CTYPE, LANG', 'a locale without UTF-8: nothing beyond ASCII in texts.'],
];

const EXIT_CODES: readonly (readonly [string, string])[] = [
  ['0', 'analysed, nothing at or above --fail-on.'],
  ['1', 'findings at or above --fail-on.'],
  ['2', 'wrong usage or unreadable input.'],
  ['3', 'part of the input was damaged and skipped, and nothing at or above --fail-on.'],
  ['130', 'interrupted before there was a report.'],
];

/** The page in the man macros. @param version as in "1.0.0". */
export async function manPage(version: string): Promise<string> {
  const top = await helpOf([]);
  const synopses: string[] = [];
  const commands: string[] = [];
  const sections: string[] = [];
  for (const command of COMMANDS) {
    const help = await helpOf([command]);
    const [usage = '', about = ''] = help.split(/\n\s*\n/);
    const lines = OPTIONS_OF.has(command) ? usage.split('\n') : [`capan ${command}`];
    synopses.push(
      ...lines.flatMap((line, index) => [...(index === 0 ? [] : ['.br']), roff(line.trim())]),
      '.PP',
    );
    commands.push('.TP', `.B ${roff(command)}`, roff(aboutOf(command, top) || oneLine(about)));
    const own = optionLines(command);
    if (own.length > 0) sections.push(`.SS ${roff(`capan ${command}`)}`, ...own);
  }
  return `${[
    `.TH CAPAN 1 "" "capan ${roff(version)}" "User Commands"`,
    ...section('NAME', ['capan \\- what is wrong with a tunnel, from a packet capture']),
    ...section('SYNOPSIS', synopses),
    ...section('DESCRIPTION', [
      roff(
        'capan reads captures of tunnels that misbehave and says what is wrong, where, since when, how sure it is, which frames prove it, and what to do next.',
      ),
      roff(EPILOGUE),
    ]),
    ...section('COMMANDS', commands),
    ...section('OPTIONS', sections),
    ...section('EXIT STATUS', tagged(EXIT_CODES)),
    ...section('ENVIRONMENT', tagged(ENVIRONMENT)),
    ...section('SEE ALSO', ['.BR dumpcap (1),', '.BR tcpdump (8),', '.BR tshark (1)']),
  ].join('\n')}\n`;
}

async function helpOf(words: readonly string[]): Promise<string> {
  const read = await readCommandLine([...words, '--help'], '');
  return read.command === 'print' ? read.text : '';
}

/** What the list of commands says of one. */
function aboutOf(command: string, help: string): string {
  const lines = help.split('\n');
  const first = lines.findIndex((line) => line.trimStart().startsWith(`capan ${command} `));
  if (first < 0) return '';
  const rest: string[] = [];
  for (const line of lines.slice(first + 1)) {
    if (!/^\s{8,}\S/.test(line)) break;
    rest.push(line.trim());
  }
  return [(lines[first] ?? '').trim().slice(`capan ${command} `.length).trim(), ...rest].join(' ');
}

/** Options that analyze has too stand there alone. */
function optionLines(command: string): string[] {
  const shared = command === 'analyze' ? {} : (OPTIONS_OF.get('analyze') ?? {});
  const table = (OPTIONS_OF.get(command) ?? {}) as OptionTable;
  return Object.entries(table).flatMap(([name, { alias, description = '', type, choices, hidden }]) => {
    if (hidden === true || Object.hasOwn(shared, name)) return [];
    const value = type === 'boolean' ? '' : ` ${choices === undefined ? 'VALUE' : choices.join('|')}`;
    const names = [...(alias === undefined ? [] : [`-${alias}`]), `--${name}`];
    return ['.TP', `.B ${roff(names.join(', '))}${roff(value)}`, roff(description)];
  });
}

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${title}`, ...(lines.at(-1) === '.PP' ? lines.slice(0, -1) : lines)];
}

function tagged(entries: readonly (readonly [string, string])[]): string[] {
  return entries.flatMap(([name, text]) => ['.TP', `.B ${roff(name)}`, roff(text)]);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Text in which nothing is a request or an escape. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('\u2026', '...')
    .replace(/^[.']/, '\\&$&');
}
