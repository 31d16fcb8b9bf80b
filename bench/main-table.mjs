// The table of `npm run bench`: capan with every number of threads beside the reference tools, on one mixed capture.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { buildBase, removeBase } from './base-build.mjs';
import {
  capanCommand,
  contender,
  QUANTITIES,
  REFERENCE_COMMANDS,
  runRounds,
  TSHARK_ROUNDS_MAX,
  versionOf,
} from './contenders.mjs';
import { CaptureStore, warmPageCache } from './inputs.mjs';
import { markdownTable, ratioOf, spreadOf, spreadText } from './ratios.mjs';
import { machine, revisionOf, today } from './results-page.mjs';

const THREAD_CHOICES = [undefined, 0, 1, 2];

/**
 * @param {string} root of the repository
 * @param {readonly string[]} capanProgram
 * @param {object} options of the command line
 * @param {string} method of measuring
 * @returns {Promise<string>} Markdown
 */
export async function measureMainTable(root, capanProgram, options, method) {
  const { bytes, seed, rounds, skipTshark, base: baseRevision } = options;
  const file = new CaptureStore(root, { seed }).provide({ kind: 'mixed', bytes });
  const capan = capanContenders('capan', capanProgram, file);
  const references = referenceContenders(file, skipTshark);
  const baseFolder = join(root, 'bench', 'tmp', 'base');
  let base = [];
  let baseName;
  try {
    if (baseRevision !== undefined) {
      console.log(`building ${baseRevision} …`);
      process.once('SIGINT', () => {
        removeBase(root, baseFolder);
        process.exit(130);
      });
      const built = buildBase(root, baseFolder, baseRevision);
      baseName = built.name;
      base = capanContenders('base', [process.execPath, built.cli], file);
    }
    await warmPageCache(file);
    // A variant and its base run next to each other: what they are compared for is the smallest difference.
    const variants = capan.flatMap((variant, index) => [variant, ...base.slice(index, index + 1)]);
    const contenders = [...references, ...variants];
    await runRounds(contenders, rounds, method);
    console.log(`\nOn this machine, today:\n\n${medianTable(contenders)}\n`);
  } finally {
    if (baseRevision !== undefined) removeBase(root, baseFolder);
  }
  const tables = ratioTables(capan, references, base);
  console.log(tables);
  return `${circumstances({ root, file, rounds, method, references, baseName })}\n\n${tables}`;
}

function capanContenders(name, program, file) {
  return THREAD_CHOICES.map((threads) =>
    threads === undefined
      ? contender(name, capanCommand(program, file))
      : contender(
          `${name} --threads ${threads}`,
          capanCommand(program, file, ['--threads', String(threads)]),
        ),
  );
}

/** The reference tools of this machine; one that is missing is named and left out. */
function referenceContenders(file, skipTshark) {
  const present = [];
  for (const [name, command] of Object.entries(REFERENCE_COMMANDS)) {
    if (name === 'tshark' && skipTshark) continue;
    const version = versionOf(name);
    const roundsMax = name === 'tshark' ? TSHARK_ROUNDS_MAX : Number.POSITIVE_INFINITY;
    if (version === undefined) console.log(`${name} is not installed: no ratio to it`);
    else present.push({ ...contender(name, command(file), roundsMax), version });
  }
  return present;
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
    const rows = capan.map((variant, index) => {
      const others = [...references, withoutThreads, ...base.slice(index, index + 1)];
      const ratios = others.map((other) =>
        other === variant ? '1' : spreadText(ratioOf(variant.measured, other.measured, key)),
      );
      return [variant.name, ...ratios];
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

function circumstances({ root, file, rounds, method, references, baseName }) {
  const tools = references.map(
    ({ name, version, measured }) => `${name} ${version} (${measured.size} rounds)`,
  );
  return [
    `- ${today()}, revision ${revisionOf(root)}${baseName === undefined ? '' : `, base ${baseName}`}`,
    `- ${machine()}`,
    `- capture: ${statSync(file).size} bytes, in the page cache; ${rounds} rounds in turns, measured by ${method}`,
    `- references: ${tools.join(', ') || 'none'}`,
  ].join('\n');
}
