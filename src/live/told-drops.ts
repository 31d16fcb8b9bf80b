import type { Backend } from './capture-command.js';

/**
 * Packets that a capture program says were dropped, or null where it has said nothing. tcpdump tells its counters when
 * asked and at the end, dumpcap at the end.
 */
export function dropsToldBy(backend: Backend | 'ssh', stderr: string): number | null {
  if (backend === 'cap') return null;
  if (backend === 'dumpcap') {
    const told = [...stderr.matchAll(/dropped on interface '.*?': \d+\/(\d+)/g)];
    return told.length === 0 ? null : told.reduce((sum, [, count]) => sum + Number(count), 0);
  }
  const byKernel = [...stderr.matchAll(/(\d+) packets? dropped by kernel/g)].at(-1)?.[1];
  const byInterface = [...stderr.matchAll(/(\d+) packets? dropped by interface/g)].at(-1)?.[1];
  return byKernel === undefined ? null : Number(byKernel) + Number(byInterface ?? 0);
}
