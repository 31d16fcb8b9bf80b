// `npm run fuzz -- TARGET [SECONDS]`: changes what ships until something breaks, and goes on from what reached new code
// the last time. Without a target it lists them; `all` takes them in turn.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Coverage } from './coverage.js';
import { type Mutation, mutateBytes, mutations } from './mutations.js';
import { type Target, targets } from './targets.js';

const HOUR_SECONDS = 3600;
/** A corpus is a start, not an archive. */
const KEPT_MAX = 8;
const KEPT_BYTES_MAX = 3000;
const CORPUS = join(import.meta.dirname, 'corpus');
const FOUND = join(import.meta.dirname, 'found');
/** An input that takes more of the processor is a finding of its own. */
const SLOW_MS = 5000;

const coverage = new Coverage();

interface Tally {
  runs: number;
  kept: number;
  found: number;
}

async function fuzz(target: Target, seconds: number, firstSeed: number): Promise<Tally> {
  const folder = join(CORPUS, target.name);
  const corpus = existsSync(folder)
    ? readdirSync(folder).map((name) => readFileSync(join(folder, name)))
    : [];
  const tally: Tally = { runs: 0, kept: 0, found: 0 };
  for (const seed of target.seeds) await attempt(target, await target.input(seed, []), tally);
  for (const bytes of corpus) await attempt(target, bytes, tally);
  await coverage.added();
  const endMs = performance.now() + seconds * 1000;
  for (let seed = firstSeed; performance.now() < endMs; seed++) {
    const [[choice, changes]] = fc.sample(fc.tuple(fc.nat(), mutations), { numRuns: 1, seed });
    const bytes = await inputOf(target, corpus, choice, changes);
    await attempt(target, bytes, tally);
    if ((await coverage.added()) === 0) continue;
    tally.kept++;
    corpus.push(Buffer.from(bytes));
    keep(folder, bytes);
  }
  return tally;
}

/** Half of the inputs go on from one that reached new code. */
function inputOf(
  target: Target,
  corpus: readonly Uint8Array[],
  choice: number,
  changes: readonly Mutation[],
): Promise<Uint8Array> | Uint8Array {
  if (choice % 2 === 0 && corpus.length > 0)
    return mutateBytes(corpus[(choice >> 1) % corpus.length], changes);
  return target.input(target.seeds[(choice >> 1) % target.seeds.length], changes);
}

async function attempt(target: Target, bytes: Uint8Array, tally: Tally): Promise<void> {
  const start = process.cpuUsage();
  let words = '';
  try {
    await target.run(bytes);
    const { user, system } = process.cpuUsage(start);
    const tookMs = (user + system) / 1000;
    if (tookMs > SLOW_MS) words = `took ${Math.round(tookMs)} ms for ${bytes.length} bytes`;
  } catch (error) {
    words = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  tally.runs++;
  if (words === '') return;
  tally.found++;
  mkdirSync(FOUND, { recursive: true });
  const file = join(FOUND, `${target.name.replace('/', '-')}-${nameOf(bytes)}`);
  writeFileSync(file, bytes);
  process.stderr.write(`${file}: ${words}\n`);
}

function keep(folder: string, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  if (bytes.length > KEPT_BYTES_MAX || readdirSync(folder).length >= KEPT_MAX) return;
  writeFileSync(join(folder, nameOf(bytes)), bytes);
}

const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

const [wanted, secondsText] = process.argv.slice(2);
const chosen = targets.filter(({ name }) => wanted === 'all' || name === wanted);
if (chosen.length === 0) {
  process.stderr.write(`npm run fuzz -- TARGET [SECONDS], where TARGET is all or one of:\n`);
  for (const { name, seeds } of targets) process.stderr.write(`  ${name} (${seeds.length} seeds)\n`);
  process.exitCode = 2;
} else {
  await coverage.start();
  const seconds = Number(secondsText ?? HOUR_SECONDS) / chosen.length;
  for (const target of chosen) {
    const { runs, kept, found } = await fuzz(target, seconds, Date.now() % 2 ** 31);
    process.stderr.write(
      `${target.name}: ${runs} runs, ${kept} reached new code, ${found} broke something\n`,
    );
    if (found > 0) process.exitCode = 1;
  }
}
