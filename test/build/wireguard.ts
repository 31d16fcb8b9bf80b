import { concat, type Random, u8, u32, u64, zeros } from './bytes.js';
import type { Endpoint, SendOptions, Timeline } from './scenario.js';

/** WireGuard paper, section 5.4; the cryptography is replaced by pseudo-random bytes. */
export const WIREGUARD_PORT = 51_820;

function little32(value: number): Uint8Array {
  return u32(value).reverse();
}

function head(type: number): Uint8Array {
  return concat(u8(type), zeros(3));
}

export function initiation(random: Random, sender: number, withCookie = false): Uint8Array {
  const mac2 = withCookie ? random.bytes(16) : zeros(16);
  return concat(head(1), little32(sender), random.bytes(32 + 48 + 28 + 16), mac2);
}

export function response(random: Random, sender: number, receiver: number): Uint8Array {
  return concat(head(2), little32(sender), little32(receiver), random.bytes(32 + 16 + 16), zeros(16));
}

export function cookieReply(random: Random, receiver: number): Uint8Array {
  return concat(head(3), little32(receiver), random.bytes(24 + 32));
}

/** A packet of `length` bytes inside, padded to a multiple of 16; 0: a keepalive. */
export function transport(random: Random, receiver: number, counter: bigint, length: number): Uint8Array {
  const padded = Math.ceil(length / 16) * 16;
  return concat(head(4), little32(receiver), u64(counter).reverse(), random.bytes(padded + 16));
}

export type WireguardSide = 'a' | 'b';

export interface WireguardSocket extends Endpoint {
  readonly port: number;
}

interface Peer {
  socket: WireguardSocket;
  /** Where this side believes the other one to be. */
  endpoint: WireguardSocket;
  index: number;
  counter: bigint;
}

/** Two peers while their packets are written. */
export interface WireguardTunnel {
  readonly a: Peer;
  readonly b: Peer;
}

export function wireguardTunnel(t: Timeline, a: WireguardSocket, b: WireguardSocket): WireguardTunnel {
  const peer = (socket: WireguardSocket, endpoint: WireguardSocket): Peer => ({
    socket,
    endpoint,
    index: t.random.next(),
    counter: 0n,
  });
  return { a: peer(a, b), b: peer(b, a) };
}

const HALF_TRIP_SECONDS = 0.011;

function sides(tunnel: WireguardTunnel, from: WireguardSide): readonly [Peer, Peer] {
  return from === 'a' ? [tunnel.a, tunnel.b] : [tunnel.b, tunnel.a];
}

/** An initiation alone, under a new index. */
export function sendInitiation(
  t: Timeline,
  at: number,
  tunnel: WireguardTunnel,
  from: WireguardSide,
  withCookie = false,
): void {
  const [sender] = sides(tunnel, from);
  sender.index = t.random.next();
  t.sendUdp(at, sender.socket, sender.endpoint, initiation(t.random, sender.index, withCookie));
}

/** A peer under load sends a cookie in place of the response. */
export function sendCookieReply(t: Timeline, at: number, tunnel: WireguardTunnel, from: WireguardSide): void {
  const [sender, receiver] = sides(tunnel, from);
  t.sendUdp(at, sender.socket, sender.endpoint, cookieReply(t.random, receiver.index));
}

/** The answer to the last initiation of the other side. */
export function sendResponse(t: Timeline, at: number, tunnel: WireguardTunnel, from: WireguardSide): void {
  const [sender, receiver] = sides(tunnel, from);
  sender.index = t.random.next();
  sender.counter = 0n;
  receiver.counter = 0n;
  t.sendUdp(at, sender.socket, sender.endpoint, response(t.random, sender.index, receiver.index));
}

/** Transport data with `length` bytes inside; 0: a keepalive. */
export function sendTransport(
  t: Timeline,
  at: number,
  tunnel: WireguardTunnel,
  from: WireguardSide,
  length: number,
  options: SendOptions = {},
): void {
  const [sender, receiver] = sides(tunnel, from);
  const bytes = transport(t.random, receiver.index, sender.counter++, length);
  t.sendUdp(at, sender.socket, sender.endpoint, bytes, options);
}

/** Initiation, response, and the keepalive that confirms it; returns when it is done. */
export function wireguardHandshake(
  t: Timeline,
  at: number,
  tunnel: WireguardTunnel,
  from: WireguardSide = 'a',
): number {
  sendInitiation(t, at, tunnel, from);
  sendResponse(t, at + 2 * HALF_TRIP_SECONDS, tunnel, from === 'a' ? 'b' : 'a');
  sendTransport(t, at + 2 * HALF_TRIP_SECONDS + 0.0004, tunnel, from, 0);
  return at + 4 * HALF_TRIP_SECONDS;
}

export interface WireguardTalk {
  at: number;
  count: number;
  intervalSeconds?: number;
  length?: number;
}

/** Questions of `a` and the answers of `b`. */
export function wireguardTalk(t: Timeline, tunnel: WireguardTunnel, talk: WireguardTalk): number {
  const { at, count, intervalSeconds = 0.8, length = 84 } = talk;
  for (let index = 0; index < count; index++) {
    const when = at + index * intervalSeconds;
    sendTransport(t, when, tunnel, 'a', length);
    sendTransport(t, when + 2 * HALF_TRIP_SECONDS, tunnel, 'b', length);
  }
  return at + count * intervalSeconds;
}

/** Handshakes every 120 s and talk in between, from `at` on. */
export function wireguardSession(t: Timeline, tunnel: WireguardTunnel, at: number, until: number): void {
  for (let start = at; start < until; start += 120) {
    const done = wireguardHandshake(t, start, tunnel);
    const seconds = Math.min(119, until - start) - 1;
    wireguardTalk(t, tunnel, { at: done + 0.2, count: Math.floor(seconds / 2), intervalSeconds: 2 });
  }
}
