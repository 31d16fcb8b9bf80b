// The page of results: blocks between markers, each rewritten by itself; what was measured earlier stays.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { markdownTable } from './ratios.mjs';

export const MAIN_BLOCK = {
  begin: '<!-- results: written by npm run bench -->',
  end: '<!-- end of results -->',
};
export const TARGETS_BLOCK = {
  begin: '<!-- targets: written by npm run bench -- --all -->',
  end: '<!-- end of targets -->',
};
const DETAILS = '<!-- details of ';
const NEVER_MEASURED = '–';

/** @returns {string | undefined} what stands between the markers; undefined without them */
export function readBlock(page, { begin, end }) {
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  return from === -1 || to === -1 ? undefined : page.slice(from + begin.length, to).trim();
}

/** Puts `text` between the markers of a Markdown page; a page without markers gets them at its end. */
export function replaceBlock(page, { begin, end }, text) {
  const block = `${begin}\n${text}\n${end}`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from === -1 || to === -1) return `${page.trimEnd()}\n\n${block}\n`.trimStart();
  return page.slice(0, from) + block + page.slice(to + end.length);
}

/**
 * @typedef {object} RowResult
 * @property {string} measured a cell of the table
 * @property {string} verdict met, missed, or why neither
 * @property {string} when date, revision, rounds and, unless 1, the scale
 * @property {string} details Markdown below the table
 * @property {boolean} [skipped] nothing was tried: an older result stays
 */

/**
 * The block of targets with the rows that were measured now in place of their older results.
 * @param {string | undefined} block as it stands on the page
 * @param {readonly { name: string, work: string, target: string }[]} rows all there are, in order
 * @param {ReadonlyMap<string, RowResult>} results by name
 */
export function mergeTargets(block, rows, results) {
  const before = earlierResults(block ?? '');
  const all = new Map(before);
  for (const [name, result] of results) if (!result.skipped || !before.has(name)) all.set(name, result);
  const heading = ['row', 'work', 'target', 'measured', 'verdict', 'when'];
  const lines = rows.map(({ name, work, target }) => {
    const { measured, verdict, when } = all.get(name) ?? {};
    return [name, work, target, ...[measured, verdict, when].map((cell) => cell ?? NEVER_MEASURED)];
  });
  const details = rows
    .filter(({ name }) => all.get(name)?.details)
    .map(({ name }) => `${DETAILS}${name} -->\n${titleOf(name)}${all.get(name).details}`);
  return [markdownTable([heading, ...lines]), ...details].join('\n\n');
}

/** @returns {Map<string, RowResult>} */
function earlierResults(block) {
  const [table, ...detailsTexts] = block.split(DETAILS);
  const detailsByName = new Map(
    detailsTexts.map((text) => {
      const name = text.slice(0, text.indexOf(' '));
      return [name, text.slice(text.indexOf(titleOf(name)) + titleOf(name).length).trim()];
    }),
  );
  const results = new Map();
  for (const line of table.split('\n').slice(2)) {
    const cells = line.split('|').map((cell) => cell.trim());
    const [, name, , , measured, verdict, when] = cells;
    if (cells.length !== 8 || when === NEVER_MEASURED) continue;
    results.set(name, { measured, verdict, when, details: detailsByName.get(name) ?? '' });
  }
  return results;
}

function titleOf(name) {
  return `**${name}**: `;
}

/** @param {string} root of the repository */
export function revisionOf(root) {
  const { stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' });
  return stdout?.trim() || 'not committed';
}

export function today() {
  return new Date().toISOString().slice(0, 10);
}

export function machine() {
  return (
    `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}, Node ${process.version}`
  );
}
