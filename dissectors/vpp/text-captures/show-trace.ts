import { BytePages } from '../../../src/capture/byte-pages.js';
import type { TextCapture, TextPacket, TextSection } from '../../../src/capture/text-capture.js';
import { LINKTYPE_VPP_DISPATCH } from '../../../src/wire/link-types.js';
import * as vpp from '../dispatch-record.js';
import { readPacketText } from '../packet-text.js';
import { type Note, type TracedPacket, type TraceSink, TraceTextReader, type Visit } from '../trace-text.js';

/** What VPP itself keeps of a record. */
const BODY_LENGTH_MAX = 16_384;

/**
 * What VPP prints (`show trace`, `show errors`, `show buffers`): each visit of a node as a record of VPP's dispatch
 * capture, in order of time. Threads follow one another in the text, and their packets must be put in order.
 */
const showTrace: TextCapture = {
  open() {
    const records = new VisitRecords();
    const reader = new TraceTextReader(records);
    return {
      take: (line, number, isCut) => reader.take(line, number, isCut),
      end(): readonly TextSection[] {
        reader.end();
        const { notes, longLines, leftOut } = reader;
        return reader.isVpp
          ? [
              {
                format: 'vpp-text',
                packets: records.withNotes(notes),
                leftOut: new Map([
                  ['ends of lines beyond 4096 characters', longLines],
                  ['lines beyond the bounds of a packet', leftOut],
                  ['packets without a node', records.packetsWithoutNode],
                  [`nodes beyond the first ${VISITS_MAX} of a text`, records.beyond],
                ]),
              },
            ]
          : [];
      },
    };
  },
};
export default showTrace;

/** Visits of nodes in one text; 64 MiB of what VPP prints hold fewer. */
const VISITS_MAX = 1 << 20;
const FIRST_ROOM = 1024;

/** The records of all visits, as bytes: some 150 for each, where the words of VPP are ten times as many. */
class VisitRecords implements TraceSink {
  packetsWithoutNode = 0;
  beyond = 0;
  private readonly pages = new BytePages();
  private count = 0;
  private timeNs = new BigInt64Array(FIRST_ROOM);
  private at = new Uint32Array(FIRST_ROOM);
  private length = new Uint32Array(FIRST_ROOM);
  private packets = 0;
  /** Of the packet at hand: its first record, and how late it is. */
  private first = 0;
  private lastNs = 0n;

  visit(packet: TracedPacket, visit: Visit): void {
    // Clocks of two cores differ a little: where a packet changes the core, its order is that of the text.
    if (visit.timeNs > this.lastNs) this.lastNs = visit.timeNs;
    if (this.count === VISITS_MAX) {
      this.beyond++;
      return;
    }
    const record = recordOfVisit(packet, this.packets, visit);
    const row = this.count++;
    if (row === this.at.length) this.grow();
    const at = this.pages.reserve(record.length);
    this.pages.bytesAt(at, record.length).set(record);
    this.timeNs[row] = this.lastNs;
    this.at[row] = at;
    this.length[row] = record.length;
  }

  packet({ visits, isCut }: TracedPacket): void {
    if (visits === 0) this.packetsWithoutNode++;
    if (isCut) {
      for (let row = this.first; row < this.count; row++) markAsCut(this.bytesOf(row));
    }
    this.first = this.count;
    this.lastNs = 0n;
    this.packets++;
  }

  /** In order of time; visits of one microsecond stay in the order of the text. */
  *withNotes(notes: readonly Note[]): Generator<TextPacket> {
    const { count, timeNs } = this;
    const rows = Uint32Array.from({ length: count }, (_, row) => row);
    rows.sort((a, b) => (timeNs[a] < timeNs[b] ? -1 : timeNs[a] > timeNs[b] ? 1 : a - b));
    for (const row of rows) {
      yield { timeNs: timeNs[row], bytes: this.bytesOf(row), linkType: LINKTYPE_VPP_DISPATCH };
    }
    // The other lines have no time of their own: they stand behind the last packet.
    const last = count === 0 ? 0n : timeNs[rows[count - 1]];
    for (const note of notes) {
      yield { timeNs: last, bytes: encodeNote(note), linkType: LINKTYPE_VPP_DISPATCH };
    }
  }

  private bytesOf(row: number): Uint8Array {
    return this.pages.bytesAt(this.at[row], this.length[row]);
  }

  private grow(): void {
    const room = 2 * this.at.length;
    const { timeNs, at, length } = this;
    this.timeNs = new BigInt64Array(room);
    this.timeNs.set(timeNs);
    this.at = new Uint32Array(room);
    this.at.set(at);
    this.length = new Uint32Array(room);
    this.length.set(length);
  }
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

const CUT_MARK = Buffer.from(' cut: 0\0', 'latin1');

/** That lines of a packet are missing is known behind its last one. */
function markAsCut(record: Uint8Array): void {
  const at = Buffer.from(record.buffer, record.byteOffset, record.length).indexOf(CUT_MARK);
  if (at >= 0) record[at + CUT_MARK.length - 2] = 0x31;
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
