import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { numberedColumns } from '../../src/observe/numbered-columns.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';

/**
 * One row for each checksum that does not fit, or is missing from UDP over IPv6; none for those that are right, so that
 * ordinary captures pay for the sums alone. `rows.flow` is the innermost conversation of the frame, whatever layer the
 * checksum stands in: there an answer shows whether the packet was accepted.
 */
export const CHECKSUM_ROWS = {
  /** CHECKSUM_ and VERDICT_ values of the engine. */
  kind: 'u8',
  verdict: 'u8',
  /** Tunnels around the layer with the checksum. */
  depth: 'u8',
  /** Packets that this one stands for. */
  weight: 'u8',
  timeToLive: 'u8',
  /** Of the IP packet, in bytes. */
  length: 'u32',
  found: 'u16',
  expected: 'u16',
  /** Addresses of that layer. */
  ...numberedColumns('source', 4, 'i32'),
  ...numberedColumns('destination', 4, 'i32'),
} as const satisfies Schema;

type ChecksumTable = ObservationTable<typeof CHECKSUM_ROWS>;

/** Checksums of IPv4, UDP, TCP, ICMP and ICMPv6 that do not fit; the engine does the sums. */
export default defineDissector({
  protocol: 'checksum',
  carriedBy: { checksum: true },
  observes: CHECKSUM_ROWS,
  rowsPerChunk: 4096,
  bind: (table) => (frame) => dissectChecksum(table, frame),
});

function dissectChecksum(table: ChecksumTable, frame: FrameContext): void {
  const note = frame.checksum;
  if (note === null) return;
  const row = table.rows.append(frame);
  table.rows.flow[row] = frame.innermostFlow;
  table.rows.direction[row] = frame.innermostDirection;
  table.kind[row] = note.kind;
  table.verdict[row] = note.verdict;
  table.depth[row] = note.depth;
  table.weight[row] = note.weight;
  table.timeToLive[row] = note.timeToLive;
  table.length[row] = note.length;
  table.found[row] = note.found;
  table.expected[row] = note.expected;
  table.source0[row] = note.source[0];
  table.source1[row] = note.source[1];
  table.source2[row] = note.source[2];
  table.source3[row] = note.source[3];
  table.destination0[row] = note.destination[0];
  table.destination1[row] = note.destination[1];
  table.destination2[row] = note.destination[2];
  table.destination3[row] = note.destination[3];
}
