import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where administrators' programs lie that an ordinary user's PATH leaves out. */
const ADMINISTRATION_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The file that the name stands for, or null where no such program is installed. */
export function findProgram(name: string, path: string = process.env.PATH ?? ''): string | null {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...ADMINISTRATION_FOLDERS];
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not there, or not for this user; the next folder may have it.
    }
  }
  return null;
}
