// Writes NOTICE: the packages that the program is made of or loads, with their licences, from the lock file and from what
// is installed. Packages for other machines are named, without their text.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
/** States its licence in the old form, which the lock file does not repeat. */
const STATED_OTHERWISE = { cap: 'MIT' };
/** Needed to build alone, since the page of a report holds them. */
const IN_THE_PAGE = ['preact', 'uplot', '@dagrejs/dagre', '@dagrejs/graphlib'];
const LICENCE_FILE = /^(licen[cs]e|copying)(\.(md|txt))?$/i;

const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const rows = new Map();
for (const [path, { version, license, dev, os }] of Object.entries(packages)) {
  const name = path.replace(/^.*node_modules\//, '');
  if (path === '' || (dev && !IN_THE_PAGE.includes(name))) continue;
  const licence = license ?? STATED_OTHERWISE[name];
  if (licence === undefined) throw new Error(`${name} ${version} states no licence`);
  const folder = join(root, path);
  const file = existsSync(folder) ? readdirSync(folder).find((one) => LICENCE_FILE.test(one)) : undefined;
  const text = file === undefined || os ? '' : readFileSync(join(folder, file), 'utf8');
  rows.set(`${name} ${version}`, { licence, text: text.replace(/\r/g, '').trim() });
}

const names = [...rows.keys()].sort();
const byText = new Map();
for (const name of names) {
  const { text } = rows.get(name);
  if (text !== '') byText.set(text, [...(byText.get(text) ?? []), name]);
}
const parts = [
  'capan is licensed under the MIT License (see LICENSE). It contains or loads these packages:\n',
  ...names.map((name) => `  ${name}: ${rows.get(name).licence}`),
  ...[...byText].map(([text, owners]) => `\n${'-'.repeat(80)}\n${owners.join(', ')}\n\n${text}`),
];
writeFileSync(join(root, 'NOTICE'), `${parts.join('\n')}\n`);
