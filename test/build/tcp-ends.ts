import { concat, type Random, random, zeros } from './bytes.js';
import type { TestFrame } from './frame-source.js';
import { icmpEcho } from './icmp.js';
import { IP_PROTOCOL, ipv4 } from './ip.js';
import { ETHER_TYPE, ethernet } from './link.js';
import { mssOption, type TcpFlag, tcp, timestampsOption } from './tcp.js';

/** What a firewall between the two capture points does to TCP connections. */
export interface Firewall {
  readonly seed: number;
  readonly connections?: number;
  /** Of packets with data and of acknowledgments; handshakes arrive. */
  readonly loss?: number;
  /** Adds a constant to the sequence numbers of each direction, another one for each connection. */
  readonly renumbers?: boolean;
  readonly rewritesTimestamps?: boolean;
  readonly rewritesIdentifications?: boolean;
  /** What becomes of the MSS option. */
  readonly clampedMss?: number;
  /** Traffic class of every packet, at the sender and at the receiver. */
  readonly trafficClass?: readonly [number, number];
  /** The address of the client, and its port, are others at the server. */
  readonly nat?: boolean;
  /** Every connection comes from the same port. */
  readonly reusesPort?: boolean;
  /** Connections of which no byte of data is sent. */
  readonly isSilent?: boolean;
  /** The captures begin after the handshakes. */
  readonly startsLate?: boolean;
  readonly offsetSeconds?: number;
}

export interface TcpEnds {
  /** The client's side, and the server's. */
  readonly a: TestFrame[];
  readonly b: TestFrame[];
  readonly forward: { sent: number; lost: number };
  readonly backward: { sent: number; lost: number };
  /** Handshake packets that carry the MSS option. */
  readonly handshakes: number;
}

export const CLIENT = '10.1.0.10';
export const SERVER = '10.2.0.20';
export const MSS = 1460;
const OUTSIDE = '203.0.113.7';
const SERVICE = 443;
const START_NS = 1_790_000_000_000_000_000n;
const DELAY_SECONDS = 0.004;
const MACS = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };

interface Segment {
  readonly isForward: boolean;
  readonly flags: readonly TcpFlag[];
  /** In the numbers of the hosts themselves. */
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly payload: Uint8Array;
}

interface Connection {
  readonly port: number;
  readonly shifts: { readonly client: number; readonly server: number };
  readonly timestampShift: number;
}

/** TCP connections through a firewall, at both of its sides, and what was lost there. */
export function tcpEnds(firewall: Firewall): TcpEnds {
  const path = new FirewallPath(firewall);
  path.ping(0);
  for (let index = 0; index < (firewall.connections ?? 4); index++) path.connect(index);
  path.ping(path.seconds + 5);
  return path.ends();
}

class FirewallPath {
  seconds = 1;
  private readonly numbers: Random;
  private readonly transmissions: { a: TestFrame[]; b: TestFrame[] } = { a: [], b: [] };
  private readonly truth = { forward: { sent: 0, lost: 0 }, backward: { sent: 0, lost: 0 } };
  private identification = 1;
  private handshakes = 0;

  constructor(private readonly firewall: Firewall) {
    this.numbers = random(firewall.seed);
  }

  ends(): TcpEnds {
    const ordered = (frames: TestFrame[]) => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
    const { a, b } = this.transmissions;
    return { a: ordered(a), b: ordered(b), ...this.truth, handshakes: this.handshakes };
  }

  ping(at: number): void {
    for (const isForward of [true, false]) {
      const payload = icmpEcho({
        reply: !isForward,
        identifier: 9,
        sequence: Math.floor(at),
        data: zeros(56),
      });
      this.send(at + (isForward ? 0 : 0.01), isForward, IP_PROTOCOL.icmp, () => payload, false);
    }
  }

