import { concat, u8, u16, u24, u32, zeros } from './bytes.js';
import { IP_PROTOCOL } from './ip.js';
import type { Endpoint, SendOptions, Timeline } from './scenario.js';
import { type TcpFlag, tcp } from './tcp.js';

export const OPENVPN_OPCODE = {
  softReset: 3,
  control: 4,
  ack: 5,
  dataV1: 6,
  clientReset: 7,
  serverReset: 8,
  dataV2: 9,
  clientResetV3: 10,
} as const;

/** How the control channel is protected; the HMAC of tls-auth and the tag of tls-crypt are not computed. */
export type ControlWrap =
  | { readonly kind: 'tls-auth'; readonly hmac: Uint8Array; readonly replayId: number; readonly time: number }
  | {
      readonly kind: 'tls-crypt';
      readonly tag: Uint8Array;
      readonly replayId: number;
      readonly time: number;
    };

export interface ControlPacket {
  opcode: number;
  keyId?: number;
  /** 8 bytes. */
  session: Uint8Array;
  acks?: readonly number[];
  /** Session id of the peer; only with acknowledgments. */
  remote?: Uint8Array;
  /** None in an acknowledgment. */
  messageId?: number;
  payload?: Uint8Array;
  wrap?: ControlWrap;
}

/** OpenVPN control channel packet; with tls-crypt the part behind the tag stands for ciphertext, of the right length. */
export function openvpnControl(packet: ControlPacket): Uint8Array {
  const { opcode, keyId = 0, session, acks = [], remote, messageId, payload = zeros(0), wrap } = packet;
  const head = concat(u8((opcode << 3) | keyId), session);
  const body = concat(
    u8(acks.length),
    ...acks.map(u32),
    acks.length > 0 && remote ? remote : zeros(0),
    messageId === undefined ? zeros(0) : u32(messageId),
    payload,
  );
  if (!wrap) return concat(head, body);
  const replay = concat(u32(wrap.replayId), u32(wrap.time));
  if (wrap.kind === 'tls-auth') return concat(head, wrap.hmac, replay, body);
  const ciphertext = body.map((byte, index) => byte ^ wrap.tag[index % wrap.tag.length]);
  return concat(head, replay, wrap.tag, ciphertext);
}

/** Data of version 2 with an AEAD cipher: `rest` stands for tag and ciphertext. */
export function openvpnDataV2(keyId: number, peerId: number, packetId: number, rest: Uint8Array): Uint8Array {
  return concat(u8((OPENVPN_OPCODE.dataV2 << 3) | keyId), u24(peerId), u32(packetId), rest);
}

/** Data of version 1: `rest` stands for HMAC, IV and ciphertext. */
export function openvpnDataV1(keyId: number, rest: Uint8Array): Uint8Array {
  return concat(u8((OPENVPN_OPCODE.dataV1 << 3) | keyId), rest);
}

export function tlsRecord(type: number, content: Uint8Array): Uint8Array {
  return concat(u8(type), u16(0x0303), u16(content.length), content);
}

export type Socket = Endpoint & { readonly port: number };

/** One side of a tunnel, with the numbers that its next packets take. */
export interface OpenvpnSide {
  socket: Socket;
  session: Uint8Array;
  nextMessage: number;
  nextPacket: number;
  nextReplay: number;
  /** Of its side of the connection, over TCP. */
  nextSequence: number;
}

export interface OpenvpnTunnel {
  readonly client: OpenvpnSide;
  readonly server: OpenvpnSide;
  readonly protection: 'none' | 'tls-auth' | 'tls-crypt';
  /** Seconds since 1970 that the sides put into wrapped packets. */
  readonly time: number;
  keyId: number;
  readonly peerId: number;
  /** Set by `connectOpenvpn`. */
  isOverTcp: boolean;
}

/** Lengths of the TLS part of a handshake, in turn: who sends, and how many bytes. */
const FLIGHTS: readonly (readonly ['client' | 'server', number])[] = [
  ['client', 289],
  ['server', 1184],
  ['server', 1184],
  ['server', 620],
  ['client', 1184],
  ['client', 402],
  ['server', 152],
  ['client', 208],
  ['server', 260],
];
const ROUND_TRIP_SECONDS = 0.018;
const AEAD_TAG = 16;
export const PING_LENGTH = 16;

