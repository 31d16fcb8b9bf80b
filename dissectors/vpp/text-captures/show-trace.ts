import type { TextCapture, TextPacket } from '../../../src/capture/text-capture.js';
import { LINKTYPE_VPP_DISPATCH } from '../../../src/wire/link-types.js';
import * as vpp from '../dispatch-record.js';
import { readPacketText } from '../packet-text.js';
import { isVppText, type Note, readTraceText, type TracedPacket, type Visit } from '../trace-text.js';

/** What VPP itself keeps of a record. */
const BODY_LENGTH_MAX = 16_384;

/**
 * What VPP prints (`show trace`, `show errors`, `show buffers`): each visit of a node as a record of VPP's dispatch
 * capture, in order of time. Threads follow one another in the text, and their packets must be put in order.
 */
const showTrace: TextCapture = {
  read(text) {
    if (!isVppText(text)) return [];
    const { packets, notes, longLines, leftOut } = readTraceText(text);
    return [
      {
        format: 'vpp-text',
        packets: [...recordsOfPackets(packets), ...recordsOfNotes(packets, notes)],
        leftOut: new Map([
          ['ends of lines beyond 4096 characters', longLines],
          ['lines beyond the bounds of a packet', leftOut],
          ['packets without a node', packets.filter(({ visits }) => visits.length === 0).length],
        ]),
      },
    ];
  },
};
export default showTrace;

function recordsOfPackets(packets: readonly TracedPacket[]): TextPacket[] {
  const records = packets.flatMap((packet, ordinal) => {
    let timeNs = 0n;
    return packet.visits.map((visit) => {
      // Clocks of two cores differ a little: where a packet changes the core, its order is that of the text.
      if (visit.timeNs > timeNs) timeNs = visit.timeNs;
      return { timeNs, bytes: recordOfVisit(packet, ordinal, visit), linkType: LINKTYPE_VPP_DISPATCH };
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
function recordsOfNotes(packets: readonly TracedPacket[], notes: readonly Note[]): TextPacket[] {
  let last = 0n;
  for (const { visits } of packets) for (const { timeNs } of visits) if (timeNs > last) last = timeNs;
  return notes.map((note) => ({ timeNs: last, bytes: encodeNote(note), linkType: LINKTYPE_VPP_DISPATCH }));
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
      const strings = [
        note.node,
        `thread: ${note.severity} packet: ${note.table} line: ${line}`,
        note.reason,
        '',
      ];
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
