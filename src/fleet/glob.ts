import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const MAGIC = /[*?[]/;

export function isGlob(pattern: string): boolean {
  return MAGIC.test(pattern);
}

/** The files that a pattern of a shell names, in order: `*` and `?` within a name, `**` for any folders, `[a-c]`. */
export function globFiles(pattern: string): string[] {
  const isAbsolute = pattern.startsWith('/');
  const parts = pattern.split('/').filter((part) => part !== '');
  return expand(isAbsolute ? '/' : '', parts).sort();
}

function expand(folder: string, parts: readonly string[]): string[] {
  const [part, ...rest] = parts;
  if (part === undefined) return [];
  if (part === '**') {
    const below = entriesOf(folder).filter(({ isFolder }) => isFolder);
    return [...expand(folder, rest), ...below.flatMap(({ name }) => expand(join(folder, name), parts))];
  }
  if (!isGlob(part) && rest.length > 0) return expand(join(folder, part), rest);
  const pattern = patternOf(part);
  const matching = entriesOf(folder).filter(({ name }) => pattern.test(name));
  if (rest.length === 0) return matching.map(({ name }) => join(folder, name));
  return matching.filter(({ isFolder }) => isFolder).flatMap(({ name }) => expand(join(folder, name), rest));
}

function entriesOf(folder: string): { name: string; isFolder: boolean }[] {
  try {
    return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      isFolder: entry.isDirectory(),
    }));
  } catch {
    // What cannot be listed matches nothing; whoever asked hears of a pattern without files.
    return [];
  }
}

function patternOf(part: string): RegExp {
  const source = part
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]');
  return new RegExp(`^(?!\\.)${source.replaceAll('[!', '[^')}$`);
}
