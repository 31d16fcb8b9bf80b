import { address } from './address.js';
import { concat, u16, zeros } from './bytes.js';
import {
  aggressive,
  aggressiveEncrypted,
  hashV1,
  identification,
  informationalEncrypted,
  keyExchangeV1,
  mainMode1,
  mainModeClear,
  mainModeEncrypted,
  natD,
  nonceV1,
  quickMode,
  saV1,
  vendorId,
} from './ikev1.js';
import {
  EXCHANGE_V2,
  encryptedV2,
  ikeSaInitRequest,
  ikeSaInitResponse,
  keyExchangeV2,
  nonceV2,
  notifyV2,
  saV2,
} from './ikev2.js';
import {
  NOTIFY_V2,
  natDetectionHash,
  type Payload,
  type Spis,
  VENDOR_ID,
  withNonEspMarker,
} from './isakmp.js';
import type { Endpoint, EspTunnel, SendOptions, Timeline } from './scenario.js';

/** A NAT in front of the initiator. */
export interface Nat {
  inside: string;
  outside: string;
  /** Outside ports of the initiator's 500 and 4500. */
  port500: number;
  port4500: number;
  /** Which of the two sides the capture shows. */
  capturedAt: 'inside' | 'outside';
}

/** `initiator.address` is the one that the capture shows. */
export interface IkePeers {
  initiator: Endpoint;
  responder: Endpoint;
  nat?: Nat;
}

export type IkeRole = 'initiator' | 'responder';

export interface IkeSendOptions extends SendOptions {
  /** On port 4500, behind the non-ESP marker. */
  floated?: boolean;
}

function initiatorPort({ nat }: IkePeers, floated: boolean): number {
  if (nat?.capturedAt === 'outside') return floated ? nat.port4500 : nat.port500;
  return floated ? 4500 : 500;
}

/** Appends one IKE message; returns its IP packet, as an ICMP error would quote it. */
export function sendIke(
  t: Timeline,
  seconds: number,
  peers: IkePeers,
  from: IkeRole,
  message: Uint8Array,
  { floated = false, ...options }: IkeSendOptions = {},
): Uint8Array {
  const initiator = { ...peers.initiator, port: initiatorPort(peers, floated) };
  const responder = { ...peers.responder, port: floated ? 4500 : 500 };
  const payload = floated ? withNonEspMarker(message) : message;
  const send = { dontFragment: options.mtu === undefined, ...options };
  return from === 'initiator'
    ? t.sendUdp(seconds, initiator, responder, payload, send)
    : t.sendUdp(seconds, responder, initiator, payload, send);
}

/** Both SAs of a tunnel, encapsulated in UDP where the peers found a NAT. */
export function espTunnelOf(peers: IkePeers, spis: { toResponder: number; toInitiator: number }): EspTunnel {
  const { initiator, responder, nat } = peers;
  const port = initiatorPort(peers, true);
  return {
    forth: {
      from: initiator,
      to: responder,
      spi: spis.toResponder,
      nextSequence: 1,
      ...(nat && { ports: { source: port, destination: 4500 } }),
    },
    back: {
      from: responder,
      to: initiator,
      spi: spis.toInitiator,
      nextSequence: 1,
      ...(nat && { ports: { source: 4500, destination: port } }),
    },
  };
}

/** NAT detection hashes that each side sends: over the addresses that it knows itself. */
function detectionHashes(algorithm: 'sha1' | 'sha256', spis: Spis, spisOfRequest: Spis, peers: IkePeers) {
  const { initiator, responder, nat } = peers;
  const own = nat?.inside ?? initiator.address;
  const seen = nat ? { address: nat.outside, port: nat.port500 } : { address: initiator.address, port: 500 };
  return {
    fromInitiator: {
      source: natDetectionHash(algorithm, spisOfRequest, own, 500),
      destination: natDetectionHash(algorithm, spisOfRequest, responder.address, 500),
    },
    fromResponder: {
      source: natDetectionHash(algorithm, spis, responder.address, 500),
      destination: natDetectionHash(algorithm, spis, seen.address, seen.port),
    },
  };
}

