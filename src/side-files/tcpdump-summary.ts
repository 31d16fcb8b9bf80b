import type { Origin } from './origin.js';
import { defineSideFileReader } from './side-file-reader.js';
import type { TextFile } from './text-file.js';

/* The lines that tcpdump prints when it ends: what the capture itself lost, which a pcap file cannot say. */

export interface CaptureTally {
  readonly origin: Origin;
  /** Packets that tcpdump wrote. */
  readonly captured: number;
  /** Packets that passed the filter; null where the line is missing. */
  readonly received: number | null;
  /** Packets that the kernel threw away for want of room. */
  readonly dropped: number;
}

const COUNT = /^(\d{1,15}) packets? (captured|received by filter|dropped by kernel|dropped by interface)$/;

/** One a run of tcpdump, in order; runs that do not say what was captured and what was dropped are no tally. */
function readTcpdumpSummaries({ file, lines }: TextFile): CaptureTally[] {
  const tallies: CaptureTally[] = [];
  let open: { captured: number; received: number | null; place: string } | null = null;
  for (const { text, number } of lines) {
    const [, digits, what] = COUNT.exec(text.trim()) ?? [];
    if (digits === undefined) continue;
    const count = Number(digits);
    if (what === 'captured') open = { captured: count, received: null, place: `line ${number}` };
    else if (open !== null && what === 'received by filter') open.received = count;
    else if (open !== null && what === 'dropped by kernel') {
      const { captured, received, place } = open;
      tallies.push({ origin: { file, place }, captured, received, dropped: count });
      open = null;
    }
  }
  return tallies;
}

/** The engine's own: drops are facts of a capture, and belong to it before anything is judged. */
export default defineSideFileReader<CaptureTally>({
  kind: 'tcpdump summary',
  text: { words: { other: ['the last lines of tcpdump'] }, read: readTcpdumpSummaries },
});
