import { existsSync, readFileSync } from 'node:fs';

interface BuildFacts {
  readonly name: string;
  readonly version: string;
  /** Of the tree that was built, `+` behind it where that had changes; '' where git does not know it. */
  readonly commit: string;
  /** Everything is in one file, and no worker beside it. */
  readonly isSingleFile: boolean;
}

/** Written by the build in place of this name; there is none where the sources run as they are. */
declare const CAPAN_BUILD: BuildFacts | undefined;

let known: BuildFacts | null = null;

function buildFacts(): BuildFacts {
  if (typeof CAPAN_BUILD !== 'undefined') return CAPAN_BUILD;
  known ??= factsOfSources();
  return known;
}

function factsOfSources(): BuildFacts {
  const url = new URL('../../package.json', import.meta.url);
  if (!existsSync(url)) throw new Error('package.json is missing beside the sources');
  const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string };
  return { name, version, commit: '', isSingleFile: false };
}

/** Name and version as `report.tool` states them. */
export function toolIdentity(): { name: string; version: string } {
  const { name, version } = buildFacts();
  return { name, version };
}

/** "1.0.0 (1a2b3c4d5e6f)": with the commit where the build knew it. */
export function versionText(): string {
  const { version, commit } = buildFacts();
  return commit === '' ? version : `${version} (${commit})`;
}

/** True where the program has no worker beside it to start. */
export function isSingleFile(): boolean {
  return buildFacts().isSingleFile;
}