export function openvpnTunnel(
  t: Timeline,
  client: Socket,
  server: Socket,
  protection: OpenvpnTunnel['protection'] = 'none',
): OpenvpnTunnel {
  const side = (socket: Socket): OpenvpnSide => ({
    socket,
    session: randomSession(t),
    nextMessage: 0,
    nextPacket: 1,
    nextReplay: 1,
    nextSequence: 1000,
  });
  const time = Number(t.timeNs(0) / 1_000_000_000n);
  return {
    client: side(client),
    server: side(server),
    protection,
    time,
    keyId: 0,
    peerId: 0,
    isOverTcp: false,
  };
}

/** Opens the TCP connection in which the tunnel runs from then on. */
export function connectOpenvpn(t: Timeline, at: number, tunnel: OpenvpnTunnel): void {
  tunnel.isOverTcp = true;
  sendSegment(t, at, tunnel, 'client', ['SYN']);
  tunnel.client.nextSequence++;
  sendSegment(t, at + 0.001, tunnel, 'server', ['SYN', 'ACK']);
  tunnel.server.nextSequence++;
  sendSegment(t, at + 0.002, tunnel, 'client', ['ACK']);
}

function sendSegment(
  t: Timeline,
  seconds: number,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  flags: readonly TcpFlag[],
  payload: Uint8Array = zeros(0),
): Uint8Array {
  const side = tunnel[from];
  const peer = tunnel[from === 'client' ? 'server' : 'client'];
  const segment = tcp({
    source: side.socket.address,
    destination: peer.socket.address,
    sourcePort: side.socket.port,
    destinationPort: peer.socket.port,
    sequence: side.nextSequence,
    acknowledgment: flags.includes('ACK') ? peer.nextSequence : 0,
    flags,
    payload,
  });
  return t.sendIp(seconds, side.socket, peer.socket, IP_PROTOCOL.tcp, segment);
}

/** In a datagram; or in a segment that the peer acknowledges at once. */
function carry(
  t: Timeline,
  seconds: number,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  packet: Uint8Array,
  options: SendOptions,
): Uint8Array {
  const other = from === 'client' ? 'server' : 'client';
  if (!tunnel.isOverTcp)
    return t.sendUdp(seconds, tunnel[from].socket, tunnel[other].socket, packet, options);
  const payload = concat(u16(packet.length), packet);
  const sent = sendSegment(t, seconds, tunnel, from, ['PSH', 'ACK'], payload);
  tunnel[from].nextSequence += payload.length;
  sendSegment(t, seconds + 0.0005, tunnel, other, ['ACK']);
  return sent;
}

/** Bytes without an opcode, as a tunnel with a static key has them. */
export function sendOpaque(
  t: Timeline,
  seconds: number,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  packet: Uint8Array,
): Uint8Array {
  return carry(t, seconds, tunnel, from, packet, {});
}

/** Over TCP: data that is repeated at these times and never acknowledged. */
export function sendInVain(
  t: Timeline,
  times: readonly number[],
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  length: number,
): void {
  const { keyId, peerId } = tunnel;
  const packet = openvpnDataV2(keyId, peerId, tunnel[from].nextPacket++, t.random.bytes(AEAD_TAG + length));
  const payload = concat(u16(packet.length), packet);
  for (const at of times) sendSegment(t, at, tunnel, from, ['PSH', 'ACK'], payload);
}

/** Without the rare doubles and zeros, for which nobody could tell it from other numbers. */
function randomSession(t: Timeline): Uint8Array {
  for (;;) {
    const session = t.random.bytes(8);
    if (new Set(session).size === 8 && !session.includes(0)) return session;
  }
}

export interface ControlSending extends SendOptions {
  opcode: number;
  /** Default: the side's next one; none in an acknowledgment. */
  messageId?: number;
  acks?: readonly number[];
  payload?: Uint8Array;
  lost?: boolean;
}

/** A control packet of one side. */
export function sendControl(
  t: Timeline,
  seconds: number,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  { opcode, acks = [], payload = zeros(0), lost = false, messageId, ...options }: ControlSending,
): void {
  const side = tunnel[from];
  const peer = tunnel[from === 'client' ? 'server' : 'client'];
  const isAck = opcode === OPENVPN_OPCODE.ack;
  const id = isAck ? undefined : (messageId ?? side.nextMessage++);
  const replayId = side.nextReplay++;
  const wrap: ControlWrap | undefined =
    tunnel.protection === 'tls-auth'
      ? { kind: 'tls-auth', hmac: t.random.bytes(20), replayId, time: tunnel.time }
      : tunnel.protection === 'tls-crypt'
        ? { kind: 'tls-crypt', tag: t.random.bytes(32), replayId, time: tunnel.time }
        : undefined;
  const packet = openvpnControl({
    opcode,
    keyId: tunnel.keyId,
    session: side.session,
    acks,
    remote: peer.session,
    payload,
    ...(id === undefined ? {} : { messageId: id }),
    ...(wrap ? { wrap } : {}),
  });
  if (!lost) carry(t, seconds, tunnel, from, packet, options);
}

