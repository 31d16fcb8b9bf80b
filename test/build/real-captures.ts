import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { dissectors } from '../../dissectors/index.js';
import { openCaptureSource } from '../../src/capture/file-source.js';
import type { Correlator } from '../../src/correlate/correlator.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { sampleOf } from '../sampling.js';
import { tsharkMissing } from './tshark.js';

/* Public captures beside the project, where they are at hand: what is read of them is compared with tshark. */

const folder = resolve(import.meta.dirname, '../../../shared/captures/real');

/** Why tests that compare with tshark are skipped, or null. */
export const comparisonMissing: string | null = existsSync(join(folder, 'manifest.jsonl'))
  ? tsharkMissing
  : 'no captures at hand';

interface Listed {
  /** Relative to the folder. */
  readonly file?: string;
  /** `eth:18 ip:18 udp:18 ntp:2`: frames by protocol. */
  readonly protocols?: string;
}

/** Files in which tshark has seen that protocol; in a sample, so many of them. */
export function realCapturesWith(protocol: string, inSample = Number.POSITIVE_INFINITY): readonly string[] {
  if (comparisonMissing) return [];
  const files = readFileSync(join(folder, 'manifest.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Listed)
    .filter(({ protocols }) => ` ${protocols}`.includes(` ${protocol}:`))
    .flatMap(({ file }) => (file === undefined ? [] : [join(folder, file)]))
    .filter((file) => existsSync(file));
  return sampleOf(files, inSample, `public captures with ${protocol}`, (file) => basename(file));
}

/** What tshark prints of each frame of a file that passes the filter; null where it finds the file damaged and stops early. */
export function tsharkFileFields(
  file: string,
  fields: readonly string[],
  displayFilter: string,
): string[][] | null {
  const columns = fields.flatMap((field) => ['-e', field]);
  const args = ['-n', '-r', file, '-Y', displayFilter, '-T', 'fields', ...columns];
  const { stdout, status } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) return null;
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

/** Sessions of one correlator over a file, with all of the catalogue's dissectors; null where the format is not read. */
export async function sessionsOfFile<Session>(
  file: string,
  correlator: Correlator<Session>,
): Promise<readonly Session[] | null> {
  const source = await openCaptureSource([file]).catch(() => null);
  if (!source) return null;
  try {
    const { runner } = await runPipeline(source, dissectors, [correlator as Correlator], { threads: 0 });
    return (runner.sessions().get(correlator.name) ?? []) as readonly Session[];
  } finally {
    await source.close();
  }
}

/** By frame number: the values of each field, of every occurrence in the frame. */
export function tsharkByFrame(
  file: string,
  displayFilter: string,
  fields: readonly string[],
): Map<number, readonly string[][]> {
  const columns = ['frame.number', ...fields].flatMap((field) => ['-e', field]);
  const args = ['-n', '-r', file, '-Y', displayFilter, '-T', 'fields', '-E', 'separator=|', ...columns];
  const { stdout } = spawnSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const rows = stdout.split('\n').filter((line) => line !== '');
  return new Map(
    rows.map((line) => {
      const [frame, ...values] = line.split('|');
      return [Number(frame), values.map((value) => (value === '' ? [] : value.split(',')))];
    }),
  );
}
