// What a text must offer to be read as a capture, and the way from its packets to the reader of their records.
import { setImmediate as otherEvents } from 'node:timers/promises';
import { LineSplitter, PASTED_LINE_LENGTH_MAX, pastedLine } from '../pasted-line.js';
import type { ByteFeed } from './byte-feed.js';
import { addDamage } from './capture-facts.js';
import type { CaptureFacts } from './capture-source.js';
import type { PacketLines } from './packet-lines.js';

/** As the report names the format: `vpp-text`. */
export type TextFormat = `${string}-text`;

/** A packet as a text shows it. A kind may hand out the same object again with other contents. */
export interface TextPacket {
  /** Since 1970, or since an unknown start; null where the text says no time. */
  readonly timeNs: bigint | null;
  readonly bytes: Uint8Array;
  /** Where the text shows less than was on the wire. */
  readonly originalLength?: number;
  /** LINKTYPE_ value. */
  readonly linkType: number;
  readonly interfaceName?: string | null;
  /** As the host that captured saw it. */
  readonly direction?: 'in' | 'out' | null;
  /** The text has words of the packet and not its bytes. */
  readonly isInWords?: boolean;
  /** The words are those of a list of packets, which names neither outer headers nor all fields of the innermost. */
  readonly isListed?: boolean;
}

/** Packets of one clock: what one run of a program printed. */
export interface TextSection {
  readonly format: TextFormat;
  /** In order of time, or of the text where that has none. */
  readonly packets: Iterable<TextPacket>;
  /** What was left out, in words, with how often; read behind the packets. */
  readonly leftOut: ReadonlyMap<string, number>;
  /** Lines that are later IP fragments and do not say of which packet. */
  readonly fragmentsUntold?: number;
}

/**
 * A text that stands for a capture: the packets that it yields. A folder of the catalogue has one in `text-captures/`;
 * dissectors of the link types that it names read the frames.
 */
export interface TextCapture {
  /** @returns a parser for one text */
  open(lines: readonly PacketLines[]): TextParser;
}

/**
 * Reads one text line by line, in time that is linear in its length, and keeps of it packets alone: the text itself is
 * never held. A pasted terminal may hold the output of several commands, so every kind is given all of it and takes its
 * own lines. Never throws.
 */
export interface TextParser {
  /**
   * @param line without marks of quoting and terminals, of at most PASTED_LINE_LENGTH_MAX characters
   * @param isCut the text has more of the line
   * @returns true where the line is surely of this kind, so that nobody else need read it
   */
  take(line: string, number: number, isCut: boolean): boolean;
  /** Behind the last line. Nothing where nothing is of this kind. */
  end(): readonly TextSection[];
}

/** All that is known of texts. */
export interface TextCatalogue {
  readonly captures: readonly TextCapture[];
  /** What protocols know of the lines that are printed of them. */
  readonly lines: readonly PacketLines[];
}

export const NO_TEXTS: TextCatalogue = { captures: [], lines: [] };

/** Longer texts are files that programs read, and belong into a capture file. */
export const TEXT_LENGTH_MAX = 64 << 20;
/** Read at a time. */
const PIECE_LENGTH = 64 << 10;
/** So often others are let in: whoever interrupts is heard. */
const PIECES_AT_ONCE = 16;
/** A configuration may be one line; what is longer is none. */
const KEPT_LINE_LENGTH_MAX = 4 << 20;

const BYTE_ORDER_MARK_UTF16_LE = [0xff, 0xfe];
const BYTE_ORDER_MARK_UTF16_BE = [0xfe, 0xff];
/** Control characters that stand in texts: tab, line feed, form feed, carriage return, backspace and escape of terminals. */
const TEXT_CONTROLS = [0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x1b];

/** Whether the head of an input is that of a text: no control characters but those of texts. */
export function looksLikeText(head: Uint8Array): boolean {
  if (head.length === 0) return false;
  if (utf16Of(head) !== null) return true;
  return head.every((byte) => (byte >= 0x20 && byte !== 0x7f) || TEXT_CONTROLS.includes(byte));
}

