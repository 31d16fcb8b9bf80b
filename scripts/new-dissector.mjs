// Starts a protocol from dissectors/_template: its folder, its builder and its cases. npm run new-dissector NAME
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const name = process.argv[2] ?? '';
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'dissectors', name);
const builder = join(root, 'test/build', `${name}.ts`);
const cases = join(root, 'captures/cases', `${name}.ts`);

if (!/^[a-z][a-z0-9-]*$/.test(name)) {
  console.error('usage: npm run new-dissector NAME   (a Wireshark display filter name, such as geneve)');
  process.exit(2);
}
for (const path of [folder, builder, cases]) {
  if (!existsSync(path)) continue;
  console.error(`${path} exists already`);
  process.exit(2);
}

const camel = name.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const pascal = camel[0].toUpperCase() + camel.slice(1);
const shouting = name.replaceAll('-', '_').toUpperCase();

function edit(file, ...replacements) {
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    replacements.reduce((edited, [from, to]) => edited.replaceAll(from, to), text),
  );
}

cpSync(join(root, 'dissectors/_template'), folder, { recursive: true });
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  edit(
    join(entry.parentPath, entry.name),
    ["'template'", `'${name}'`],
    ['template.silence', `${name}.silence`],
    ['template-', `${name}-`],
    ['TEMPLATE', shouting],
    ['Template', pascal],
    ['template', camel],
  );
}
renameSync(join(folder, 'template.test.ts'), join(folder, `${name}.test.ts`));
renameSync(join(folder, 'builder.ts'), builder);
renameSync(join(folder, 'cases.ts'), cases);
const becomes = [/\/\* Becomes [^,:]*[,:] (\w)/g, (_, letter) => `/* ${letter.toUpperCase()}`];
edit(builder, ['../../test/build/', './'], becomes);
edit(cases, ['../../captures/cases/', './'], ['./builder.js', `../../test/build/${name}.js`], becomes);
edit(join(folder, `${name}.test.ts`), ['./builder.js', `../../test/build/${name}.js`]);

// Import statements stand in the order of their new paths, and lines break where the new name is longer.
const paths = [folder, builder, cases];
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
if (existsSync(biome)) spawnSync(process.execPath, [biome, 'check', '--write', ...paths], { cwd: root });
const { status } = spawnSync(process.execPath, [join(root, 'scripts/write-catalogue.mjs')], {
  stdio: 'inherit',
});
if (status !== 0) {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  process.exit(1);
}
console.log(`dissectors/${name}, test/build/${name}.ts and captures/cases/${name}.ts are there. Next:
  1. carriedBy and the header in dissector.ts, the same bytes in test/build/${name}.ts
  2. npm test -- dissectors/${name}
  3. npm run captures && npm run docs && npm run golden; review what changed
  4. npm run check && npm test`);
