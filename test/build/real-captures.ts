import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '../../../shared/captures/real');
const manifest = join(folder, 'manifest.jsonl');

/** Public captures in which tshark finds that protocol; none where they are missing. They do not ship with the project. */
export function realCapturesWith(protocol: string): string[] {
  if (!existsSync(manifest)) return [];
  return readFileSync(manifest, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { file: string; protocols: string })
    .filter(({ protocols }) => new RegExp(`\\b${protocol}:`).test(protocols))
    .map(({ file }) => join(folder, file));
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
