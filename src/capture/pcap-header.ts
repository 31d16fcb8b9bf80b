import { CaptureError } from './capture-error.js';
import { capturedLengthMax } from './link-types.js';

export const PCAP_HEADER_LENGTH = 24;

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const MAGIC_MODIFIED = 0xa1b2cd34;

/** Which of a record's two length fields holds the captured length. */
export type LengthOrder = 'captured-first' | 'original-first' | 'smaller-is-captured';

/** How the records of one pcap file are laid out. */
export interface PcapLayout {
  readonly littleEndian: boolean;
  readonly nsPerFraction: 1 | 1000;
  /** 16; 24 or 28 in files of the patched libpcap (Kuznetzov). */
  readonly recordHeaderLength: number;
  readonly lengthOrder: LengthOrder;
  readonly linkType: number;
  readonly snaplen: number;
  /** Bytes at the end of every frame that are its frame check sequence. */
  readonly fcsLength: number;
  readonly capturedLengthMax: number;
  /** The version where it is none that exists, read as 2.4; or null. */
  readonly oddVersion: string | null;
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                          Magic Number                         |
// |          Major Version        |         Minor Version         |
// |                           Reserved1                           |
// |                           Reserved2                           |
// |                            SnapLen                            |
// | FCS |f|0 0 0 0 0 0 0 0 0 0 0 0|         LinkType              |   draft-ietf-opsawg-pcap
const MAJOR_VERSION = 4;
const MINOR_VERSION = 6;
const SNAPLEN = 16;
const LINK_FIELD = 20;

const FCS_PRESENT = 0x0400_0000;

/**
 * Reads the file header and, where the magic leaves it open, the first records of `head`.
 * @throws CaptureError for a header that is cut or of an unknown version.
 */
export function readPcapHeader(head: Uint8Array, file: string): PcapLayout {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < PCAP_HEADER_LENGTH) {
    throw new CaptureError(
      `${file}: the pcap file header is cut at byte ${head.length} of ${PCAP_HEADER_LENGTH}; capture or copy the file again`,
      file,
      head.length,
    );
  }
  const littleEndian = isPcapMagic(view.getUint32(0, true));
  const magic = view.getUint32(0, littleEndian);
  const linkField = view.getUint32(LINK_FIELD, littleEndian);
  const linkType = linkField & 0xffff;
  const layout = {
    littleEndian,
    nsPerFraction: magic === MAGIC_NANOSECONDS ? 1 : 1000,
    recordHeaderLength: magic === MAGIC_MODIFIED ? 24 : 16,
    lengthOrder: lengthOrderOf(view, littleEndian, file),
    oddVersion: oddVersionOf(view, littleEndian),
    linkType,
    snaplen: view.getUint32(SNAPLEN, littleEndian),
    fcsLength: (linkField & FCS_PRESENT) === 0 ? 0 : (linkField >>> 28) * 2,
    capturedLengthMax: capturedLengthMax(linkType),
  } as const;
  return { ...layout, recordHeaderLength: recordHeaderLengthOf(view, layout) };
}

function isPcapMagic(magic: number): boolean {
  return magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS || magic === MAGIC_MODIFIED;
}

/** Before 2.3 the original length came first; 2.3 was written both ways, and so is DG/UX's 543.0. */
function lengthOrderOf(view: DataView, littleEndian: boolean, file: string): LengthOrder {
  const major = view.getUint16(MAJOR_VERSION, littleEndian);
  const minor = view.getUint16(MINOR_VERSION, littleEndian);
  if (major === 543 && minor === 0) return 'original-first';
  if (major !== 2) {
    throw new CaptureError(
      `${file}: pcap version ${major}.${minor} (byte ${MAJOR_VERSION}) is not one that exists (2.0 to 2.4); convert the file with editcap`,
      file,
      MAJOR_VERSION,
    );
  }
  if (minor < 3) return 'original-first';
  return minor === 3 ? 'smaller-is-captured' : 'captured-first';
}

/** There is no version after 2.4; a later one is read as 2.4, as Wireshark does. */
function oddVersionOf(view: DataView, littleEndian: boolean): string | null {
  const major = view.getUint16(MAJOR_VERSION, littleEndian);
  const minor = view.getUint16(MINOR_VERSION, littleEndian);
  return major === 2 && minor > 4 ? `${major}.${minor}` : null;
}

/**
 * Some patched tools kept the ordinary magic, and the patch itself had two forms, so the layout under
 * which the first records make sense is taken; the one that the magic names where several do.
 */
function recordHeaderLengthOf(view: DataView, layout: PcapLayout): number {
  const named = layout.recordHeaderLength;
  const other = named === 16 ? 24 : 28;
  const namedCount = plausibleRecordCount(view, PCAP_HEADER_LENGTH, layout, null);
  if (namedCount >= CHAIN_LENGTH) return named;
  const otherLayout = { ...layout, recordHeaderLength: other };
  const otherCount = plausibleRecordCount(view, PCAP_HEADER_LENGTH, otherLayout, null);
  return otherCount >= CHAIN_LENGTH ? other : named;
}

/** Record headers that must follow one another for bytes to count as records. */
export const CHAIN_LENGTH = 3;
const SECONDS_OFF_MAX = 86_400;

/**
 * How many plausible records follow one another from `at`, at most CHAIN_LENGTH. A chain that ends
 * exactly at the end of the bytes counts as complete when it has a record at all.
 * @param nearSeconds the time of a neighbouring frame; records more than a day off it are not plausible
 */
export function plausibleRecordCount(
  view: DataView,
  at: number,
  layout: PcapLayout,
  nearSeconds: number | null,
  atEnd = false,
): number {
  let position = at;
  for (let count = 0; count < CHAIN_LENGTH; count += 1) {
    if (atEnd && count > 0 && position === view.byteLength) return CHAIN_LENGTH;
    if (position + layout.recordHeaderLength > view.byteLength) return count;
    const captured = plausibleCapturedLength(view, position, layout, nearSeconds);
    if (captured < 0) return count;
    position += layout.recordHeaderLength + captured;
  }
  return CHAIN_LENGTH;
}

function plausibleCapturedLength(
  view: DataView,
  at: number,
  layout: PcapLayout,
  nearSeconds: number | null,
): number {
  const { littleEndian } = layout;
  const seconds = view.getUint32(at, littleEndian);
  const fraction = view.getUint32(at + 4, littleEndian);
  if (fraction * layout.nsPerFraction >= 1e9) return -1;
  if (nearSeconds !== null && Math.abs(seconds - nearSeconds) > SECONDS_OFF_MAX) return -1;
  const first = view.getUint32(at + 8, littleEndian);
  const second = view.getUint32(at + 12, littleEndian);
  const captured = capturedLengthOf(first, second, layout.lengthOrder);
  const original = captured === first ? second : first;
  if (captured > layout.capturedLengthMax || original > layout.capturedLengthMax) return -1;
  return captured === 0 || captured > original ? -1 : captured;
}

function capturedLengthOf(first: number, second: number, order: LengthOrder): number {
  if (order === 'captured-first') return first;
  if (order === 'original-first') return second;
  return Math.min(first, second);
}
