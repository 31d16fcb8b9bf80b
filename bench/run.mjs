// Measures capan beside capinfos, tcpdump and tshark on one capture, in turns; see README.md in this folder.
import { spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildBase, removeBase } from './base-build.mjs';
import { measure, measuringMethod } from './measure.mjs';
import { markdownTable, ratioOf, replaceResults, spreadOf, spreadText } from './ratios.mjs';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(FOLDER);
const TMP = join(FOLDER, 'tmp');
const BASE_FOLDER = join(TMP, 'base');
const RESULTS = join(FOLDER, 'results.md');
const TSHARK_ROUNDS_MAX = 2;
const THREAD_CHOICES = [undefined, 0, 1, 2];
const QUANTITIES = [
  { key: 'wallSeconds', title: 'Wall time', unit: 's', scale: 1 },
  { key: 'cpuSeconds', title: 'CPU time, user and system', unit: 's', scale: 1 },
  { key: 'peakBytes', title: 'Peak memory', unit: 'MiB', scale: 1024 * 1024 },
];
const USAGE = `usage: npm run bench -- [options]
  --bytes N        size of the capture (default 1000000000)
  --seed N         another capture of that size (default 1)
  --rounds N       rounds of measurements (default 5; tshark runs in the first ${TSHARK_ROUNDS_MAX})
  --skip-tshark    do not run tshark, the slowest of all
  --base REV       build this revision too and measure it in the same rounds
  --capan "CMD"    measure this command in place of dist/src/cli.js; results.md stays as it is`;

class UsageError extends Error {}

/** @typedef {{ name: string, command: string[], roundsMax: number, measured: Map<number, object> }} Contender */

function readOptions() {
  const options = {
    bytes: { type: 'string', default: '1000000000' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    'skip-tshark': { type: 'boolean', default: false },
    base: { type: 'string' },
    capan: { type: 'string' },
    help: { type: 'boolean', default: false },
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (cause) {
    throw new UsageError(cause.message);
  }
  for (const name of ['bytes', 'seed', 'rounds']) {
    if (!/^[1-9]\d{0,14}$/.test(values[name]))
      throw new UsageError(`--${name} ${values[name]}: not a positive number`);
  }
  return values;
}

/** Makes the capture unless it is there and newer than the sources that made it. */
function provideCapture(bytes, seed) {
  const file = join(TMP, `mixed-${bytes}-${seed}.pcap`);
  const generator = join(FOLDER, 'make-capture.ts');
  const traffic = join(FOLDER, 'traffic');
  const sources = [generator, ...readdirSync(traffic).map((name) => join(traffic, name))];
  const changedMs = Math.max(...sources.map((source) => statSync(source).mtimeMs));
  if (existsSync(file) && statSync(file).mtimeMs > changedMs) return file;
  mkdirSync(TMP, { recursive: true });
  console.log(`making ${relative(ROOT, file)} …`);
  const made = spawnSync(
    process.execPath,
    ['--import', 'tsx', generator, file, '--bytes', bytes, '--seed', seed],
    { cwd: ROOT, stdio: 'inherit' },
  );
  if (made.status !== 0) throw new Error(`the capture could not be made: ${relative(ROOT, file)}`);
  return file;
}

function capanContenders(name, command, file) {
  return THREAD_CHOICES.map((threads) => ({
    name: threads === undefined ? name : `${name} --threads ${threads}`,
    command: [
      ...command,
      ...['analyze', file, '--fail-on', 'never', '-o', '/dev/null'],
      ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ],
    roundsMax: Number.POSITIVE_INFINITY,
    measured: new Map(),
  }));
}

/** The reference tools of this machine; one that is missing is named and left out. */
function referenceContenders(file, skipTshark) {
  const tools = [
    { name: 'capinfos', command: ['capinfos', '-c', file], roundsMax: Number.POSITIVE_INFINITY },
    {
      name: 'tcpdump',
      command: ['tcpdump', '-r', file, '-w', '/dev/null'],
      roundsMax: Number.POSITIVE_INFINITY,
    },
    {
      name: 'tshark',
      command: ['tshark', '-n', '-q', '-z', 'expert', '-r', file],
      roundsMax: skipTshark ? 0 : TSHARK_ROUNDS_MAX,
    },
  ];
  const present = [];
  for (const tool of tools.filter(({ roundsMax }) => roundsMax > 0)) {
    const version = versionOf(tool.name);
    if (version === undefined) console.log(`${tool.name} is not installed: no ratio to it`);
    else present.push({ ...tool, version, measured: new Map() });
  }
  return present;
}

function versionOf(program) {
  const { error, stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error === undefined ? /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] : undefined;
}

/** Every contender once a round, one after the other; each second round backwards, so that no one is always first. */
async function runRounds(contenders, rounds, method) {
  for (let round = 1; round <= rounds; round += 1) {
    const turn = contenders.filter(({ roundsMax }) => round <= roundsMax);
    if (round % 2 === 0) turn.reverse();
    for (const { name, command, measured } of turn) {
      const measurement = await measure(command, method);
      measured.set(round, measurement);
      const figures = QUANTITIES.map(
        ({ key, unit, scale }) => `${(measurement[key] / scale).toFixed(2)} ${unit}`,
      );
      console.log(`round ${round}/${rounds}  ${name.padEnd(28)} ${figures.join('  ')}`);
    }
  }
}

/** Reads the file once, so that every contender finds it in the page cache. */
async function warmPageCache(file) {
  for await (const _ of createReadStream(file, { highWaterMark: 1024 * 1024 }));
}

function ratioTables(capan, references, base) {
  const withoutThreads = capan[THREAD_CHOICES.indexOf(0)];
  const heading = [
    'capan ÷',
    ...references.map(({ name }) => name),
    withoutThreads.name,
    ...(base.length > 0 ? ['the same at base'] : []),
  ];
  return QUANTITIES.map(({ key, title }) => {
    const rows = capan.map((contender, index) => {
      const others = [...references, withoutThreads, ...base.slice(index, index + 1)];
      const ratios = others.map((other) =>
        other === contender ? '1' : spreadText(ratioOf(contender.measured, other.measured, key)),
      );
      return [contender.name, ...ratios];
    });
    return `**${title}** (min / median / max)\n\n${markdownTable([heading, ...rows])}`;
  }).join('\n\n');
}

function medianTable(contenders) {
  const heading = ['median', ...QUANTITIES.map(({ title, unit }) => `${title}, ${unit}`)];
  const rows = contenders.map(({ name, measured }) => [
    name,
    ...QUANTITIES.map(({ key, scale }) => {
      const values = [...measured.values()].map((measurement) => measurement[key] / scale);
      return spreadOf(values).median.toFixed(2);
    }),
  ]);
  return markdownTable([heading, ...rows]);
}

function circumstances(file, rounds, method, references, baseName) {
  const revision = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, encoding: 'utf8' });
  const tools = references.map(
    ({ name, version, measured }) => `${name} ${version} (${measured.size} rounds)`,
  );
  return [
    `- ${new Date().toISOString().slice(0, 10)}, revision ${revision.stdout.trim() || 'not committed'}` +
      (baseName === undefined ? '' : `, base ${baseName}`),
    `- ${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ` +
      `${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`,
    `- capture: ${statSync(file).size} bytes, in the page cache; ${rounds} rounds in turns, measured by ${method}`,
    `- references: ${tools.join(', ') || 'none'}`,
  ].join('\n');
}

