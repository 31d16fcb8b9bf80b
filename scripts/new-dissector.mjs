// Copies dissectors/_template to a new folder and puts the protocol's name in: npm run new-dissector NAME
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const name = process.argv[2] ?? '';
const root = new URL('../dissectors/', import.meta.url).pathname;
const target = join(root, name);

if (!/^[a-z][a-z0-9-]*$/.test(name)) {
  console.error('usage: npm run new-dissector NAME   (a Wireshark display filter name, such as geneve)');
  process.exit(2);
}
if (existsSync(target)) {
  console.error(`dissectors/${name} exists already`);
  process.exit(2);
}

const camel = name.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const pascal = camel[0].toUpperCase() + camel.slice(1);
cpSync(join(root, '_template'), target, { recursive: true });
renameSync(join(target, 'template.test.ts'), join(target, `${name}.test.ts`));
for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath, entry.name);
  const text = readFileSync(file, 'utf8')
    .replaceAll("'template'", `'${name}'`)
    .replaceAll('template.silence', `${name}.silence`)
    .replaceAll('Template', pascal)
    .replaceAll('template', camel);
  writeFileSync(file, text);
}
console.log(`dissectors/${name} is there. Next: carriedBy in dissector.ts, then npm test.`);
