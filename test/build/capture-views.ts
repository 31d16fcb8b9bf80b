import { concat, random, u8, u16, u24 } from './bytes.js';
import { internetChecksum } from './checksum.js';
import { esp } from './esp.js';
import type { TestFrame } from './frame-source.js';
import { gre } from './gre.js';
import { IP_PROTOCOL, ipv4 } from './ip.js';
import { ETHER_TYPE, ethernet, LINK_TYPE, linuxSll, linuxSll2, vlan } from './link.js';
import { udp } from './udp.js';
import { VXLAN_PORT, vxlan } from './vxlan.js';

/*
 * Other captures of what a capture of Ethernet frames with IPv4 packets shows: from outside a tunnel, with other link
 * headers, with copies. The host on A's side has an address in 10.1/16.
 */

/** Turns the frames of one capture point into what another kind of capture shows there. */
export type View = (frames: readonly TestFrame[]) => TestFrame[];

export type TunnelKind = 'vxlan' | 'geneve' | 'gre' | 'gretap' | 'ipip' | 'esp';

const ETHERNET_LENGTH = 14;
const GENEVE_PORT = 6081;
const TRANSPARENT_ETHERNET = 0x6558;
const IP_IN_IP = 4;
const GATEWAY_A = '192.0.2.1';
const GATEWAY_B = '198.51.100.2';
const OUTER_MACS = { source: '02:00:00:00:01:01', destination: '02:00:00:00:01:02' };
const INNER_MACS = { source: '02:00:00:00:02:01', destination: '02:00:00:00:02:02' };
const COPY_NS = 30_000n;

function isFromA(packet: Uint8Array): boolean {
  return packet[12] === 10 && packet[13] === 1;
}

/** The underlay of a tunnel that carries the packets; the same packet is the same there at both ends. */
export function inTunnel(kind: TunnelKind): View {
  return (frames) =>
    frames.map(({ timeNs, bytes }) => {
      const inner = bytes.subarray(ETHERNET_LENGTH);
      const way = isFromA(inner) ? 0 : 1;
      const identification = (inner[4] << 8) | inner[5];
      const [source, destination] = way === 0 ? [GATEWAY_A, GATEWAY_B] : [GATEWAY_B, GATEWAY_A];
      const datagram = (sourcePort: number, destinationPort: number, payload: Uint8Array) => ({
        protocol: IP_PROTOCOL.udp,
        payload: udp({ source, destination, sourcePort, destinationPort, payload }),
      });
      const frame = ethernet({ ...INNER_MACS, etherType: ETHER_TYPE.ipv4, payload: inner });
      const contents = {
        vxlan: () => datagram(50_000 + (inner[9] & 7), VXLAN_PORT, vxlan({ vni: 7, inner: frame })),
        geneve: () =>
          datagram(
            50_000,
            GENEVE_PORT,
            concat(u8(0), u8(0), u16(TRANSPARENT_ETHERNET), u24(9), u8(0), frame),
          ),
        gre: () => ({
          protocol: IP_PROTOCOL.gre,
          payload: gre({ protocolType: ETHER_TYPE.ipv4, payload: inner }),
        }),
        gretap: () => ({
          protocol: IP_PROTOCOL.gre,
          payload: gre({ protocolType: TRANSPARENT_ETHERNET, key: 77, payload: frame }),
        }),
        ipip: () => ({ protocol: IP_IN_IP, payload: inner }),
        esp: () => ({
          protocol: IP_PROTOCOL.esp,
          payload: esp({
            spi: 0xabc0_0001 + way,
            sequence: identification,
            payload: random(identification * 2 + way + 1).bytes((inner.length + 50) & ~3),
          }),
        }),
      } satisfies Record<TunnelKind, () => { protocol: number; payload: Uint8Array }>;
      const packet = ipv4({
        source,
        destination,
        identification: (identification * 3 + 5) & 0xffff,
        ...contents[kind](),
      });
      return { timeNs, bytes: ethernet({ ...OUTER_MACS, etherType: ETHER_TYPE.ipv4, payload: packet }) };
    });
}

/** Frames with an 802.1Q tag, or a service tag and a customer tag. */
export function tagged(...ids: readonly number[]): View {
  return relinked((packet, _isFromA, macs) => {
    let etherType: number = ETHER_TYPE.ipv4;
    let payload = packet;
    for (const vid of [...ids].reverse()) {
      payload = vlan({ vid, etherType, payload });
      etherType = ETHER_TYPE.vlan;
    }
    return { bytes: concat(macs, u16(etherType), payload), linkType: LINK_TYPE.ethernet };
  });
}

/** As `tcpdump -i any` writes them on A's or B's host. */
export function cooked(version: 1 | 2, host: 'a' | 'b'): View {
  return relinked((payload, isFromHostA) => {
    const packetType = isFromHostA === (host === 'a') ? 4 : 0;
    const fields = { packetType, address: INNER_MACS.source, protocol: ETHER_TYPE.ipv4, payload };
    return version === 1
      ? { bytes: linuxSll(fields), linkType: LINK_TYPE.linuxSll }
      : { bytes: linuxSll2({ ...fields, interfaceIndex: 2 }), linkType: LINK_TYPE.linuxSll2 };
  });
}

/** IP packets without a link header. */
export const raw: View = relinked((packet) => ({ bytes: packet, linkType: LINK_TYPE.raw }));

