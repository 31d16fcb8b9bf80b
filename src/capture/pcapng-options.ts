import {
  MARK_CHECKSUM_PENDING,
  MARK_INBOUND,
  MARK_OUTBOUND,
  MARK_SEGMENTATION_OFFLOAD,
} from './frame-marks.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          Option Type          |         Option Length         |
// /                          Option Value                         /
// /              variable length, padded to 32 bits               /   draft-ietf-opsawg-pcapng
export const OPTION_HEADER_LENGTH = 4;
const OPTION_LENGTH = 2;

const OPT_END = 0;
export const OPT_COMMENT = 1;

export const IF_NAME = 2;
export const IF_TSRESOL = 9;
export const IF_FILTER = 11;
export const IF_FCSLEN = 13;
export const IF_TSOFFSET = 14;

export const EPB_FLAGS = 2;
export const EPB_DROPCOUNT = 4;

export const ISB_STARTTIME = 2;
export const ISB_ENDTIME = 3;
export const ISB_IFRECV = 4;
export const ISB_IFDROP = 5;
export const ISB_OSDROP = 7;
export const ISB_USRDELIV = 8;

/** Longest text kept of an option, in bytes. */
const TEXT_LENGTH_MAX = 4096;

/** One option: its value stands at `[offset, offset + length)`. Reused, so that walking allocates nothing. */
export class OptionCursor {
  code = OPT_END;
  offset = 0;
  length = 0;
  /** True where an option runs past the end of its block. */
  overrun = false;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private littleEndian = false;
  private next = 0;
  private end = 0;

  /** Starts on the options in `[offset, end)` of the view. */
  open(view: DataView, offset: number, end: number, littleEndian: boolean): void {
    this.view = view;
    this.next = offset;
    this.end = end;
    this.littleEndian = littleEndian;
    this.overrun = false;
  }

  /** Moves to the next option; false after the last. */
  advance(): boolean {
    if (this.next + OPTION_HEADER_LENGTH > this.end) return false;
    this.code = this.view.getUint16(this.next, this.littleEndian);
    this.length = this.view.getUint16(this.next + OPTION_LENGTH, this.littleEndian);
    if (this.code === OPT_END) return false;
    this.offset = this.next + OPTION_HEADER_LENGTH;
    if (this.offset + this.length > this.end) {
      this.overrun = true;
      return false;
    }
    this.next = this.offset + ((this.length + 3) & ~3);
    return true;
  }

  u8(): number {
    return this.length >= 1 ? this.view.getUint8(this.offset) : 0;
  }

  u32(): number {
    return this.length >= 4 ? this.view.getUint32(this.offset, this.littleEndian) : 0;
  }

  /** An unsigned 64-bit counter; exact to 2^53. */
  u64(): number {
    if (this.length < 8) return 0;
    const first = this.view.getUint32(this.offset, this.littleEndian);
    const second = this.view.getUint32(this.offset + 4, this.littleEndian);
    return this.littleEndian ? second * 0x1_0000_0000 + first : first * 0x1_0000_0000 + second;
  }

  /** A timestamp of an interface: its upper word, then its lower one. Null where the value is too short. */
  time(clock: { exactNs(high: number, low: number): bigint }): bigint | null {
    if (this.length < 8) return null;
    const high = this.view.getUint32(this.offset, this.littleEndian);
    return clock.exactNs(high, this.view.getUint32(this.offset + 4, this.littleEndian));
  }

  i64(): bigint {
    return this.length >= 8 ? this.view.getBigInt64(this.offset, this.littleEndian) : 0n;
  }

  /** UTF-8 text from byte `from` of the value; a zero byte ends it. */
  text(from = 0): string {
    const length = Math.min(this.length, TEXT_LENGTH_MAX);
    const start = this.view.byteOffset + this.offset + from;
    // A copy, because a TextDecoder takes no shared memory.
    const bytes = new Uint8Array(Math.max(0, length - from));
    bytes.set(new Uint8Array(this.view.buffer, start, bytes.length));
    const zero = bytes.indexOf(0);
    return new TextDecoder().decode(zero < 0 ? bytes : bytes.subarray(0, zero));
  }
}

/** MARK_ bits of an EPB flags word (pcapng, section 4.3.1). */
export function marksOfFlags(flags: number): number {
  const direction = flags & 3;
  let marks = 0;
  if (direction === 1) marks = MARK_INBOUND;
  if (direction === 2) marks = MARK_OUTBOUND;
  if ((flags & 0x200) !== 0) marks |= MARK_CHECKSUM_PENDING;
  if ((flags & 0x800) !== 0) marks |= MARK_SEGMENTATION_OFFLOAD;
  return marks;
}

/** Bits 5 to 8 of an EPB flags word: bytes of frame check sequence, 0 where it does not say. */
export function fcsLengthOfFlags(flags: number): number {
  return (flags >>> 5) & 0xf;
}
