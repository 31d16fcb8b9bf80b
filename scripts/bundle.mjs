// Bundles the compiled program: loading some 200 small modules costs more than analysing a small capture. Entries keep
// the places that other files and programs know: dist/src/cli.js, dist/src/index.js, dist/src/dissect-worker.cjs.
import { chmodSync, rmSync } from 'node:fs';
import { rolldown } from 'rolldown';

const root = new URL('..', import.meta.url).pathname;

async function bundle(input, format, extension) {
  const built = await rolldown({
    input,
    platform: 'node',
    // Loaded on demand, and with files of its own beside it.
    external: ['piscina', 'cap'],
    logLevel: 'warn',
  });
  await built.write({
    dir: `${root}dist/src`,
    format,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: 'part-[name]-[hash].js',
    sourcemap: true,
    exports: 'named',
  });
}

rmSync(`${root}dist`, { recursive: true, force: true });
await bundle({ cli: `${root}src/cli.ts`, index: `${root}src/index.ts` }, 'esm', 'js');
// By itself, so that a worker loads the dissectors and nothing else of the catalogue. CommonJS, since piscina requires
// its workers, and Node 22 and 24 abort where a thread is ended while it requires an ES module.
await bundle({ 'dissect-worker': `${root}src/workers/dissect-worker.ts` }, 'cjs', 'cjs');
// A program of its own, which runs in a child process.
await bundle({ 'cap-child': `${root}src/live/cap-child.ts` }, 'esm', 'js');
chmodSync(`${root}dist/src/cli.js`, 0o755);