/** A mirror port that gives out each frame twice: where it comes in and where it goes out. */
export const mirroredTwice: View = (frames) =>
  inOrder(frames.flatMap((frame) => [frame, { ...frame, timeNs: frame.timeNs + COPY_NS }]));

/** As `tcpdump -i any` on a host with a bridge: each packet on two interfaces, the second time as it is forwarded. */
export function onTwoInterfaces(host: 'a' | 'b', isRouted: boolean): View {
  return (frames) =>
    inOrder(
      frames.flatMap((frame) =>
        [0, 1].map((hop) => {
          const packet = frame.bytes.slice(ETHERNET_LENGTH);
          const isSent = isFromA(packet) === (host === 'a');
          // Packets to the host arrive with the smaller count outside, and leave it for the host one lower.
          const isInside = (hop === 0) === isSent;
          if (isRouted) countHop(packet, isInside === isSent ? 0 : 1);
          const bytes = linuxSll2({
            packetType: hop === 0 ? 0 : 4,
            interfaceIndex: isInside ? 5 : 2,
            address: INNER_MACS.source,
            protocol: ETHER_TYPE.ipv4,
            payload: packet,
          });
          return { timeNs: frame.timeNs + BigInt(hop) * COPY_NS, bytes, linkType: LINK_TYPE.linuxSll2 };
        }),
      ),
    );
}

/** The capture of a clock that is set at that moment of its own time. */
export function clockSet(afterFrame: number, seconds: number): View {
  const step = BigInt(Math.round(seconds * 1e9));
  return (frames) =>
    frames.map((frame, index) => (index < afterFrame ? frame : { ...frame, timeNs: frame.timeNs + step }));
}

/** Neighbouring frames that stand in the file the wrong way round. */
export function shuffled(seed: number): View {
  const numbers = random(seed);
  return (frames) => {
    const out = [...frames];
    for (let index = 0; index + 1 < out.length; index += 2) {
      if (numbers.between(0, 1) < 0.5) [out[index], out[index + 1]] = [out[index + 1], out[index]];
    }
    return out;
  };
}

/** Fragments that something on the way has put together again: a datagram without all of them vanishes. */
export const reassembled: View = (frames) => {
  const waiting = new Map<string, Uint8Array[]>();
  return frames.flatMap((frame) => {
    const packet = frame.bytes.subarray(ETHERNET_LENGTH);
    const field = (packet[6] << 8) | packet[7];
    if ((field & 0x3fff) === 0) return [frame];
    const key = packet.subarray(4, 6).join() + packet.subarray(12, 20).join();
    const pieces = [...(waiting.get(key) ?? []), packet];
    waiting.set(key, pieces);
    const whole = wholeOf(pieces);
    if (!whole) return [];
    waiting.delete(key);
    return [{ ...frame, bytes: concat(frame.bytes.subarray(0, ETHERNET_LENGTH), whole) }];
  });
};

function wholeOf(pieces: readonly Uint8Array[]): Uint8Array | null {
  const offsetOf = (piece: Uint8Array): number => (((piece[6] << 8) | piece[7]) & 0x1fff) * 8;
  const ordered = [...pieces].sort((a, b) => offsetOf(a) - offsetOf(b));
  let end = 0;
  for (const piece of ordered) {
    if (offsetOf(piece) !== end) return null;
    end += piece.length - 20;
  }
  const last = ordered[ordered.length - 1];
  if ((last[6] & 0x20) !== 0) return null;
  const whole = concat(pieces[0].subarray(0, 20), ...ordered.map((piece) => piece.subarray(20)));
  whole.set(u16(whole.length), 2);
  whole.set(u16(0), 6);
  return resummed(whole);
}

function relinked(
  link: (
    packet: Uint8Array,
    isFromHostA: boolean,
    macs: Uint8Array,
  ) => { bytes: Uint8Array; linkType: number },
): View {
  return (frames) =>
    frames.map((frame) => {
      const packet = frame.bytes.subarray(ETHERNET_LENGTH);
      return { timeNs: frame.timeNs, ...link(packet, isFromA(packet), frame.bytes.subarray(0, 12)) };
    });
}

function countHop(packet: Uint8Array, hops: number): void {
  packet[8] -= hops;
  resummed(packet);
}

function resummed(packet: Uint8Array): Uint8Array {
  packet.set(u16(0), 10);
  packet.set(u16(internetChecksum(packet.subarray(0, 20))), 10);
  return packet;
}

function inOrder(frames: TestFrame[]): TestFrame[] {
  return frames.sort((x, y) => (x.timeNs < y.timeNs ? -1 : x.timeNs > y.timeNs ? 1 : 0));
}

/** As `tcpdump -i any` on the gateway of that side: each packet in the clear, and in the tunnel. */
export function atGateway(kind: TunnelKind, side: 'a' | 'b'): View {
  return (frames) => {
    const outside = inTunnel(kind)(frames);
    return inOrder(
      frames.flatMap((frame, index) => {
        const isSent = isFromA(frame.bytes.subarray(ETHERNET_LENGTH)) === (side === 'a');
        const late = (one: TestFrame): TestFrame => ({ ...one, timeNs: one.timeNs + COPY_NS });
        return isSent ? [frame, late(outside[index])] : [outside[index], late(frame)];
      }),
    );
  };
}
