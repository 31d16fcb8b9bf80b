import { readdirSync } from 'node:fs';
import type { SampleCapture } from './sample-capture.js';

const folder = new URL('.', import.meta.url);

/** A file of this folder that exports `captures` is one of those that ship; the others build what these have in common. */
async function capturesOf(file: string): Promise<readonly SampleCapture[]> {
  const exported: { readonly captures?: readonly SampleCapture[] } = await import(new URL(file, folder).href);
  return exported.captures ?? [];
}

const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'all.ts');

/** Every capture that ships, in the order of the README: by the names of these files, then as each lists them. */
export const SAMPLE_CAPTURES: readonly SampleCapture[] = (
  await Promise.all(files.sort().map(capturesOf))
).flat();
