// The programs that are compared, and the rounds in which they take turns.
import { spawnSync } from 'node:child_process';
import { measure } from './measure.mjs';

/** @typedef {{ name: string, command: string[], roundsMax: number, measured: Map<number, object> }} Contender */

export const TSHARK_ROUNDS_MAX = 2;
export const QUANTITIES = [
  { key: 'wallSeconds', title: 'Wall time', unit: 's', scale: 1 },
  { key: 'cpuSeconds', title: 'CPU time, user and system', unit: 's', scale: 1 },
  { key: 'peakBytes', title: 'Peak memory', unit: 'MiB', scale: 1024 * 1024 },
];

/** Command lines of the reference tools, by name. */
export const REFERENCE_COMMANDS = {
  capinfos: (file) => ['capinfos', '-c', file],
  tcpdump: (file) => ['tcpdump', '-r', file, '-w', '/dev/null'],
  tshark: (file) => ['tshark', '-n', '-q', '-z', 'expert', '-r', file],
};

/** @returns {Contender} */
export function contender(name, command, roundsMax = Number.POSITIVE_INFINITY) {
  return { name, command, roundsMax, measured: new Map() };
}

/** @param {readonly string[]} program that starts capan @param {readonly string[]} options after those of every run */
export function capanCommand(program, file, options = []) {
  return [...program, 'analyze', file, '--fail-on', 'never', '-o', '/dev/null', ...options];
}

/** @returns {string | undefined} undefined where the program is not installed */
export function versionOf(program) {
  const { error, stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error === undefined ? /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] : undefined;
}

/** Every contender once a round, one after the other; each second round backwards, so that no one is always first. */
export async function runRounds(contenders, rounds, method) {
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
