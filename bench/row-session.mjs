// Runs rows one after the other, each with its own captures, and says what became of them.
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { capanCommand, runRounds, versionOf } from './contenders.mjs';
import { buildWith, removeBuild } from './families-build.mjs';
import { CaptureStore, scaledSpec, warmPageCache } from './inputs.mjs';
import { machine, revisionOf, today } from './results-page.mjs';

/**
 * @typedef {object} SessionOptions
 * @property {string} root of the repository
 * @property {readonly string[]} capanProgram
 * @property {string} method of measuring
 * @property {number} scale of the captures, 1 for those of the targets
 * @property {string} seed
 * @property {number} [rounds] in place of those of each row
 * @property {boolean} keep the captures
 * @property {boolean} skipTshark
 * @property {boolean} draws plots are written to bench/plots
 */

/** What a row needs to measure. */
export class RowSession {
  /** @param {SessionOptions} options @param {CaptureStore} store */
  constructor(options, store) {
    this.options = options;
    this.store = store;
  }

  get isScaled() {
    return this.options.scale !== 1;
  }

  /** @returns {Promise<string>} the file of a capture, made if need be and read once */
  async capture(spec) {
    const file = this.store.provide(spec);
    await warmPageCache(file);
    return file;
  }

  /** @returns {string} "mixed, 1,000,007,463 bytes" */
  describe(spec) {
    const { kind, frames } = scaledSpec(spec, this.options.scale);
    const bytes = `${statSync(this.store.fileOf(spec)).size.toLocaleString('en')} bytes`;
    return `${kind}, ${frames === undefined ? '' : `${frames.toLocaleString('en')} frames, `}${bytes}`;
  }

  capan(file, options = []) {
    return capanCommand(this.options.capanProgram, file, options);
  }

  /** As `capan`, for a program that is built now with these folders of the catalogue alone. */
  capanWith(families, file, options = []) {
    const cli = buildWith(this.options.root, families);
    return capanCommand([process.execPath, cli], file, options);
  }

  /**
   * Nothing, so that capan chooses its number of threads. A scaled capture may be so small that it would choose none:
   * there it is given as many as it would choose for a large one on a small machine.
   */
  get defaultThreads() {
    return this.isScaled ? ['--threads', String(Math.max(1, availableParallelism() - 1))] : [];
  }

  roundsOf({ rounds, roundsMax = Number.POSITIVE_INFINITY }) {
    return Math.min(this.options.rounds ?? rounds, roundsMax);
  }

  measure(contenders, rounds) {
    return runRounds(contenders, rounds, this.options.method);
  }
}

/**
 * @param {readonly import('./target-rows.mjs').Row[]} rows to measure, in order
 * @param {SessionOptions} options
 * @returns {Promise<{ results: Map<string, import('./results-page.mjs').RowResult>, failures: number }>}
 */
export async function measureRows(rows, options) {
  const { root, scale, seed, keep } = options;
  const store = new CaptureStore(root, { seed, scale, keep });
  const session = new RowSession(options, store);
  const results = new Map();
  let failures = 0;
  for (const [index, row] of rows.entries()) {
    console.log(`\n${row.name}: ${row.work}${row.target === undefined ? '' : `, ${row.target}`}`);
    const started = Date.now();
    try {
      results.set(row.name, await measureRow(row, session));
    } catch (cause) {
      failures += 1;
      console.error(`bench: ${row.name}: ${cause.message}`);
      results.set(row.name, resultOf(row, session, { measured: '–', details: '' }, 'could not be measured'));
    } finally {
      removeBuild(root);
      store.release(rows.slice(index + 1).flatMap(({ captures }) => captures));
    }
    const { measured, verdict } = results.get(row.name);
    console.log(`${row.name}: ${measured}, ${verdict} (${Math.round((Date.now() - started) / 1_000)} s)`);
  }
  return { results, failures };
}

async function measureRow(row, session) {
  const missing = row.tools.find((tool) => versionOf(tool) === undefined);
  if (missing !== undefined || (session.options.skipTshark && row.tools.includes('tshark'))) {
    const reason = missing === undefined ? 'tshark is left out' : `${missing} is not installed`;
    const result = resultOf(row, session, { measured: '–', details: '' }, `not measured: ${reason}`);
    return { ...result, skipped: true };
  }
  const outcome = await row.measure(session);
  if (outcome.plot !== undefined && session.options.draws) writePlot(session.options.root, outcome.plot);
  return resultOf(row, session, outcome, verdictOf(outcome.met, row, session.options.scale));
}

function resultOf(row, session, { measured, details }, verdict) {
  const { root, scale } = session.options;
  const rounds = session.roundsOf(row);
  const scaleText = isScaledRow(row) && scale !== 1 ? `, scale ${scale}` : '';
  const when = `${today()}, ${revisionOf(root)}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${scaleText}`;
  const circumstances = `${machine()}, by ${session.options.method}.`;
  return { measured, verdict, when, details: details === '' ? '' : `${circumstances} ${details}` };
}

/** A target is for its own size: at another one it is neither met nor missed. */
export function verdictOf(met, row, scale) {
  if (row.target === undefined) return 'no target';
  if (met === undefined) return 'not judged';
  const word = met ? 'met' : '**missed**';
  return scale === 1 || !isScaledRow(row) ? word : `${word} at scale ${scale}, which does not count`;
}

function isScaledRow({ captures }) {
  return captures.some(({ fixed }) => !fixed);
}

/** @param {{ name: string, svg: string }} plot */
function writePlot(root, { name, svg }) {
  const folder = join(root, 'bench', 'plots');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.svg`), svg);
  console.log(`drawn: bench/plots/${name}.svg`);
}
