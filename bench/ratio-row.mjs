import { contender, QUANTITIES, REFERENCE_COMMANDS, versionOf } from './contenders.mjs';
import { markdownTable, ratioOf, spreadText } from './ratios.mjs';

/**
 * A row whose target is the wall time (or another quantity) of capan divided by that of a reference tool or, without a
 * tool, of `capan --threads 0`. The median of the rounds decides.
 * @param {object} row
 * @param {string} row.name
 * @param {string} row.work
 * @param {{ value: number, text: string }} row.limit
 * @param {import('./inputs.mjs').CaptureSpec} row.capture
 * @param {string} [row.tool]
 * @param {readonly string[]} [row.families] folders of the catalogue that capan is built with, where not with all
 * @param {'wallSeconds' | 'cpuSeconds'} [row.quantity] that decides
 * @param {number} row.rounds
 * @param {number} [row.roundsMax]
 * @returns {import('./target-rows.mjs').Row}
 */
export function ratioRow({ limit, capture, tool, families, quantity = 'wallSeconds', ...row }) {
  return {
    ...row,
    target: limit.text,
    captures: [capture],
    tools: tool === undefined ? [] : [tool],
    async measure(session) {
      const file = await session.capture(capture);
      // What threads gain is asked of a program that uses them, also where the capture is scaled.
      const options = tool === undefined ? session.defaultThreads : [];
      const command =
        families === undefined ? session.capan(file, options) : session.capanWith(families, file, options);
      const capan = contender(['capan', ...options].join(' '), command);
      const reference =
        tool === undefined
          ? contender('capan --threads 0', session.capan(file, ['--threads', '0']))
          : contender(tool, REFERENCE_COMMANDS[tool](file));
      await session.measure([reference, capan], session.roundsOf(row));

      const ratios = QUANTITIES.map(({ key }) => ratioOf(capan.measured, reference.measured, key));
      const deciding = ratios[QUANTITIES.findIndex(({ key }) => key === quantity)];
      const divisor = tool === undefined ? reference.name : `${tool} ${versionOf(tool)}`;
      const table = markdownTable([
        [`${capan.name} ÷ ${divisor}`, 'min / median / max'],
        ...QUANTITIES.map(({ title }, index) => [title, spreadText(ratios[index])]),
      ]);
      return {
        measured: spreadText(deciding),
        met: deciding === undefined ? undefined : deciding.median <= limit.value,
        details: `${session.describe(capture)}\n\n${table}`,
      };
    },
  };
}