export interface Ikev1Options {
  /** Which side says that it can do NAT traversal. */
  natTraversal?: 'both' | 'initiator' | 'none';
  /** Both sides announce XAUTH, and it is chosen where it is `agreed`. */
  extendedAuthentication?: 'announced' | 'agreed';
  /** Encrypted bytes of MI3 and MR3: more with certificates. */
  encryptedLength?: number;
}

export interface Ikev1Session {
  readonly peers: IkePeers;
  readonly spis: Spis;
  /** True where the exchange goes on at port 4500 from MI3 on. */
  readonly floated: boolean;
  readonly messages: Readonly<Record<'MI1' | 'MR1' | 'MI2' | 'MR2' | 'MI3' | 'MR3', Uint8Array>>;
}

/** The six messages of an IKEv1 main mode with a PSK, not yet sent. */
export function ikev1Session(t: Timeline, peers: IkePeers, options: Ikev1Options = {}): Ikev1Session {
  const { natTraversal = 'both', encryptedLength = 64, extendedAuthentication } = options;
  const authentication = extendedAuthentication === 'agreed' ? 65_001 : 1;
  const { random } = t;
  const spis = { initiatorSpi: random.bytes(8), responderSpi: random.bytes(8) };
  const vendorIds = (natT: boolean): Payload[] => [
    vendorId(VENDOR_ID.deadPeerDetection),
    ...(extendedAuthentication ? [vendorId(VENDOR_ID.xauth)] : []),
    ...(natT ? [vendorId(VENDOR_ID.natTraversal), vendorId(VENDOR_ID.natTraversalDraft02)] : []),
  ];
  const hashes = detectionHashes('sha1', spis, spis, peers);
  const keyExchange = (side: { source: Uint8Array; destination: Uint8Array }): Payload[] => [
    keyExchangeV1(random.bytes(256)),
    nonceV1(random.bytes(32)),
    ...(natTraversal === 'both' ? [natD(side.destination), natD(side.source)] : []),
  ];
  const messages = {
    MI1: mainMode1(spis, [saV1({ authentication }), ...vendorIds(natTraversal !== 'none')]),
    MR1: mainModeClear(spis, [saV1({ authentication }), ...vendorIds(natTraversal === 'both')]),
    MI2: mainModeClear(spis, keyExchange(hashes.fromInitiator)),
    MR2: mainModeClear(spis, keyExchange(hashes.fromResponder)),
    MI3: mainModeEncrypted(spis, random.bytes(encryptedLength)),
    MR3: mainModeEncrypted(spis, random.bytes(encryptedLength)),
  };
  return { peers, spis, floated: peers.nat !== undefined && natTraversal === 'both', messages };
}

export type MainModeMessage = keyof Ikev1Session['messages'];
const MAIN_MODE_TIMES: Readonly<Record<MainModeMessage, number>> = {
  MI1: 0,
  MR1: 0.0121,
  MI2: 0.0153,
  MR2: 0.0412,
  MI3: 0.0506,
  MR3: 0.0631,
};

/** Appends one message of the main mode, on the port where it belongs. */
export function sendMainMode(
  t: Timeline,
  seconds: number,
  session: Ikev1Session,
  name: MainModeMessage,
  options: SendOptions = {},
): Uint8Array {
  const floated = session.floated && (name === 'MI3' || name === 'MR3');
  const from = name.startsWith('MI') ? 'initiator' : 'responder';
  return sendIke(t, seconds, session.peers, from, session.messages[name], { floated, ...options });
}

export interface MainModeOptions extends Ikev1Options {
  at: number;
  /** The last message that is sent. */
  upTo?: MainModeMessage;
}

/** Appends a main mode at the pace of two hosts 12 ms apart. */
export function ikev1MainMode(t: Timeline, peers: IkePeers, options: MainModeOptions): Ikev1Session {
  const session = ikev1Session(t, peers, options);
  for (const name of ['MI1', 'MR1', 'MI2', 'MR2', 'MI3', 'MR3'] as const) {
    sendMainMode(t, options.at + MAIN_MODE_TIMES[name], session, name);
    if (name === (options.upTo ?? 'MR3')) break;
  }
  return session;
}

/** QI1, QR1 and QI2, not yet sent. */
export function quickModeMessages(
  t: Timeline,
  session: Ikev1Session,
): Record<'QI1' | 'QR1' | 'QI2', Uint8Array> {
  const messageId = t.random.next() || 1;
  return {
    QI1: quickMode(session.spis, messageId, t.random.bytes(160)),
    QR1: quickMode(session.spis, messageId, t.random.bytes(160)),
    QI2: quickMode(session.spis, messageId, t.random.bytes(48)),
  };
}

