// Bundles the compiled program: loading some 200 small modules costs more than analysing a small capture. Entries keep
// the places that other files and programs know: dist/src/cli.js, dist/src/index.mjs, dist/src/dissect-worker.cjs.
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';

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

/** @param moduleSideEffects false: whatever nothing of is used is left out, though loading it calls functions. */
async function bundle(input, format, output = {}, neverLoaded = [], moduleSideEffects = true) {
  const extension = format === 'esm' ? 'mjs' : 'cjs';
  const built = await rolldown({
    input,
    platform: 'node',
    // Loaded on demand, and with files of its own beside it.
    external: ['piscina', 'cap', ...neverLoaded],
    plugins: [lighterModules],
    treeshake: { moduleSideEffects },
    // A function of yargs that nobody calls asks for `import.meta.resolve`.
    checks: { emptyImportMeta: false },
    logLevel: 'warn',
  });
  await built.write({
    dir: `${root}dist/src`,
    format,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `part-[name]-[hash].${extension}`,
    sourcemap: true,
    exports: 'named',
    ...output,
  });
}

rmSync(`${root}dist`, { recursive: true, force: true });
await bundle({ index: `${root}src/index.ts` }, 'esm');
// What V8's code cache can hold: CommonJS, and in ASCII, so that it is read without decoding. Lines stay, for stack traces.
await bundle({ program: `${root}src/cli.ts` }, 'cjs', {
  dynamicImportInCjs: false,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
  postBanner: '(function (exports, require, module, __filename, __dirname) {',
  postFooter: '})',
});
// CommonJS too: starting Node's loader of ES modules takes as long as reading the command line.
await bundle({ cli: `${root}src/launch.ts` }, 'cjs', { entryFileNames: '[name].js' });
writeFileSync(`${root}dist/src/package.json`, '{ "type": "commonjs" }\n');
// By itself, so that a worker loads the dissectors and nothing else of the catalogue. CommonJS, since piscina requires
// its workers, and Node 22 and 24 abort where a thread is ended while it requires an ES module.
// Workers read no side files; chunks for the shapes of these would draw constants of the hot path out of the file.
await bundle({ 'dissect-worker': `${root}src/workers/dissect-worker.ts` }, 'cjs', {}, [/-shape\.js$/], false);
// A program of its own, which runs in a child process.
await bundle({ 'cap-child': `${root}src/live/cap-child.ts` }, 'cjs');
execFileSync(
  process.execPath,
  [`${root}dist/src/cli.js`, 'analyze', `${root}captures/vxlan-gbp-healthy.pcap`, '--fail-on', 'never'],
  { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, CAPAN_WRITE_CODE_CACHE: '1' } },
);
chmodSync(`${root}dist/src/cli.js`, 0o755);