  connect(index: number): void {
    const { firewall, numbers } = this;
    const random32 = (): number => Math.floor(numbers.between(0, 2 ** 32));
    const connection: Connection = {
      port: firewall.reusesPort ? 40_000 : 40_000 + index,
      shifts: firewall.renumbers ? { client: random32(), server: random32() } : { client: 0, server: 0 },
      timestampShift: firewall.rewritesTimestamps ? random32() : 0,
    };
    const next = { client: random32(), server: random32() };
    const none = zeros(0);
    const step = (isForward: boolean, flags: readonly TcpFlag[], payload = none): boolean => {
      const [own, peer] = isForward ? (['client', 'server'] as const) : (['server', 'client'] as const);
      const acknowledgment = flags.includes('ACK') ? next[peer] : 0;
      const segment = { isForward, flags, sequence: next[own], acknowledgment, payload };
      const arrives = this.carry(connection, segment);
      const length = payload.length + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0);
      if (arrives) next[own] = (next[own] + length) % 2 ** 32;
      return arrives;
    };
    step(true, ['SYN']);
    step(false, ['SYN', 'ACK']);
    step(true, ['ACK']);
    for (let turn = 0; turn < 12 && !firewall.isSilent; turn++) {
      const isForward = numbers.between(0, 1) < 0.5;
      // A host that lost a segment sends no more: what is missing is never acknowledged.
      if (!step(isForward, ['PSH', 'ACK'], numbers.bytes(Math.floor(numbers.between(1, 900))))) return;
      if (!step(!isForward, ['ACK'])) return;
    }
    step(true, ['FIN', 'ACK']);
    step(false, ['FIN', 'ACK']);
  }

  private carry(connection: Connection, segment: Segment): boolean {
    const { firewall } = this;
    const at = this.seconds;
    this.seconds += 0.05;
    const isHandshake = segment.flags.includes('SYN');
    const isFixed =
      isHandshake || segment.flags.includes('FIN') || (segment.payload.length === 0 && firewall.isSilent);
    if (isHandshake && firewall.startsLate) return true;
    if (isHandshake) this.handshakes++;
    return this.send(
      at,
      segment.isForward,
      IP_PROTOCOL.tcp,
      (isAtServer, isArriving) => segmentAt(firewall, connection, segment, at, isAtServer, isArriving),
      isFixed !== true,
    );
  }

  private send(
    at: number,
    isForward: boolean,
    protocol: number,
    payload: (isAtServer: boolean, isArriving: boolean) => Uint8Array,
    mayBeLost: boolean,
  ): boolean {
    const { firewall, numbers } = this;
    const truth = isForward ? this.truth.forward : this.truth.backward;
    const identification = this.identification++;
    const arrivingId = firewall.rewritesIdentifications
      ? 1 + Math.floor(numbers.between(0, 65_000))
      : identification;
    truth.sent++;
    const isLost = mayBeLost && numbers.between(0, 1) < (firewall.loss ?? 0);
    for (const isArriving of isLost ? [false] : [false, true]) {
      const isAtServer = isForward === isArriving;
      const client = isAtServer && firewall.nat ? OUTSIDE : CLIENT;
      const [source, destination] = isForward ? [client, SERVER] : [SERVER, client];
      const packet = ipv4({
        source,
        destination,
        protocol,
        identification: isArriving ? arrivingId : identification,
        ttl: isArriving ? 63 : 64,
        typeOfService: firewall.trafficClass?.[isArriving ? 1 : 0] ?? 0,
        payload: payload(isAtServer, isArriving),
      });
      const delay = isArriving ? DELAY_SECONDS + numbers.between(0, 0.001) : 0;
      const clock = isAtServer ? (firewall.offsetSeconds ?? 0) : 0;
      this.transmissions[isAtServer ? 'b' : 'a'].push({
        timeNs: START_NS + BigInt(Math.round((at + delay + clock) * 1e9)),
        bytes: ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet }),
      });
    }
    if (isLost) truth.lost++;
    return !isLost;
  }
}

function segmentAt(
  firewall: Firewall,
  { port, shifts, timestampShift }: Connection,
  { isForward, flags, sequence, acknowledgment, payload }: Segment,
  at: number,
  isAtServer: boolean,
  isArriving: boolean,
): Uint8Array {
  const client = isAtServer && firewall.nat ? OUTSIDE : CLIENT;
  const clientPort = isAtServer && firewall.nat ? port + 5000 : port;
  // Each host sees its own numbers as they are, and those of the other one shifted.
  const numbersOf = (isClients: boolean, value: number): number => {
    const shift = isClients ? shifts.client : shifts.server;
    return isClients === isAtServer ? (value + shift) % 2 ** 32 : value;
  };
  const acknowledges = flags.includes('ACK');
  const options: Uint8Array[] = [];
  if (flags.includes('SYN')) options.push(mssOption((isArriving && firewall.clampedMss) || MSS));
  const timestamp = (Math.floor(at * 1000) + (isArriving ? timestampShift : 0)) % 2 ** 32;
  options.push(timestampsOption(timestamp, 7));
  const [source, destination] = isForward ? [client, SERVER] : [SERVER, client];
  return tcp({
    source,
    destination,
    sourcePort: isForward ? clientPort : SERVICE,
    destinationPort: isForward ? SERVICE : clientPort,
    sequence: numbersOf(isForward, sequence),
    acknowledgment: acknowledges ? numbersOf(!isForward, acknowledgment) : 0,
    flags,
    options: concat(...options),
    payload,
  });
}
