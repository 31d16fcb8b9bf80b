import { concat, u16 } from '../build/bytes.js';
import { LINK_TYPE, linuxSll2, vlan } from '../build/link.js';
import { ipOffset, outermostPair, textOf } from './addresses.js';
import { dressedAs, type Frame, type Trace, type Transformation, withBytes } from './trace.js';

/* Another link layer below the same packets. */

const NO_ETHERNET = 'not Ethernet';
/** `Linux cooked` packet types. */
const TO_US = 0;
const OTHER_HOST = 3;
const FROM_US = 4;

/** Rules that read MAC addresses, or what only Ethernet has. */
export const READ_MACS = ['silk.*', 'arp.*', 'capture.*', 'vxlan.gbp-untagged', 'ike.natt-4500-*'] as const;

function tagged(count: 1 | 2): Transformation['apply'] {
  return ({ frames, linkType }) => {
    if (linkType !== LINK_TYPE.ethernet) return NO_ETHERNET;
    const isShort = ({ bytes }: Frame): boolean => bytes.length < 14;
    if (frames.some(isShort)) return 'frames shorter than an Ethernet header';
    const tag = (frame: Frame): Frame => {
      const etherType = (frame.bytes[12] << 8) | frame.bytes[13];
      const inner = vlan({ vid: 101, etherType, payload: frame.bytes.subarray(14) });
      const tags =
        count === 1
          ? concat(u16(0x8100), inner)
          : concat(u16(0x88a8), vlan({ vid: 7, etherType: 0x8100, payload: inner }));
      return withBytes(frame, concat(frame.bytes.subarray(0, 12), tags));
    };
    return dressedAs(frames.map(tag), linkType);
  };
}

/** The address that every packet has at one end: the host that captured; null where there is none, or where there are two. */
export function hostOfAll({ frames, linkType }: Trace): string | null {
  let common: Set<string> | null = null;
  for (const { bytes } of frames) {
    const pair = outermostPair(bytes, linkType);
    if (!pair) continue;
    const ends: string[] = pair.map(textOf);
    common = new Set(common === null ? ends : ends.filter((end) => common?.has(end)));
  }
  const [host, other] = common ?? [];
  return other === undefined ? (host ?? null) : null;
}

const cooked: Transformation['apply'] = (trace) => {
  const { frames, linkType } = trace;
  if (linkType !== LINK_TYPE.ethernet) return NO_ETHERNET;
  if (frames.some(({ bytes }) => bytes.length < 14)) return 'frames shorter than an Ethernet header';
  const host = hostOfAll(trace);
  const packetType = (bytes: Uint8Array): number => {
    if (host === null) return OTHER_HOST;
    const pair = outermostPair(bytes, linkType);
    return pair && textOf(pair[0]) === host ? FROM_US : TO_US;
  };
  const cook = (frame: Frame): Frame => {
    const { bytes } = frame;
    const header = linuxSll2({
      protocol: (bytes[12] << 8) | bytes[13],
      interfaceIndex: 2,
      packetType: packetType(bytes),
      address: [...bytes.subarray(6, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
      payload: bytes.subarray(14),
    });
    return withBytes(frame, header);
  };
  return dressedAs(frames.map(cook), LINK_TYPE.linuxSll2);
};

const raw: Transformation['apply'] = ({ frames, linkType }) => {
  if (linkType === LINK_TYPE.raw) return 'raw IP already';
  const packets = frames.flatMap((frame) => {
    const at = ipOffset(frame.bytes, linkType);
    return at < 0
      ? []
      : [withoutPadding({ ...frame, bytes: frame.bytes.subarray(at), originalLength: lengthOf(frame) - at })];
  });
  if (packets.length === 0) return 'no IP';
  return dressedAs(packets, LINK_TYPE.raw);
};

function lengthOf({ bytes, originalLength }: Frame): number {
  return originalLength ?? bytes.length;
}

/** Below 60 bytes Ethernet pads; what is no part of the packet goes with its link layer. */
export function withoutPadding(packet: Frame): Frame {
  const { bytes } = packet;
  const length = bytes[0] >> 4 === 4 ? (bytes[2] << 8) | bytes[3] : 40 + ((bytes[4] << 8) | bytes[5]);
  if (length === 0 || length >= lengthOf(packet) || lengthOf(packet) > 46) return packet;
  return { ...packet, bytes: bytes.subarray(0, length), originalLength: length };
}

export const LINK_LAYERS: readonly Transformation[] = [
  { name: 'one VLAN tag', promise: 'same', isExact: true, apply: tagged(1) },
  { name: 'two VLAN tags', promise: 'same', isExact: true, apply: tagged(2) },
  {
    name: 'captured on any',
    promise: 'same',
    isExact: true,
    apply: cooked,
    silences: [...READ_MACS, 'time.ntp-offset'],
  },
  { name: 'raw IP', promise: 'same', apply: raw, silences: READ_MACS },
];