export function ikev1QuickMode(t: Timeline, session: Ikev1Session, at: number): void {
  const { peers, floated } = session;
  const { QI1, QR1, QI2 } = quickModeMessages(t, session);
  sendIke(t, at, peers, 'initiator', QI1, { floated });
  sendIke(t, at + 0.0127, peers, 'responder', QR1, { floated });
  sendIke(t, at + 0.0171, peers, 'initiator', QI2, { floated });
}

/** R-U-THERE and its acknowledgment (RFC 3706), encrypted. */
export function ikev1DeadPeerDetection(t: Timeline, session: Ikev1Session, at: number, from: IkeRole): void {
  const { peers, floated, spis } = session;
  const to = from === 'initiator' ? 'responder' : 'initiator';
  const message = (): Uint8Array => informationalEncrypted(spis, t.random.next() || 1, t.random.bytes(64));
  sendIke(t, at, peers, from, message(), { floated });
  sendIke(t, at + 0.0123, peers, to, message(), { floated });
}

export interface Ikev2Options {
  /** Length of the SK payloads, their 4-byte header included. */
  authRequestLength?: number;
  authResponseLength?: number;
  /** Payloads of the IKE_SA_INIT response beside the usual ones. */
  initResponseExtra?: readonly Payload[];
}

export interface Ikev2Session {
  readonly peers: IkePeers;
  readonly spis: Spis;
  /** True where IKE_AUTH and all that follows use port 4500. */
  readonly floated: boolean;
  readonly messages: Readonly<
    Record<'initRequest' | 'initResponse' | 'authRequest' | 'authResponse', Uint8Array>
  >;
  /** Message ids of the next request, by who sends it. */
  readonly nextMessageId: Record<IkeRole, number>;
}

/** IKE_SA_INIT and IKE_AUTH of an IKEv2 SA, not yet sent. */
export function ikev2Session(t: Timeline, peers: IkePeers, options: Ikev2Options = {}): Ikev2Session {
  const { random } = t;
  const spis = { initiatorSpi: random.bytes(8), responderSpi: random.bytes(8) };
  const spisOfRequest = { ...spis, responderSpi: zeros(8) };
  const hashes = detectionHashes('sha1', spis, spisOfRequest, peers);
  const payloads = (side: { source: Uint8Array; destination: Uint8Array }): Payload[] => [
    saV2(),
    keyExchangeV2(random.bytes(256)),
    nonceV2(random.bytes(32)),
    notifyV2(NOTIFY_V2.natDetectionSourceIp, side.source),
    notifyV2(NOTIFY_V2.natDetectionDestinationIp, side.destination),
    notifyV2(NOTIFY_V2.fragmentationSupported),
    notifyV2(NOTIFY_V2.signatureHashAlgorithms, concat(u16(2), u16(3), u16(4))),
  ];
  const auth = { exchangeType: EXCHANGE_V2.ikeAuth, messageId: 1 };
  const messages = {
    initRequest: ikeSaInitRequest(spis, payloads(hashes.fromInitiator)),
    initResponse: ikeSaInitResponse(spis, [
      ...payloads(hashes.fromResponder),
      ...(options.initResponseExtra ?? []),
    ]),
    authRequest: encryptedV2(spis, {
      ...auth,
      originalInitiator: true,
      response: false,
      encrypted: random.bytes((options.authRequestLength ?? 260) - 4),
    }),
    authResponse: encryptedV2(spis, {
      ...auth,
      originalInitiator: false,
      response: true,
      encrypted: random.bytes((options.authResponseLength ?? 196) - 4),
    }),
  };
  const nextMessageId = { initiator: 2, responder: 0 };
  return { peers, spis, floated: peers.nat !== undefined, messages, nextMessageId };
}

export interface Ikev2HandshakeOptions extends Ikev2Options {
  at: number;
  upTo?: 'initRequest' | 'initResponse' | 'authRequest' | 'authResponse';
  /** How the IKE_AUTH response is sent. */
  authResponse?: SendOptions;
}

