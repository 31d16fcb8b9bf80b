// What a text must offer to be read as a capture, and the way from its packets to the reader of their records.
import type { ByteFeed } from './byte-feed.js';
import { addDamage, addInterface, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import { MARK_INBOUND, MARK_OUTBOUND } from './frame-marks.js';
import type { PacketLines } from './packet-lines.js';
import { TextRecords } from './text-records.js';

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
  /**
   * Reads a whole text of at most 64 MiB in time that is linear in its length. A pasted terminal may hold the output of
   * several commands, so every kind is given all of it and takes its own lines. Never throws.
   * @returns nothing where nothing is of this kind
   */
  read(text: string, lines: readonly PacketLines[]): readonly TextSection[];
}

/** All that is known of texts. */
export interface TextCatalogue {
  readonly captures: readonly TextCapture[];
  /** What protocols know of the lines that are printed of them. */
  readonly lines: readonly PacketLines[];
}

export const NO_TEXTS: TextCatalogue = { captures: [], lines: [] };

/** A text is held whole, since parts of it may have to be put in order of time. */
export const TEXT_LENGTH_MAX = 64 << 20;
/** Room for the interfaces that a text names; further names share the last. */
const INTERFACE_COUNT_MAX = 1000;

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

/**
 * Reads the text of the feed to its end.
 * @returns it, and its packets as records; what had to be left out is noted in the facts
 */
export async function recordsOfText(
  feed: ByteFeed,
  { captures, lines }: TextCatalogue,
  facts: CaptureFacts,
  captureIndex: number,
  interfaces: CaptureInterface[],
): Promise<{ readonly text: string; readonly records: Uint8Array }> {
  await feed.ensure(TEXT_LENGTH_MAX + 1);
  const held = feed.heldBytes();
  if (held.length > TEXT_LENGTH_MAX) {
    addDamage(facts, TEXT_LENGTH_MAX, 'the text is longer than 64 MiB; nothing after that was read');
  }
  if (feed.source.fault !== null) addDamage(facts, held.length, feed.source.fault);
  facts.bytes = Math.min(held.length, TEXT_LENGTH_MAX);
  const text = textOf(held.subarray(0, TEXT_LENGTH_MAX));
  const sections = captures.flatMap((kind) => kind.read(text, lines));
  const records = new TextRecords();
  const writer = new SectionWriter(facts, captureIndex, interfaces, records);
  for (const section of sections) writer.write(section);
  const formats = [...new Set(sections.map(({ format }) => format))];
  facts.format = formats.length > 1 ? 'mixed-text' : (formats[0] ?? 'plain-text');
  return { text, records: records.bytes() };
}

class SectionWriter {
  private readonly known = new Map<string, number>();

  constructor(
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    private readonly interfaces: CaptureInterface[],
    private readonly records: TextRecords,
  ) {}

  write(section: TextSection): void {
    this.known.clear();
    this.records.beginSection();
    for (const packet of section.packets) {
      const { direction = null } = packet;
      if (packet.isInWords === true) this.facts.packetsInWords++;
      if (packet.isListed === true) this.facts.packetsInLists++;
      const marks = direction === 'in' ? MARK_INBOUND : direction === 'out' ? MARK_OUTBOUND : 0;
      this.records.add(packet, this.interfaceOf(packet), marks);
    }
    this.facts.fragmentsUntold += section.fragmentsUntold ?? 0;
    for (const [what, count] of section.leftOut) if (count > 0) countSkipped(this.facts, what, count);
  }

  private interfaceOf({ linkType, interfaceName = null }: TextPacket): number {
    const key = `${linkType} ${interfaceName ?? ''}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const { captureIndex, facts, interfaces } = this;
    const index =
      interfaces.length >= INTERFACE_COUNT_MAX && interfaces.at(-1)?.linkType === linkType
        ? interfaces.length - 1
        : addInterface(facts, interfaces, {
            captureIndex,
            linkType,
            snaplen: 0,
            name: interfaceName,
            filter: null,
            received: null,
            dropped: null,
          });
    this.known.set(key, index);
    return index;
  }
}

/** What is no UTF-8 becomes a replacement character; two-byte encodings are those that PowerShell writes. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder(utf16Of(bytes) ?? 'utf-8').decode(bytes);
}

function utf16Of(head: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (BYTE_ORDER_MARK_UTF16_LE.every((byte, index) => head[index] === byte)) return 'utf-16le';
  return BYTE_ORDER_MARK_UTF16_BE.every((byte, index) => head[index] === byte) ? 'utf-16be' : null;
}
