import { existsSync, readFileSync } from 'node:fs';

/** Name and version as `report.tool` states them, from package.json. */
export function toolIdentity(): { name: string; version: string } {
  // Two levels up from src/report, three from dist/src/report.
  for (const path of ['../../package.json', '../../../package.json']) {
    const url = new URL(path, import.meta.url);
    if (!existsSync(url)) continue;
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string };
    return { name, version };
  }
  throw new Error('package.json is missing beside the installed program');
}
