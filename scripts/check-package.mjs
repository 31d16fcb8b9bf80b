// Packs what would be published, installs it as a user does, and runs it: `npm run check-package`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const SIZE_MAX = 3_000_000;
const capture = join(root, 'captures/esp-one-way.pcap');
const scratch = mkdtempSync(join(tmpdir(), 'capan-package-'));

function run(program, args, options = {}) {
  return execFileSync(program, args, {
    cwd: scratch,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
}

function assert(holds, message) {
  if (!holds) throw new Error(message);
}

try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', scratch], { cwd: root }));
  const tarball = join(scratch, packed.filename);
  const { size } = statSync(tarball);
  assert(size < SIZE_MAX, `the package has ${size} bytes, more than ${SIZE_MAX}`);
  const paths = packed.files.map(({ path }) => path);
  const strays = paths.filter((path) => /\.map$|golden|\.test\.|capan\.cjs$/.test(path));
  assert(strays.length === 0, `packed by mistake: ${strays.join(', ')}`);
  for (const path of ['dist/man/capan.1', 'sbom.cdx.json', 'NOTICE', 'LICENSE', 'dist/types/src/index.d.ts'])
    assert(paths.includes(path), `${path} is not packed`);

  const prefix = join(scratch, 'prefix');
  const quietly = ['--no-fund', '--no-audit', '--loglevel=error', '--omit=optional'];
  run('npm', ['install', '--global', '--prefix', prefix, ...quietly, tarball]);
  const capan = join(prefix, 'bin/capan');
  const { name, version } = packed;
  const said = run(capan, ['--version']).trim();
  assert(said.startsWith(`${version}`), `--version says ${said}`);
  assert(existsSync(join(prefix, 'share/man/man1/capan.1')), 'the manual page is not installed');
  for (const threads of ['0', '2']) {
    const report = run(capan, ['analyze', capture, '--fail-on', 'never', '--threads', threads]);
    assert(report.includes('esp.one-way-spi'), `with ${threads} threads the installed program finds nothing`);
  }
  const page = join(scratch, 'page.html');
  run(capan, ['analyze', capture, '--fail-on', 'never', '--html', page]);
  assert(statSync(page).size > 100_000, 'the installed program writes no page');

  writeFileSync(join(scratch, 'package.json'), '{ "private": true, "type": "module" }\n');
  run('npm', ['install', ...quietly, tarball]);
  assert(run('npx', ['capan', '--version']).trim() === said, 'npx runs another program');
  const script = `import { analyze } from '${name}'; console.log((await analyze(['${capture}'])).findings[0].id);`;
  assert(
    run('node', ['--input-type=module', '-e', script]).trim() === 'esp.one-way-spi',
    'the library does not work',
  );

  run('node', [join(root, 'scripts/bundle.mjs'), '--single-file']);
  const single = join(root, 'dist/capan.cjs');
  assert(run(single, ['--version']).trim().startsWith(version), 'the single file does not run');
  const report = run(single, ['analyze', capture, '--fail-on', 'never']);
  assert(report.includes('esp.one-way-spi'), 'the single file finds nothing');
  process.stdout.write(`${packed.filename}: ${size} bytes, ${paths.length} files; ${said}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