/** What a text holds. */
export interface ReadText {
  readonly sections: readonly TextSection[];
  /** What no kind of capture has claimed, with empty lines in place of what was: side files may be in it. */
  readonly rest: string;
}

/** Reads the text of the feed to its end; what had to be left out is noted in the facts. */
export async function readText(
  feed: ByteFeed,
  catalogue: TextCatalogue,
  facts: CaptureFacts,
): Promise<ReadText> {
  const reading = new TextReading(catalogue);
  const piece = new Uint8Array(PIECE_LENGTH);
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  let length = 0;
  for (let pieces = 1; length < TEXT_LENGTH_MAX; pieces++) {
    if (pieces % PIECES_AT_ONCE === 0) await otherEvents();
    const read = feed.readInto(piece, 0, Math.min(piece.length, TEXT_LENGTH_MAX - length));
    const count = typeof read === 'number' ? read : await read;
    if (count <= 0) break;
    length += count;
    const bytes = piece.subarray(0, count);
    // What is no UTF-8 becomes a replacement character; two-byte encodings are those that PowerShell writes.
    decoder ??= new TextDecoder(utf16Of(bytes) ?? 'utf-8');
    reading.take(decoder.decode(bytes, { stream: true }));
  }
  if (length === TEXT_LENGTH_MAX && (await feed.readInto(piece, 0, 1)) > 0) {
    addDamage(facts, TEXT_LENGTH_MAX, 'the text is longer than 64 MiB; nothing after that was read');
  }
  if (feed.source.fault !== null) addDamage(facts, length, feed.source.fault);
  facts.bytes = length;
  reading.take(decoder?.decode() ?? '');
  const { sections, rest } = reading.end();
  const formats = [...new Set(sections.map(({ format }) => format))];
  facts.format = formats.length > 1 ? 'mixed-text' : (formats[0] ?? 'plain-text');
  return { sections, rest };
}

/** The sections of a text that is in memory. */
export function sectionsOfText(text: string, catalogue: TextCatalogue): readonly TextSection[] {
  const reading = new TextReading(catalogue);
  reading.take(text);
  return reading.end().sections;
}

/** Gives each line to every kind, and keeps what none claims. */
class TextReading {
  private readonly parsers: readonly TextParser[];
  private readonly splitter = new LineSplitter((line) => this.takeLine(line), KEPT_LINE_LENGTH_MAX);
  private number = 0;
  private wasEmpty = false;
  private kept: string[] = [];
  private readonly pieces: string[] = [];

  constructor({ captures, lines }: TextCatalogue) {
    this.parsers = captures.map((kind) => kind.open(lines));
  }

  take(piece: string): void {
    this.splitter.take(piece);
    if (this.kept.length === 0) return;
    this.pieces.push(`${this.kept.join('\n')}\n`);
    this.kept = [];
  }

  end(): ReadText {
    this.splitter.end();
    this.pieces.push(this.kept.join('\n'));
    return { sections: this.parsers.flatMap((parser) => parser.end()), rest: this.pieces.join('') };
  }

  private takeLine(raw: string): void {
    // One empty line ends whatever a second one would end.
    if (raw === '' && this.wasEmpty) {
      this.number++;
      this.kept.push('');
      return;
    }
    this.wasEmpty = raw === '';
    const line = pastedLine(raw);
    const isCut = line.length > PASTED_LINE_LENGTH_MAX;
    const shown = isCut ? line.slice(0, PASTED_LINE_LENGTH_MAX) : line;
    this.number++;
    let isClaimed = false;
    for (const parser of this.parsers) if (parser.take(shown, this.number, isCut)) isClaimed = true;
    this.kept.push(isClaimed ? '' : line);
  }
}

function utf16Of(head: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (BYTE_ORDER_MARK_UTF16_LE.every((byte, index) => head[index] === byte)) return 'utf-16le';
  return BYTE_ORDER_MARK_UTF16_BE.every((byte, index) => head[index] === byte) ? 'utf-16be' : null;
}
