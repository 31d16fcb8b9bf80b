import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SAMPLE_CAPTURES } from './cases/all.js';
import { expectationsOf, readmeOf } from './cases/describe.js';

/* Writes the sample captures, README.md and expect.json into this folder: npx tsx captures/make.ts */

const folder = fileURLToPath(new URL('.', import.meta.url));
mkdirSync(`${folder}side-files`, { recursive: true });
for (const { file, write, sideFiles = {} } of SAMPLE_CAPTURES) {
  writeFileSync(`${folder}${file}`, write());
  for (const side of Object.values(sideFiles).flat())
    writeFileSync(`${folder}side-files/${side.file}`, side.content);
}
writeFileSync(`${folder}README.md`, readmeOf(SAMPLE_CAPTURES));
writeFileSync(`${folder}expect.json`, expectationsOf(SAMPLE_CAPTURES));
