import { concat } from '../build/bytes.js';
import { gre } from '../build/gre.js';
import { ipv4 } from '../build/ip.js';
import { ethernet, LINK_TYPE } from '../build/link.js';
import { udp } from '../build/udp.js';
import { vxlan } from '../build/vxlan.js';
import { ipOffset, outermostPair, textOf } from './addresses.js';
import { withoutPadding } from './link-layer.js';
import { dressedAs, type Frame, type Trace, type Transformation, withBytes } from './trace.js';

/* The whole capture as it passes a tunnel of others: what was wrong is as wrong inside it. */

const GATEWAYS = ['100.64.7.1', '100.64.9.2'] as const;
const MACS = ['02:00:5e:00:07:01', '02:00:5e:00:09:02'] as const;

/** Of two that talk to each other, each is behind another gateway. */
function sides({ frames, linkType }: Trace): Map<string, 0 | 1> {
  const side = new Map<string, 0 | 1>();
  for (const { bytes } of frames) {
    const pair = outermostPair(bytes, linkType);
    if (!pair) continue;
    const [source, destination] = pair.map(textOf);
    const known =
      side.get(source) ?? (side.has(destination) ? ((1 - (side.get(destination) ?? 0)) as 0 | 1) : 0);
    side.set(source, known);
    if (!side.has(destination)) side.set(destination, (1 - known) as 0 | 1);
  }
  return side;
}

type Wrap = (frame: Frame, source: string, destination: string, ipId: number) => Frame | null;

function wrapped(wrap: Wrap): Transformation['apply'] {
  return (trace) => {
    const { frames, linkType } = trace;
    if (linkType !== LINK_TYPE.ethernet) return 'not Ethernet';
    const side = sides(trace);
    const ids = [0, 0];
    const inside = frames.flatMap((frame): Frame[] => {
      const pair = outermostPair(frame.bytes, linkType);
      const from = pair ? (side.get(textOf(pair[0])) ?? 0) : 0;
      ids[from]++;
      const packet = wrap(frame, GATEWAYS[from], GATEWAYS[1 - from], ids[from] & 0xffff);
      if (!packet) return [];
      const link = ethernet({
        source: MACS[from],
        destination: MACS[1 - from],
        etherType: 0x0800,
        payload: packet.bytes,
      });
      return [withBytes(packet, link)];
    });
    return inside.length === 0 ? 'nothing that it carries' : dressedAs(inside, linkType);
  };
}

/** The frame with `outer` before it; lengths are those on the wire, even where the capture cut it. */
function behind(frame: Frame, bytes: Uint8Array, outer: (payload: Uint8Array) => Uint8Array): Frame {
  const cut = (frame.originalLength ?? frame.bytes.length) - frame.bytes.length;
  const whole = outer(cut > 0 ? concat(bytes, new Uint8Array(cut)) : bytes);
  return { ...frame, bytes: whole.subarray(0, whole.length - cut), originalLength: whole.length };
}

function ipPacket(frame: Frame): Frame | null {
  const at = ipOffset(frame.bytes, LINK_TYPE.ethernet);
  if (at < 0) return null;
  const length = (frame.originalLength ?? frame.bytes.length) - at;
  return withoutPadding({ ...frame, bytes: frame.bytes.subarray(at), originalLength: length });
}

const inGre: Wrap = (frame, source, destination, identification) =>
  behind(frame, frame.bytes, (payload) =>
    ipv4({
      source,
      destination,
      protocol: 47,
      identification,
      payload: gre({ protocolType: 0x6558, payload }),
    }),
  );

const inIp: Wrap = (frame, source, destination, identification) => {
  const packet = ipPacket(frame);
  if (!packet) return null;
  const protocol = packet.bytes[0] >> 4 === 4 ? 4 : 41;
  return behind(packet, packet.bytes, (payload) =>
    ipv4({ source, destination, protocol, identification, payload }),
  );
};

const inVxlan: Wrap = (frame, source, destination, identification) =>
  behind(frame, frame.bytes, (inner) =>
    ipv4({
      source,
      destination,
      protocol: 17,
      identification,
      payload: udp({
        source,
        destination,
        sourcePort: 49_152 + (flowHash(frame.bytes) & 0x3fff),
        destinationPort: 4789,
        checksum: 'none',
        payload: vxlan({ vni: 7007, inner }),
      }),
    }),
  );

/** As a gateway chooses the source port: by the addresses of what is inside. */
function flowHash(bytes: Uint8Array): number {
  let hash = 0;
  for (const byte of bytes.subarray(26, 34)) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash;
}

export const WRAPPED: readonly Transformation[] = [
  { name: 'inside GRE', promise: 'same', apply: wrapped(inGre), silences: ['capture.*'] },
  {
    name: 'inside IP in IP',
    promise: 'same',
    apply: wrapped(inIp),
    silences: ['silk.*', 'arp.*', 'capture.*'],
  },
  { name: 'inside VXLAN', promise: 'same', apply: wrapped(inVxlan), silences: ['capture.*'] },
];

/** The gateways of the tunnel around it all, whose findings are not those of the incident. */
export function isOfWrapper(text: string): boolean {
  return GATEWAYS.some((gateway) => text.includes(gateway));
}
