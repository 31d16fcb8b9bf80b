// Hands the packets of a VPP text to the reader of pcap files: each visit of a node as a record of VPP's dispatch
// capture, in order of time.
import { LINKTYPE_VPP_DISPATCH } from '../../wire/link-types.js';
import * as vpp from '../../wire/vpp.js';
import type { ByteFeed } from '../byte-feed.js';
import { addDamage, countSkipped } from '../capture-facts.js';
import type { CaptureFacts } from '../capture-source.js';
import { readPacketText } from './packet-text.js';
import { isVppText, type Note, readTraceText, type TracedPacket, type Visit } from './read-text.js';

/** A text is held whole, since its threads follow one another and their packets must be put in order of time. */
export const TEXT_LENGTH_MAX = 64 << 20;

/** What VPP itself keeps of a record. */
const BODY_LENGTH_MAX = 16_384;

const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const NS_PER_SECOND = 1_000_000_000n;

/** Whether the first bytes of an input are text that VPP printed. */
export function looksLikeVppText(head: Uint8Array): boolean {
  return isVppText(new TextDecoder('latin1').decode(head));
}

/**
 * Reads the text of the feed to its end.
 * @returns the same as a pcap file of link type 280; what had to be left out is noted in the facts
 */
export async function dispatchRecordsOf(feed: ByteFeed, facts: CaptureFacts): Promise<Uint8Array> {
  await feed.ensure(TEXT_LENGTH_MAX + 1);
  const held = feed.heldBytes();
  const text = new TextDecoder('latin1').decode(held.subarray(0, TEXT_LENGTH_MAX));
  if (held.length > TEXT_LENGTH_MAX) {
    addDamage(facts, TEXT_LENGTH_MAX, 'the text is longer than 64 MiB; nothing after that was read');
  }
  if (feed.source.fault !== null) addDamage(facts, held.length, feed.source.fault);
  const { packets, notes, longLines, leftOut } = readTraceText(text);
  if (longLines > 0) countSkipped(facts, 'ends of lines beyond 4096 characters', longLines);
  if (leftOut > 0) countSkipped(facts, 'lines beyond the bounds of a packet', leftOut);
  const empty = packets.filter(({ visits }) => visits.length === 0).length;
  if (empty > 0) countSkipped(facts, 'packets without a node', empty);
  facts.bytes = Math.min(held.length, TEXT_LENGTH_MAX);
  return pcapOf([...recordsOfPackets(packets), ...recordsOfNotes(packets, notes)]);
}

interface TextRecord {
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
}

function recordsOfPackets(packets: readonly TracedPacket[]): TextRecord[] {
  const records = packets.flatMap((packet, ordinal) => {
    let timeNs = 0n;
    return packet.visits.map((visit) => {
      // Clocks of two cores differ a little: where a packet changes the core, its order is that of the text.
      if (visit.timeNs > timeNs) timeNs = visit.timeNs;
      return { timeNs, bytes: recordOfVisit(packet, ordinal, visit) };
    });
  });
  // Sorting is stable: visits of one microsecond stay in the order of the text.
  return records.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
}

function recordOfVisit(packet: TracedPacket, ordinal: number, visit: Visit): Uint8Array {
  const shown = readPacketText(visit.body);
  const { thread, number, isCut } = packet;
  const head = encode({
    kind: vpp.VPP_TEXT_VISIT,
    buffer: ordinal,
    strings: [
      visit.node,
      `thread: ${thread} packet: ${number} line: ${visit.line} cut: ${isCut ? 1 : 0}`,
      '',
      '',
      // The time matters to nobody here; it makes the line a head like any other.
      [`00:00:00:000000: ${visit.node}`, ...visit.body].join('\n').slice(0, BODY_LENGTH_MAX),
    ],
  });
  if (shown === null) return head;
  const bytes = new Uint8Array(head.length + shown.length);
  bytes.set(head);
  bytes.set(shown, head.length);
  return bytes;
}

/** The other lines have no time of their own: they stand behind the last packet. */
function recordsOfNotes(packets: readonly TracedPacket[], notes: readonly Note[]): TextRecord[] {
  let last = 0n;
  for (const { visits } of packets) for (const { timeNs } of visits) if (timeNs > last) last = timeNs;
  return notes.map((note) => ({ timeNs: last, bytes: encodeNote(note) }));
}

function encodeNote(note: Note): Uint8Array {
  const { line } = note;
  switch (note.kind) {
    case 'empty-thread': {
      const strings = ['-', `thread: ${note.thread} line: ${line}`, '', ''];
      return encode({ kind: vpp.VPP_TEXT_EMPTY_THREAD, buffer: 0, strings });
    }
    case 'limited': {
      const strings = ['-', `thread: ${note.thread} line: ${line}`, '', ''];
      return encode({ kind: vpp.VPP_TEXT_LIMITED, buffer: note.packets, strings });
    }
    case 'error-counter': {
      const strings = [note.node, `packet: ${note.table} line: ${line}`, note.reason, ''];
      return encode({ kind: vpp.VPP_TEXT_ERROR_COUNTER, buffer: note.count, strings });
    }
    case 'buffer-pool': {
      const strings = [note.name, `line: ${line}`, '', ''];
      return encode({ kind: vpp.VPP_TEXT_BUFFER_POOL, buffer: note.free, strings });
    }
  }
}

interface RecordParts {
  readonly kind: number;
  /** Cut to 32 bits at the top: counters may be larger. */
  readonly buffer: number;
  readonly strings: readonly string[];
}

function encode({ kind, buffer, strings }: RecordParts): Uint8Array {
  const text = Buffer.from(`${strings.map((one) => one.replaceAll('\0', ' ')).join('\0')}\0`, 'latin1');
  const bytes = new Uint8Array(vpp.VPP_STRINGS + text.length);
  bytes[vpp.VPP_MAJOR] = vpp.VPP_TEXT_MAJOR;
  bytes[vpp.VPP_MINOR] = kind;
  bytes[vpp.VPP_STRING_COUNT] = strings.length;
  new DataView(bytes.buffer).setUint32(vpp.VPP_BUFFER_INDEX, Math.min(buffer, 0xffff_ffff));
  bytes.set(text, vpp.VPP_STRINGS);
  return bytes;
}

function pcapOf(records: readonly TextRecord[]): Uint8Array {
  const size = records.reduce(
    (sum, { bytes }) => sum + RECORD_HEADER_LENGTH + bytes.length,
    PCAP_HEADER_LENGTH,
  );
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  view.setUint32(0, PCAP_NANOSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(20, LINKTYPE_VPP_DISPATCH, true);
  let at = PCAP_HEADER_LENGTH;
  for (const { timeNs, bytes } of records) {
    view.setUint32(at, Number((timeNs / NS_PER_SECOND) & 0xffff_ffffn), true);
    view.setUint32(at + 4, Number(timeNs % NS_PER_SECOND), true);
    view.setUint32(at + 8, bytes.length, true);
    view.setUint32(at + 12, bytes.length, true);
    file.set(bytes, at + RECORD_HEADER_LENGTH);
    at += RECORD_HEADER_LENGTH + bytes.length;
  }
  return file;
}