/** Appends IKE_SA_INIT and IKE_AUTH at the pace of two hosts 12 ms apart. */
export function ikev2Handshake(t: Timeline, peers: IkePeers, options: Ikev2HandshakeOptions): Ikev2Session {
  const session = ikev2Session(t, peers, options);
  const steps = [
    ['initRequest', 'initiator', 0],
    ['initResponse', 'responder', 0.0139],
    ['authRequest', 'initiator', 0.0251],
    ['authResponse', 'responder', 0.0398],
  ] as const;
  for (const [name, from, after] of steps) {
    const floated = session.floated && name.startsWith('auth');
    const send = name === 'authResponse' ? options.authResponse : {};
    sendIke(t, options.at + after, peers, from, session.messages[name], { floated, ...send });
    if (name === options.upTo) break;
  }
  return session;
}

export interface Ikev2Exchange {
  at: number;
  from: IkeRole;
  exchangeType: number;
  /** Length of the SK payload of the request. */
  requestLength: number;
  /** That of the response, or null where none comes. */
  responseLength: number | null;
  /** Seconds after `at` at which the request is repeated. */
  repeatedAfter?: readonly number[];
}

/** Appends one request with the next message id of its sender, and its response. */
export function ikev2Exchange(t: Timeline, session: Ikev2Session, exchange: Ikev2Exchange): void {
  const { peers, spis, floated, nextMessageId } = session;
  const { at, from, exchangeType, repeatedAfter = [] } = exchange;
  const messageId = nextMessageId[from];
  nextMessageId[from] += 1;
  const message = (by: IkeRole, response: boolean, length: number): Uint8Array =>
    encryptedV2(spis, {
      exchangeType,
      messageId,
      originalInitiator: by === 'initiator',
      response,
      encrypted: t.random.bytes(length - 4),
    });
  const request = message(from, false, exchange.requestLength);
  for (const after of [0, ...repeatedAfter]) sendIke(t, at + after, peers, from, request, { floated });
  if (exchange.responseLength === null) return;
  const to = from === 'initiator' ? 'responder' : 'initiator';
  sendIke(t, at + 0.0137, peers, to, message(to, true, exchange.responseLength), { floated });
}

/** An empty INFORMATIONAL request and its response: the liveness check of RFC 7296 section 2.4. */
export function ikev2Liveness(t: Timeline, session: Ikev2Session, at: number, from: IkeRole): void {
  const exchangeType = EXCHANGE_V2.informational;
  ikev2Exchange(t, session, { at, from, exchangeType, requestLength: 52, responseLength: 52 });
}

/** CREATE_CHILD_SA that replaces the tunnel's SAs, then the INFORMATIONAL that deletes the old ones. */
export function ikev2RekeyChild(t: Timeline, session: Ikev2Session, at: number, deleteAfter = 0.05): void {
  const create = { at, from: 'initiator', exchangeType: EXCHANGE_V2.createChildSa } as const;
  ikev2Exchange(t, session, { ...create, requestLength: 228, responseLength: 196 });
  const remove = {
    at: at + deleteAfter,
    from: 'initiator',
    exchangeType: EXCHANGE_V2.informational,
  } as const;
  ikev2Exchange(t, session, { ...remove, requestLength: 68, responseLength: 68 });
}

/** Appends the three messages of an IKEv1 aggressive mode without NAT; the last one is encrypted. */
export function ikev1AggressiveMode(t: Timeline, peers: IkePeers, at: number): Spis {
  const { random } = t;
  const { initiator, responder } = peers;
  const spis = { initiatorSpi: random.bytes(8), responderSpi: random.bytes(8) };
  const offer = (from: Endpoint): Payload[] => [
    saV1(),
    keyExchangeV1(random.bytes(256)),
    nonceV1(random.bytes(32)),
    identification(address(from.address)),
    vendorId(VENDOR_ID.deadPeerDetection),
  ];
  const answer = [...offer(responder), hashV1(random.bytes(20))];
  sendIke(t, at, peers, 'initiator', aggressive({ ...spis, responderSpi: zeros(8) }, offer(initiator)));
  sendIke(t, at + 0.0182, peers, 'responder', aggressive(spis, answer));
  sendIke(t, at + 0.0297, peers, 'initiator', aggressiveEncrypted(spis, random.bytes(64)));
  return spis;
}
