import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SAMPLE_CAPTURES } from './cases/all.js';
import { expectationsOf, pathExpectationsOf, pathsReadmeOf, readmeOf } from './cases/describe.js';
import { SAMPLE_PATHS } from './cases/pairs.js';

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

for (const { name, points, write } of SAMPLE_PATHS) {
  mkdirSync(`${folder}paths/${name}`, { recursive: true });
  write().forEach((bytes, index) => {
    writeFileSync(`${folder}paths/${name}/${points[index]}.pcap`, bytes);
  });
}
writeFileSync(`${folder}paths/README.md`, pathsReadmeOf(SAMPLE_PATHS));
writeFileSync(`${folder}paths/expect.json`, pathExpectationsOf(SAMPLE_PATHS));
