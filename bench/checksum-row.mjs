import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { contender, QUANTITIES } from './contenders.mjs';
import { markdownTable, ratioOf, spreadText } from './ratios.mjs';

/**
 * The row of what verifying checksums costs: CPU time divided by that of the same program built without the folder that takes
 * what does not fit, for which nothing is summed.
 * @param {{ capture: import('./inputs.mjs').CaptureSpec, limit: number, rounds: number }} row
 * @returns {import('./target-rows.mjs').Row}
 */
export function checksumRow({ capture, limit, rounds }) {
  return {
    name: 'checksums',
    work: '1 GB mixed, CPU time ÷ capan built without checksums (`--threads 0`)',
    target: `≤ ${limit}`,
    captures: [capture],
    tools: [],
    rounds,
    async measure(session) {
      const file = await session.capture(capture);
      const options = ['--threads', '0'];
      const families = readdirSync(join(session.options.root, 'dissectors'), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_') && entry.name !== 'checksum')
        .map(({ name }) => name);
      const capan = contender('capan', session.capan(file, options));
      const without = contender('capan without checksums', session.capanWith(families, file, options));
      await session.measure([without, capan], session.roundsOf({ rounds }));
      const ratios = QUANTITIES.map(({ key }) => ratioOf(capan.measured, without.measured, key));
      const cpu = ratios[QUANTITIES.findIndex(({ key }) => key === 'cpuSeconds')];
      const table = markdownTable([
        [`${capan.name} ÷ ${without.name}`, 'min / median / max'],
        ...QUANTITIES.map(({ title }, index) => [title, spreadText(ratios[index])]),
      ]);
      return {
        measured: spreadText(cpu),
        met: cpu === undefined ? undefined : cpu.median <= limit,
        details: `${session.describe(capture)}\n\n${table}`,
      };
    },
  };
}
