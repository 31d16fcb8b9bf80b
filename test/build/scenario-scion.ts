import { concat, u8, u16, u32, zeros } from './bytes.js';
import type { Endpoint, LinkFraming, Timeline } from './scenario.js';
import {
  controlPayload,
  NEXT,
  oldScionPacket,
  oldScmp,
  type ScionHost,
  type ScionPacket,
  type ScionSegment,
  scionPacket,
  scionUdp,
} from './scion.js';

export type Socket = Endpoint & { readonly port: number };

/** One end of a link: the router's socket on the underlay, and its AS. */
export interface Router {
  readonly socket: Socket;
  readonly isdAs: string;
}

/** A tunnel interface: IP without a link layer. */
export const rawFraming: LinkFraming = (_from, _to, _etherType, packet) => [packet];

export interface Beat {
  readonly from: Router;
  readonly to: Router;
  readonly at: number;
  readonly until: number;
  readonly period?: number;
  /** Packets that do not reach the capture point, by their number. */
  readonly lost?: (beat: number) => boolean;
  /** With a path of one hop, as the beacon service sends it. */
  readonly isOneHop?: boolean;
}

function hostOf({ isdAs, socket }: Router): ScionHost {
  return { isdAs, host: socket.address };
}

function repeat(t: Timeline, { from, to, at, until, period = 1, lost }: Beat, make: () => Uint8Array): void {
  for (let beat = 0; at + beat * period < until; beat += 1) {
    const payload = make();
    const seconds = at + beat * period + t.random.between(0, 0.004);
    if (!lost?.(beat)) t.sendUdp(seconds, from.socket, to.socket, payload);
  }
}

/** Interface keepalives of 2018, one a second: about 81 bytes. */
export function keepalives(t: Timeline, beat: Beat): void {
  repeat(t, beat, () => {
    const control = controlPayload({ tag: 2, interfaceId: 1, requestId: t.random.bytes(8) });
    const udp = scionUdp(30_042, 0, control);
    const extension = Uint8Array.of(NEXT.udp, 1, 1, 0, 0, 0, 0, 0);
    return oldScionPacket({
      source: hostOf(beat.from),
      destination: { isdAs: beat.to.isdAs, host: 0 },
      nextHeader: beat.isOneHop ? 0 : NEXT.udp,
      payload: beat.isOneHop ? concat(extension, udp) : udp,
    });
  });
}

/** Path beacons of 2018, every five seconds from parent to child. */
export function beacons(t: Timeline, beat: Beat): void {
  repeat(t, { period: 5, ...beat }, () => {
    const control = controlPayload({ tag: 1, requestId: t.random.bytes(8), filling: t.random.bytes(592) });
    return oldScionPacket({
      source: hostOf(beat.from),
      destination: { isdAs: beat.to.isdAs, host: 0 },
      nextHeader: NEXT.udp,
      payload: scionUdp(30_041, 0, control),
    });
  });
}

/** Path registrations of 2018, every five seconds from child to parent. */
export function registrations(t: Timeline, beat: Beat, segments: readonly ScionSegment[]): void {
  repeat(t, { period: 5, ...beat }, () => {
    const filling = t.random.bytes(744);
    const control = controlPayload({ tag: 4, managementTag: 3, requestId: t.random.bytes(8), filling });
    return oldScionPacket({
      source: { isdAs: beat.from.isdAs, host: '10.0.2.15' },
      destination: { isdAs: beat.to.isdAs, host: 1 },
      segments,
      nextHeader: NEXT.udp,
      payload: scionUdp(31_041, 0, control),
    });
  });
}

const STATE_UP = 0xc0;

/** BFD of current routers in state Up, every 150 to 200 ms. */
export function bfdUp(t: Timeline, { from, to, at, until }: Beat, timestamp: number): void {
  const discriminators = from.isdAs < to.isdAs ? [0x51, 0x52] : [0x52, 0x51];
  const bfd = concat(
    Uint8Array.of(0x20, STATE_UP, 3, 24),
    ...discriminators.map(u32),
    u32(200_000),
    u32(200_000),
    u32(0),
  );
  const packet = (seconds: number): Uint8Array =>
    scionPacket({
      source: hostOf(from),
      destination: hostOf(to),
      nextHeader: NEXT.bfd,
      payload: bfd,
      firstWord: 0x0b80_dead,
      oneHopTimestamp: timestamp + Math.floor(seconds),
    });
  for (let seconds = at; seconds < until; seconds += t.random.between(0.15, 0.2)) {
    t.sendUdp(seconds, from.socket, to.socket, packet(seconds));
  }
}

/** A packet of an end host over the link. */
export function sendScion(t: Timeline, seconds: number, from: Router, to: Router, packet: ScionPacket): void {
  t.sendUdp(seconds, from.socket, to.socket, scionPacket(packet));
}

/** An SCMP message of 2018 over the link. */
export function sendOldScmp(
  t: Timeline,
  seconds: number,
  from: Router,
  to: Router,
  [scmpClass, type, info]: readonly [number, number, Uint8Array],
): void {
  const packet = oldScionPacket({
    source: hostOf(from),
    destination: hostOf(to),
    nextHeader: NEXT.oldScmp,
    payload: oldScmp(scmpClass, type, info),
  });
  t.sendUdp(seconds, from.socket, to.socket, packet);
}

/** Echo info of 2018: identifier of 8 bytes, sequence number of 2. */
export function oldEcho(identifier: number, sequence: number): Uint8Array {
  return concat(u32(0x5b9f_0c11), u32(identifier), u16(sequence), zeros(6));
}

/** A frame of the gateway: session 1, and whole IP packets from its start. */
export function gatewayFrame(sequence: number, packets: readonly Uint8Array[], index = 0): Uint8Array {
  const header = concat(u8(0), u8(1), u16(index), u32(7), u32(0), u32(sequence));
  return scionUdp(30_056, 30_056, concat(header, ...packets));
}
