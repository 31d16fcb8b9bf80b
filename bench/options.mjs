// The command line of the bench.
import { parseArgs } from 'node:util';
import { TSHARK_ROUNDS_MAX } from './contenders.mjs';

export class UsageError extends Error {}

const BYTES_DEFAULT = 1_000_000_000;
const ROUNDS_DEFAULT = 5;
const OPTIONS = {
  all: { type: 'boolean', default: false },
  plots: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  scale: { type: 'string' },
  keep: { type: 'boolean', default: false },
  bytes: { type: 'string' },
  seed: { type: 'string', default: '1' },
  rounds: { type: 'string' },
  'skip-tshark': { type: 'boolean', default: false },
  base: { type: 'string' },
  capan: { type: 'string' },
  help: { type: 'boolean', default: false },
};
const OF_MAIN_TABLE = ['bytes', 'base'];
const OF_ROWS = ['scale', 'keep'];

/** @param {readonly string[]} names of all rows and plots */
export function usage(names) {
  return `usage: npm run bench -- [options]
  the main table, unless rows are chosen:
  --bytes N        size of the capture (default ${BYTES_DEFAULT})
  --base REV       build this revision too and measure it in the same rounds
  rows of the table of targets:
  --all            every row
  --plots          time and memory against frames, tunnels and workers, into bench/plots
  --only NAME,…    ${names.join(', ')}
  --scale X        captures of X times their size, from 0.0001 to 1 (default 1); the results say so
  --keep           keep the captures in bench/tmp
  both:
  --seed N         other captures of the same kinds (default 1)
  --rounds N       rounds of measurements (default ${ROUNDS_DEFAULT}, or that of the row; at most ${TSHARK_ROUNDS_MAX} of tshark on large captures)
  --skip-tshark    do not run tshark, the slowest of all
  --capan "CMD"    measure this command in place of dist/src/cli.js; nothing is written but to the terminal`;
}

/**
 * @param {readonly string[]} words of the command line
 * @param {{ rows: readonly string[], plots: readonly string[] }} known names, in order
 * @returns options with the chosen rows in `names`; none: the main table
 * @throws UsageError
 */
export function readOptions(words, { rows, plots }) {
  const values = parse(words);
  const only = (values.only ?? []).flatMap((list) => list.split(',')).map((name) => name.trim());
  const known = [...rows, ...plots];
  const unknown = only.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: one of ${known.join(', ')}`);
  const chosen = new Set([...(values.all ? rows : []), ...(values.plots ? plots : []), ...only]);
  const foreign = (chosen.size > 0 ? OF_MAIN_TABLE : OF_ROWS).find((name) => values[name]);
  if (foreign !== undefined) {
    const belongs = chosen.size > 0 ? 'belongs to the main table' : 'needs --all, --plots or --only';
    throw new UsageError(`--${foreign} ${belongs}`);
  }
  return {
    help: values.help,
    names: known.filter((name) => chosen.has(name)),
    scale: scaleOf(values.scale ?? '1'),
    keep: values.keep,
    bytes: wholeNumber('bytes', values.bytes ?? String(BYTES_DEFAULT)),
    seed: String(wholeNumber('seed', values.seed)),
    rounds: values.rounds === undefined ? undefined : wholeNumber('rounds', values.rounds),
    roundsOfMainTable: wholeNumber('rounds', values.rounds ?? String(ROUNDS_DEFAULT)),
    skipTshark: values['skip-tshark'],
    base: values.base,
    capan: values.capan,
  };
}

function parse(words) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS }).values;
  } catch (cause) {
    throw new UsageError(cause.message);
  }
}

function wholeNumber(name, text) {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--${name} ${text}: not a positive number`);
  return Number(text);
}

function scaleOf(text) {
  const scale = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(scale >= 0.0001 && scale <= 1))
    throw new UsageError(`--scale ${text}: not a number from 0.0001 to 1`);
  return scale;
}
