import { ascii, concat, u8, u16, u32, u64, zeros } from './bytes.js';
import { LINK_TYPE } from './link.js';

export interface CaptureFrame {
  /** Since 1970. */
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  /** Length on the wire where it is not that of `bytes`. */
  readonly originalLength?: number;
  /** pcapng: index in its section. */
  readonly interfaceIndex?: number;
  /** pcapng: flags word of the Enhanced Packet Block. */
  readonly flags?: number;
}

export type ByteOrder = 'big' | 'little';
const NS_PER_SECOND = 1_000_000_000n;

/** Reverses big-endian integers where the file is little-endian. */
function ordered(byteOrder: ByteOrder, bytes: Uint8Array): Uint8Array {
  return byteOrder === 'little' ? bytes.slice().reverse() : bytes;
}

function capturedBytes(frame: CaptureFrame, snaplen: number): Uint8Array {
  return snaplen === 0 ? frame.bytes : frame.bytes.subarray(0, snaplen);
}

function originalLengthOf(frame: CaptureFrame): number {
  return frame.originalLength ?? frame.bytes.length;
}

export interface PcapOptions {
  byteOrder?: ByteOrder;
  nanoseconds?: boolean;
  linkType?: number;
  /** Longer frames are cut to it. */
  snaplen?: number;
  /** The 24-byte record headers of the Kuznetzov patch. */
  modified?: boolean;
}

/** A pcap file. Times are truncated to microseconds unless `nanoseconds`. */
export function writePcap(frames: readonly CaptureFrame[], options: PcapOptions = {}): Uint8Array {
  const order = options.byteOrder ?? 'little';
  const snaplen = options.snaplen ?? 262_144;
  const short = (value: number): Uint8Array => ordered(order, u16(value));
  const word = (value: number): Uint8Array => ordered(order, u32(value));
  const magic = options.modified ? 0xa1b2cd34 : options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const linkType = options.linkType ?? LINK_TYPE.ethernet;
  const header = concat(word(magic), short(2), short(4), zeros(8), word(snaplen), word(linkType));
  const records = frames.map((frame) => {
    const bytes = capturedBytes(frame, snaplen);
    const fraction = frame.timeNs % NS_PER_SECOND;
    return concat(
      word(Number(frame.timeNs / NS_PER_SECOND)),
      word(Number(options.nanoseconds ? fraction : fraction / 1000n)),
      word(bytes.length),
      word(originalLengthOf(frame)),
      options.modified ? zeros(8) : zeros(0),
      bytes,
    );
  });
  return concat(header, ...records);
}

export interface PcapngOption {
  code: number;
  value: Uint8Array;
}

export interface PcapngInterface {
  linkType?: number;
  snaplen?: number;
  name?: string;
  /** if_filter as libpcap text. */
  filter?: string;
  /** The if_tsresol byte: n for 10^-n, 0x80 | n for 2^-n. Microseconds where absent. */
  tsresol?: number;
  /** if_tsoffset in seconds. */
  tsoffset?: bigint;
  options?: readonly PcapngOption[];
  /** Written as an Interface Statistics Block at the end of the section. */
  statistics?: { timeNs: bigint; received?: number; droppedByInterface?: number; droppedBySystem?: number };
}

export interface PcapngSection {
  byteOrder?: ByteOrder;
  interfaces: readonly PcapngInterface[];
  frames: readonly CaptureFrame[];
  application?: string;
}

/** A pcapng file of Section Header, Interface Description, Enhanced Packet and Interface Statistics Blocks. */
export function writePcapng(sections: readonly PcapngSection[]): Uint8Array {
  return concat(...sections.map(section));
}

function section(content: PcapngSection): Uint8Array {
  const order = content.byteOrder ?? 'little';
  const { interfaces, frames } = content;
  const application =
    content.application === undefined ? [] : [{ code: 4, value: ascii(content.application) }];
  const header = concat(
    ordered(order, u32(0x1a2b3c4d)),
    ordered(order, u16(1)),
    zeros(2),
    new Uint8Array(8).fill(0xff),
    pcapngOptions(order, application),
  );
  return concat(
    pcapngBlock(order, 0x0a0d0d0a, header),
    ...interfaces.map((description) => interfaceBlock(order, description)),
    ...frames.map((frame) => packetBlock(order, interfaces[frame.interfaceIndex ?? 0] ?? {}, frame)),
    ...interfaces.flatMap((description, index) => statisticsBlock(order, description, index)),
  );
}

