import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const NAMES = ['capan.config.json', '.capanrc.json'];

/**
 * The configuration that holds where none is given: the nearest one in this folder or above it, else that of the user
 * ($XDG_CONFIG_HOME/capan/config.json, as a rule ~/.config/capan/config.json). It sets thresholds, so that only files of this user or of root count.
 * @returns a path, or null.
 */
export function findConfiguration(
  from: string,
  { XDG_CONFIG_HOME = '', HOME = '' }: { readonly [name: string]: string | undefined },
): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const near = NAMES.map((name) => join(folder, name)).find(isOurs);
    if (near !== undefined) return near;
    if (folder === dirname(folder)) break;
  }
  const place = XDG_CONFIG_HOME === '' ? HOME && join(HOME, '.config') : XDG_CONFIG_HOME;
  const own = place === '' ? '' : join(place, 'capan', 'config.json');
  return own !== '' && isOurs(own) ? own : null;
}

function isOurs(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  const user = process.getuid?.();
  return stats?.isFile() === true && (user === undefined || stats.uid === user || stats.uid === 0);
}