function writeResults(results) {
  const page = existsSync(RESULTS)
    ? readFileSync(RESULTS, 'utf8')
    : '# Results\n\nHow to read these ratios: [README.md](README.md).\n';
  writeFileSync(RESULTS, replaceResults(page, results));
  console.log(`\nwritten to ${relative(ROOT, RESULTS)}`);
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(USAGE);
  const rounds = Number(options.rounds);
  const method = measuringMethod();
  const cli = join(ROOT, 'dist', 'src', 'cli.js');
  if (options.capan === undefined && !existsSync(cli)) {
    throw new Error('dist/src/cli.js is missing: run "npm run build" first');
  }
  const file = provideCapture(options.bytes, options.seed);
  const capan = capanContenders('capan', options.capan?.split(' ') ?? [process.execPath, cli], file);
  const references = referenceContenders(file, options['skip-tshark']);
  let base = [];
  let baseName;
  try {
    if (options.base !== undefined) {
      console.log(`building ${options.base} …`);
      process.once('SIGINT', () => {
        removeBase(ROOT, BASE_FOLDER);
        process.exit(130);
      });
      const built = buildBase(ROOT, BASE_FOLDER, options.base);
      baseName = built.name;
      base = capanContenders('base', [process.execPath, built.cli], file);
    }
    await warmPageCache(file);
    // A variant and its base run next to each other: what they are compared for is the smallest difference.
    const variants = capan.flatMap((contender, index) => [contender, ...base.slice(index, index + 1)]);
    const contenders = [...references, ...variants];
    await runRounds(contenders, rounds, method);
    console.log(`\nOn this machine, today:\n\n${medianTable(contenders)}\n`);
  } finally {
    if (options.base !== undefined) removeBase(ROOT, BASE_FOLDER);
  }
  const tables = ratioTables(capan, references, base);
  console.log(tables);
  if (options.capan !== undefined) return;
  writeResults(`${circumstances(file, rounds, method, references, baseName)}\n\n${tables}`);
}

try {
  await main();
} catch (cause) {
  console.error(`bench: ${cause.message}`);
  if (cause instanceof UsageError) console.error(USAGE);
  process.exitCode = cause instanceof UsageError ? 2 : 1;
}
