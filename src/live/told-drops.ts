import type { CaptureBackend } from './capture-command.js';

/**
 * Packets that a capture program says were dropped, or null where it has said nothing. tcpdump tells its counters when
 * asked and at the end, dumpcap at the end.
 */
export function dropsToldBy(backend: CaptureBackend, stderr: string): number | null {
  if (backend === 'cap') return null;
  if (backend === 'dumpcap' || backend === 'command') {
    const told = [...stderr.matchAll(/dropped on interface '.*?': \d+\/(\d+)/g)];
    if (told.length > 0) return told.reduce((sum, [, count]) => sum + Number(count), 0);
    if (backend === 'dumpcap') return null;
  }
  const byKernel = [...stderr.matchAll(/(\d+) packets? dropped by kernel/g)].at(-1)?.[1];
  const byInterface = [...stderr.matchAll(/(\d+) packets? dropped by interface/g)].at(-1)?.[1];
  return byKernel === undefined ? null : Number(byKernel) + Number(byInterface ?? 0);
}
