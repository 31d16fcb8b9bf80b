// Measures capan beside capinfos, tcpdump and tshark: the main table, rows of the table of targets, or plots; see README.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureMainTable } from './main-table.mjs';
import { measuringMethod } from './measure.mjs';
import { readOptions, UsageError, usage } from './options.mjs';
import { PLOT_ROWS } from './plot-rows.mjs';
import { MAIN_BLOCK, mergeTargets, readBlock, replaceBlock, TARGETS_BLOCK } from './results-page.mjs';
import { measureRows } from './row-session.mjs';
import { ROWS } from './target-rows.mjs';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(FOLDER);
const RESULTS = join(FOLDER, 'results.md');
const NAMES = { rows: ROWS.map(({ name }) => name), plots: PLOT_ROWS.map(({ name }) => name) };

/** `write` gets the page as it stands and returns what replaces the block. */
function writeResults(block, write) {
  const page = existsSync(RESULTS)
    ? readFileSync(RESULTS, 'utf8')
    : '# Results\n\nHow to read these ratios: [README.md](README.md).\n';
  writeFileSync(RESULTS, replaceBlock(page, block, write(page)));
  console.log(`\nwritten to ${relative(ROOT, RESULTS)}`);
}

async function runMainTable(capanProgram, options, method) {
  const rounds = options.roundsOfMainTable;
  const results = await measureMainTable(ROOT, capanProgram, { ...options, rounds }, method);
  if (options.capan === undefined) writeResults(MAIN_BLOCK, () => results);
}

async function runRows(capanProgram, options, method) {
  const rows = [...ROWS, ...PLOT_ROWS].filter(({ name }) => options.names.includes(name));
  const session = { ...options, root: ROOT, capanProgram, method, draws: options.capan === undefined };
  const { results, failures } = await measureRows(rows, session);
  if (failures > 0) process.exitCode = 1;
  const measured = ROWS.filter(({ name }) => results.has(name));
  if (measured.length === 0) return;
  console.log(`\n${mergeTargets(undefined, measured, results)}`);
  if (options.capan !== undefined) return;
  writeResults(TARGETS_BLOCK, (page) => mergeTargets(readBlock(page, TARGETS_BLOCK), ROWS, results));
}

async function main() {
  const options = readOptions(process.argv.slice(2), NAMES);
  if (options.help) return console.log(usage([...NAMES.rows, ...NAMES.plots]));
  const method = measuringMethod();
  const cli = join(ROOT, 'dist', 'src', 'cli.js');
  if (options.capan === undefined && !existsSync(cli)) {
    throw new Error('dist/src/cli.js is missing: run "npm run build" first');
  }
  const capanProgram = options.capan?.split(' ') ?? [process.execPath, cli];
  const run = options.names.length === 0 ? runMainTable : runRows;
  await run(capanProgram, options, method);
}

try {
  await main();
} catch (cause) {
  console.error(`bench: ${cause.message}`);
  if (cause instanceof UsageError) console.error(usage([...NAMES.rows, ...NAMES.plots]));
  process.exitCode = cause instanceof UsageError ? 2 : 1;
}
