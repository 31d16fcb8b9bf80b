import { COLOR_CHOICES } from './color-choice.js';
import { COMMANDS, OPTIONS_OF } from './command-line.js';

/** Where a TAB gets what no table holds. Asked only where it is needed. */
export interface CompletionSources {
  ids(): Promise<readonly string[]>;
  interfaces(): Promise<readonly string[]>;
}

interface OptionOfTable {
  readonly type: string;
  readonly alias?: string;
  readonly description?: string;
  readonly choices?: readonly string[];
  readonly hidden?: boolean;
  readonly nargs?: number;
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** Options whose values are ids, by commas. */
const ID_OPTIONS = ['only', 'skip'];
const LIVE_BEGINNINGS = ['--interface', '--list', '--ssh', '-'];

/**
 * What a TAB offers.
 * @param words the words behind `capan`; the last one is that at which the cursor stands, '' where a new one begins.
 * @returns a line each, `WORD` or `WORD<tab>DESCRIPTION`; none where files are meant.
 */
export async function complete(words: readonly string[], sources: CompletionSources): Promise<string[]> {
  const { before, current } = unsplit(words);
  const [command] = before;
  if (command === undefined) return matching([...COMMANDS, '--help', '--version'], current);
  const options = optionsOf(command);
  const joined = /^--([^=]+)=(.*)$/s.exec(current);
  if (joined !== null) {
    const [, name = '', value = ''] = joined;
    const found = await valuesOf(name, options.get(name), value, sources);
    return found.map((line) => `--${name}=${line}`);
  }
  const asked = optionBefore(before, options);
  if (asked !== null) return valuesOf(asked, options.get(asked), current, sources);
  if (current.startsWith('-') && current !== '-') return matching(optionLines(options), current);
  if (command === 'explain') return matching(await sources.ids(), current);
  if (command === 'completion') return matching(SHELLS, current);
  if (command === 'live') return before.length > 1 ? [] : matching(LIVE_BEGINNINGS, current);
  return [];
}

/** bash takes `--only=ike.` for three words. */
function unsplit(words: readonly string[]): { before: readonly string[]; current: string } {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (current === '=') return { before, current: '' };
  return { before: before.filter((word) => word !== '='), current };
}

function optionsOf(command: string): ReadonlyMap<string, OptionOfTable> {
  const table = OPTIONS_OF.get(command) ?? {};
  return new Map(Object.entries(table) as [string, OptionOfTable][]);
}

/** The option whose value the cursor stands at, or null. */
function optionBefore(before: readonly string[], options: ReadonlyMap<string, OptionOfTable>): string | null {
  for (let back = 1; back <= 2; back++) {
    const word = before[before.length - back] ?? '';
    const name = /^--?([^-=].*)$/.exec(word)?.[1];
    if (name === undefined) continue;
    const known = [...options].find(([long, { alias }]) => long === name || alias === name);
    if (known === undefined || known[1].type === 'boolean') return null;
    return back <= (known[1].nargs ?? 1) ? known[0] : null;
  }
  return null;
}

async function valuesOf(
  name: string,
  option: OptionOfTable | undefined,
  value: string,
  sources: CompletionSources,
): Promise<string[]> {
  if (name === 'interface') return matching(await sources.interfaces(), value);
  if (name === 'color') return matching(COLOR_CHOICES, value);
  if (name === 'dump-on') return matching(['error', 'warning', 'info'], value);
  if (ID_OPTIONS.includes(name)) {
    const kept = value.slice(0, value.lastIndexOf(',') + 1);
    const found = matching(await sources.ids(), value.slice(kept.length));
    return found.map((id) => kept + id);
  }
  return matching(option?.choices ?? [], value);
}

function optionLines(options: ReadonlyMap<string, OptionOfTable>): string[] {
  const lines: string[] = [];
  for (const [name, { description = '', hidden }] of options) {
    if (hidden !== true) lines.push(`--${name}\t${description}`);
  }
  return [...lines, '--help\tall options'];
}

function matching(lines: readonly string[], beginning: string): string[] {
  return lines.filter((line) => line.startsWith(beginning));
}