/** A block of any type: type, length, body padded to 4, length again. */
export function pcapngBlock(byteOrder: ByteOrder, type: number, body: Uint8Array): Uint8Array {
  const padded = concat(body, padding(body));
  const length = ordered(byteOrder, u32(12 + padded.length));
  return concat(ordered(byteOrder, u32(type)), length, padded, length);
}

function padding(bytes: Uint8Array): Uint8Array {
  return zeros((4 - (bytes.length % 4)) % 4);
}

/** An option list with its end mark, or nothing where the list is empty. */
export function pcapngOptions(byteOrder: ByteOrder, options: readonly PcapngOption[]): Uint8Array {
  if (options.length === 0) return zeros(0);
  const list = options.map(({ code, value }) =>
    concat(ordered(byteOrder, u16(code)), ordered(byteOrder, u16(value.length)), value, padding(value)),
  );
  return concat(...list, zeros(4));
}

function interfaceBlock(order: ByteOrder, description: PcapngInterface): Uint8Array {
  const options: PcapngOption[] = [];
  if (description.name !== undefined) options.push({ code: 2, value: ascii(description.name) });
  if (description.tsresol !== undefined) options.push({ code: 9, value: u8(description.tsresol) });
  if (description.filter !== undefined) {
    options.push({ code: 11, value: concat(u8(0), ascii(description.filter)) });
  }
  if (description.tsoffset !== undefined) {
    options.push({ code: 14, value: ordered(order, u64(BigInt.asUintN(64, description.tsoffset))) });
  }
  options.push(...(description.options ?? []));
  const body = concat(
    ordered(order, u16(description.linkType ?? LINK_TYPE.ethernet)),
    zeros(2),
    ordered(order, u32(description.snaplen ?? 0)),
    pcapngOptions(order, options),
  );
  return pcapngBlock(order, 1, body);
}

/** Time in units of the interface, as the high and the low word. */
function timestamp(order: ByteOrder, description: PcapngInterface, timeNs: bigint): Uint8Array {
  const resolution = description.tsresol ?? 6;
  const exponent = BigInt(resolution & 0x7f);
  const unitsPerSecond = resolution & 0x80 ? 1n << exponent : 10n ** exponent;
  const units = ((timeNs - (description.tsoffset ?? 0n) * NS_PER_SECOND) * unitsPerSecond) / NS_PER_SECOND;
  return concat(
    ordered(order, u32(Number((units >> 32n) & 0xffffffffn))),
    ordered(order, u32(Number(units & 0xffffffffn))),
  );
}

function packetBlock(order: ByteOrder, description: PcapngInterface, frame: CaptureFrame): Uint8Array {
  const bytes = capturedBytes(frame, description.snaplen ?? 0);
  const flags = frame.flags === undefined ? [] : [{ code: 2, value: ordered(order, u32(frame.flags)) }];
  const body = concat(
    ordered(order, u32(frame.interfaceIndex ?? 0)),
    timestamp(order, description, frame.timeNs),
    ordered(order, u32(bytes.length)),
    ordered(order, u32(originalLengthOf(frame))),
    bytes,
    padding(bytes),
    pcapngOptions(order, flags),
  );
  return pcapngBlock(order, 6, body);
}

function statisticsBlock(order: ByteOrder, description: PcapngInterface, index: number): Uint8Array[] {
  const statistics = description.statistics;
  if (statistics === undefined) return [];
  const { received, droppedByInterface, droppedBySystem } = statistics;
  const counters: readonly (readonly [number, number | undefined])[] = [
    [4, received],
    [5, droppedByInterface],
    [7, droppedBySystem],
  ];
  const options = counters.flatMap(([code, count]) =>
    count === undefined ? [] : [{ code, value: ordered(order, u64(BigInt(count))) }],
  );
  const body = concat(
    ordered(order, u32(index)),
    timestamp(order, description, statistics.timeNs),
    pcapngOptions(order, options),
  );
  return [pcapngBlock(order, 5, body)];
}
