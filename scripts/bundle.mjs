// Bundles the compiled program: loading some 200 small modules costs more than analysing a small capture. Entries keep
// the places that other files and programs know: dist/src/cli.js, dist/src/index.mjs, dist/src/dissect-worker.cjs.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { pageClient } from './page-client.mjs';

const root = new URL('..', import.meta.url).pathname;

/**
 * What takes the place of modules that cost more to load than to use. The libraries for tables and for help measure text
 * with string-width, in four versions that each ask for Unicode tables when they are loaded: a sixth of a small analysis.
 * Most text is ASCII, as wide as it is long. yargs compares with `assert`, which brings colours and streams along.
 */
const LIGHTER = {
  'string-width': `
    import widthOf from 'fast-string-width';
    export default function stringWidth(text) {
      return /^[ -~]*$/.test(text) ? text.length : widthOf(text);
    }
    export { stringWidth as 'module.exports' };`,
  assert: `
    export function strictEqual(actual, expected, message = 'not equal') {
      if (!Object.is(actual, expected)) throw new TypeError(String(message));
    }
    export function notStrictEqual(actual, expected, message = 'equal') {
      if (Object.is(actual, expected)) throw new TypeError(String(message));
    }`,
};

const lighterModules = {
  name: 'lighter-modules',
  resolveId: (name) => (name in LIGHTER ? `\0${name}` : null),
  load: (id) => LIGHTER[id.slice(1)] ?? null,
};

const { name, version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

/** Of the tree that is built; '' where git knows none. */
function commitOf() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  if (process.env.CAPAN_COMMIT) return process.env.CAPAN_COMMIT.slice(0, 12);
  try {
    // A copy inside another repository has that one's commits.
    if (git('rev-parse', '--show-prefix') !== '') return '';
    const changes = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
    return git('rev-parse', '--short=12', 'HEAD') + changes;
  } catch {
    return '';
  }
}

const commit = commitOf();
const CAPAN_PAGE_CLIENT = JSON.stringify(await clientOfThePage());
const buildFacts = (isSingleFile) => ({
  define: {
    CAPAN_BUILD: JSON.stringify({ name, version, commit, isSingleFile }),
    CAPAN_PAGE_CLIENT,
  },
});

/** What draws the report as a page; without it the program says that it was built without. */
async function clientOfThePage() {
  try {
    return await pageClient();
  } catch (error) {
    process.stderr.write(`Built without the page of a report (npm ci installs what it needs): ${error}\n`);
    return null;
  }
}

/** @param moduleSideEffects false: whatever nothing of is used is left out, though loading it calls functions. */
async function bundle(input, format, output = {}, neverLoaded = [], moduleSideEffects = true) {
  const extension = format === 'esm' ? 'mjs' : 'cjs';
  const built = await rolldown({
    input,
    platform: 'node',
    // Loaded on demand, and with files of its own beside it.
    external: ['piscina', 'cap', ...neverLoaded],
    plugins: [lighterModules],
    transform: buildFacts(false),
    treeshake: { moduleSideEffects },
    // A function of yargs that nobody calls asks for `import.meta.resolve`.
    checks: { emptyImportMeta: false },
    logLevel: 'warn',
  });
  return built.write({
    dir: `${root}dist/src`,
    format,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `part-[name]-[hash].${extension}`,
    sourcemap: true,
    exports: 'named',
    ...output,
  });
}

/**
 * dist/capan.cjs: the command in one file that needs nothing but Node. Without a worker beside it everything runs on the main
 * thread, and `live` captures with dumpcap or tcpdump.
 */
async function singleFile() {
  const built = await rolldown({
    input: `${root}src/cli.ts`,
    platform: 'node',
    external: ['piscina', 'cap'],
    plugins: [lighterModules],
    transform: buildFacts(true),
    checks: { emptyImportMeta: false },
    logLevel: 'warn',
  });
  await built.write({
    file: `${root}dist/capan.cjs`,
    format: 'cjs',
    codeSplitting: false,
    minify: true,
    banner: '#!/usr/bin/env node',
  });
  chmodSync(`${root}dist/capan.cjs`, 0o755);
}

rmSync(`${root}dist`, { recursive: true, force: true });
// What V8's code cache can hold: CommonJS, and in ASCII, so that it is read without decoding. Lines stay, for stack traces.
// The library is made of the same parts as the program: with parts of its own the package would hold the catalogue twice.
const { output } = await bundle({ program: `${root}src/cli.ts`, library: `${root}src/index.ts` }, 'cjs', {
  dynamicImportInCjs: false,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
  postBanner: '(function (exports, require, module, __filename, __dirname) {',
  postFooter: '})',
});
const library = output.find((part) => part.type === 'chunk' && part.name === 'library' && part.isEntry);
writeFileSync(
  `${root}dist/src/index.mjs`,
  `import { createRequire } from 'node:module';
const { load } = createRequire(import.meta.url)('./load-bundle.cjs');
export const { ${library.exports.join(', ')} } = load('./library.cjs');
`,
);
await bundle({ 'load-bundle': `${root}src/load-bundle.ts` }, 'cjs');
// CommonJS too: starting Node's loader of ES modules takes as long as reading the command line.
await bundle({ cli: `${root}src/launch.ts` }, 'cjs', { entryFileNames: '[name].js' });
writeFileSync(`${root}dist/src/package.json`, '{ "type": "commonjs" }\n');
// By itself, so that a worker loads the dissectors and nothing else of the catalogue. CommonJS, since piscina requires
// its workers, and Node 22 and 24 abort where a thread is ended while it requires an ES module.
// Workers read no side files; chunks for the shapes of these would draw constants of the hot path out of the file.
await bundle({ 'dissect-worker': `${root}src/workers/dissect-worker.ts` }, 'cjs', {}, [/-shape\.js$/], false);
// A program of its own, which runs in a child process.
await bundle({ 'cap-child': `${root}src/live/cap-child.ts` }, 'cjs');
// For the manual page: what the command line says of itself.
await bundle({ 'man-page': `${root}src/commands/man-page.ts` }, 'esm', { dir: `${root}dist/making` });
const { manPage } = await import(pathToFileURL(`${root}dist/making/man-page.mjs`).href);
mkdirSync(`${root}dist/man`);
writeFileSync(`${root}dist/man/capan.1`, await manPage(version));
rmSync(`${root}dist/making`, { recursive: true });
if (process.argv.includes('--single-file')) await singleFile();
// The first run of a part keeps what V8 compiled.
execFileSync(
  process.execPath,
  [`${root}dist/src/cli.js`, 'analyze', `${root}captures/vxlan-gbp-healthy.pcap`, '--fail-on', 'never'],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
chmodSync(`${root}dist/src/cli.js`, 0o755);