export interface HandshakeOptions {
  /** Default: hard resets; `soft` renegotiates keys in the same session. */
  soft?: boolean;
  /** How many of the TLS packets are sent; default: all. */
  packets?: number;
}

/** Resets of both sides, then TLS packets, each acknowledged by the next packet of the peer. Returns when it was done. */
export function openvpnHandshake(
  t: Timeline,
  at: number,
  tunnel: OpenvpnTunnel,
  { soft = false, packets = FLIGHTS.length }: HandshakeOptions = {},
): number {
  const { clientReset, serverReset, softReset, control, ack } = OPENVPN_OPCODE;
  if (soft) tunnel.keyId = (tunnel.keyId % 7) + 1;
  for (const side of [tunnel.client, tunnel.server]) {
    side.nextMessage = 0;
    if (soft) side.nextPacket = 1;
  }
  let seconds = at;
  sendControl(t, seconds, tunnel, 'client', { opcode: soft ? softReset : clientReset });
  seconds += ROUND_TRIP_SECONDS;
  sendControl(t, seconds, tunnel, 'server', { opcode: soft ? softReset : serverReset, acks: [0] });
  for (const [index, [from, length]] of FLIGHTS.slice(0, packets).entries()) {
    seconds += ROUND_TRIP_SECONDS / 2 + t.random.between(0, 0.001);
    const peer = tunnel[from === 'client' ? 'server' : 'client'];
    const isFirst = index < 2;
    const payload = isFirst ? tlsRecord(22, t.random.bytes(length)) : t.random.bytes(length);
    sendControl(t, seconds, tunnel, from, { opcode: control, acks: [peer.nextMessage - 1], payload });
  }
  seconds += ROUND_TRIP_SECONDS;
  for (const from of ['client', 'server'] as const) {
    const peer = tunnel[from === 'client' ? 'server' : 'client'];
    sendControl(t, seconds, tunnel, from, { opcode: ack, acks: [peer.nextMessage - 1] });
    seconds += 0.002;
  }
  return seconds;
}

export interface DataOptions extends SendOptions {
  /** The packet id is taken, but the packet does not reach the capture point. */
  lost?: boolean;
}

/** A data packet that carries `length` bytes. */
export function sendData(
  t: Timeline,
  seconds: number,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  length: number,
  { lost = false, ...options }: DataOptions = {},
): Uint8Array {
  const packet = openvpnDataV2(
    tunnel.keyId,
    tunnel.peerId,
    tunnel[from].nextPacket++,
    t.random.bytes(AEAD_TAG + length),
  );
  return lost ? packet : carry(t, seconds, tunnel, from, packet, options);
}

export interface DataExchange {
  at: number;
  count: number;
  intervalSeconds: number;
  length?: number;
  lengthBack?: number;
  lost?: (index: number) => boolean;
  lostBack?: (index: number) => boolean;
}

/** Requests of the client inside the tunnel, each with an answer. */
export function dataExchange(t: Timeline, tunnel: OpenvpnTunnel, exchange: DataExchange): void {
  const { at, count, intervalSeconds, length = 84, lengthBack = length } = exchange;
  for (let index = 0; index < count; index++) {
    const seconds = at + index * intervalSeconds + t.random.between(0, 0.01);
    sendData(t, seconds, tunnel, 'client', length, { lost: exchange.lost?.(index) ?? false });
    const back = seconds + ROUND_TRIP_SECONDS + t.random.between(0, 0.002);
    sendData(t, back, tunnel, 'server', lengthBack, { lost: exchange.lostBack?.(index) ?? false });
  }
}

/** Pings of one side of an idle tunnel. */
export function pings(
  t: Timeline,
  tunnel: OpenvpnTunnel,
  from: 'client' | 'server',
  at: number,
  until: number,
  periodSeconds = 10,
): void {
  for (let seconds = at; seconds < until; seconds += periodSeconds + 0.3) {
    sendData(t, seconds + t.random.between(0, 0.2), tunnel, from, PING_LENGTH);
  }
}
