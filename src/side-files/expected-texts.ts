import type { Report } from '../report/report.js';
import type { SideFileReader } from './side-file-reader.js';

/** "a log of pluto or charon, the output of ip -d link, ip addr, or the last lines of tcpdump". */
export function expectedTexts(readers: readonly SideFileReader[]): string {
  const words = readers.flatMap(({ text }) => text?.words ?? []);
  const outputs = new Set(words.flatMap(({ outputOf = [] }) => outputOf));
  const parts = [
    ...readers.flatMap(({ json }) => json?.words ?? []),
    ...words.flatMap(({ logs = [] }) => logs),
    ...[...outputs].map((command, index) => (index === 0 ? `the output of ${command}` : command)),
    ...words.flatMap(({ other = [] }) => other),
  ];
  const [last, ...before] = [...new Set(parts)].reverse();
  return before.length === 0 ? (last ?? 'a configuration') : `${before.reverse().join(', ')}, or ${last}`;
}

/** Texts that a diagnosis would use which found something, or could not tell; empty where none would. */
export function textsOfUse(
  readers: readonly SideFileReader[],
  { findings, checked }: Pick<Report, 'findings' | 'checked'>,
): string {
  const open = new Set([
    ...findings.map(({ id }) => id),
    ...checked.filter(({ result }) => result === 'insufficient-data').map(({ id }) => id),
  ]);
  const used = readers.filter(({ usedBy = [] }) => usedBy.some((id) => open.has(id)));
  return used.length === 0 ? '' : expectedTexts(used);
}
