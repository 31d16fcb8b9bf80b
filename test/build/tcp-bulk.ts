import { concat, random, u8, u32, zeros } from './bytes.js';
import type { TestFrame } from './frame-source.js';
import { IP_PROTOCOL, ipv4 } from './ip.js';
import { ETHER_TYPE, ethernet } from './link.js';
import { mssOption, type TcpFlag, tcp } from './tcp.js';
import type { Truth, TwoEnds } from './two-ends.js';

/** A transfer from A to B over TCP, which the hosts cut otherwise than the path carries it. */
export interface BulkFaults {
  readonly seed: number;
  /** Writes of the sender. */
  readonly writes?: number;
  /** Bytes of a segment as A's capture shows it (segmentation offload), at most; each write has a size up to it. */
  readonly segmentMax?: number;
  /** Bytes of a segment on the path. */
  readonly pathSegment?: number;
  /** Bytes up to which B's capture shows segments that follow one another as one (receive offload). */
  readonly receiveMax?: number;
  /** Probability with which a segment on the path is lost, retransmissions too. */
  readonly loss?: number;
  /** Probability with which an acknowledgment is lost. */
  readonly acknowledgmentLoss?: number;
  /** Probability with which a write is sent once more although all of it arrives. */
  readonly spurious?: number;
  readonly offsetSeconds?: number;
  readonly identification?: 'counted' | 'zero';
}

const HOST_A = '10.1.0.10';
const HOST_B = '10.2.0.20';
const PORTS = [40_000, 5201] as const;
const START_NS = 1_790_000_000_000_000_000n;
const DELAY_SECONDS = 0.004;
/** Of one segment on a path of 1 Gbit/s. */
const SPACING_SECONDS = 12e-6;
const WRITE_SECONDS = 0.02;
const EDGE_WRITES = 4;
const ROUNDS_MAX = 8;

interface Segment {
  readonly seconds: number;
  readonly from: number;
  readonly to: number;
}

interface Arrival extends Segment {
  /** A host that cuts a segment counts on; one that joins segments keeps the first number. */
  readonly identification: number;
}

interface Transmission {
  readonly seconds: number;
  readonly packet: Uint8Array;
}

/** The same transfer at both ends, and how many of the segments that each side's capture shows did not arrive whole. */
export function tcpBulk(faults: BulkFaults): TwoEnds {
  return new Transfer(faults).ends();
}

class Transfer {
  private readonly a: Transmission[] = [];
  private readonly b: Transmission[] = [];
  private readonly forward: Truth = { sent: 0, lost: 0, duplicated: 0, reordered: 0 };
  private readonly backward: Truth = { sent: 0, lost: 0, duplicated: 0, reordered: 0 };
  private readonly numbers;
  private readonly stream: Uint8Array;
  private readonly firstSequence: number;
  private readonly writes: Segment[] = [];
  private identification = 1;
  private answers = 1;

  constructor(private readonly faults: BulkFaults) {
    this.numbers = random(faults.seed);
    const count = faults.writes ?? 60;
    const most = faults.segmentMax ?? 20_000;
    let at = 0;
    for (let write = 0; write < count; write++) {
      const size = Math.floor(this.numbers.between(1, most + 1));
      const seconds = 1 + write * WRITE_SECONDS + this.numbers.between(0, WRITE_SECONDS / 4);
      this.writes.push({ seconds, from: at, to: at + size });
      at += size;
    }
    this.stream = this.numbers.bytes(at);
    // Sequence numbers wrap within the transfer every now and then.
    this.firstSequence = (faults.seed % 2 === 0 ? 2 ** 32 - Math.floor(at / 2) : 1000) >>> 0;
  }

  ends(): TwoEnds {
    this.shakeHands();
    const arrivals: Arrival[] = [];
    for (const [index, write] of this.writes.entries()) {
      const isEdge = index < EDGE_WRITES || index >= this.writes.length - EDGE_WRITES;
      arrivals.push(...this.send(write, isEdge ? 0 : (this.faults.loss ?? 0)));
      if (!isEdge && this.numbers.between(0, 1) < (this.faults.spurious ?? 0))
        arrivals.push(...this.send({ ...write, seconds: write.seconds + 0.21 }, 0));
    }
    this.receive(arrivals);
    const offset = this.faults.offsetSeconds ?? 0;
    return {
      a: framesOf(this.a, 0),
      b: framesOf(this.b, offset),
      forward: this.forward,
      backward: this.backward,
    };
  }

  /** Sends a segment, and until all of it has arrived what was lost of it, each time with other boundaries. */
  private send(segment: Segment, loss: number): Arrival[] {
    const arrived: Arrival[] = [];
    const lost = this.sendOnce(segment, loss, arrived);
    let again = lost;
    for (let round = 1; again.length > 0; round++) {
      const chance = round < ROUNDS_MAX ? loss : 0;
      again = again.flatMap((piece) => {
        const wider = {
          seconds: piece.seconds + 0.06 * round + this.numbers.between(0, 0.03),
          from: Math.max(0, piece.from - Math.floor(this.numbers.between(0, 900))),
          to: Math.min(segment.to, piece.to + Math.floor(this.numbers.between(0, 900))),
        };
        return this.sendOnce(wider, chance, arrived);
      });
    }
    return arrived;
  }

  private sendOnce(segment: Segment, loss: number, arrived: Arrival[]): Segment[] {
    const size = this.faults.pathSegment ?? 1448;
    const lost: Segment[] = [];
    this.forward.sent++;
    this.a.push({ seconds: segment.seconds, packet: this.data(segment, this.identification) });
    let position = 0;
    for (let from = segment.from; from < segment.to; from += size) {
      const seconds = segment.seconds + DELAY_SECONDS + position * SPACING_SECONDS;
      const identification = this.identification + position;
      const piece = { seconds, from, to: Math.min(from + size, segment.to), identification };
      if (this.numbers.between(0, 1) < loss) lost.push({ ...piece, seconds: segment.seconds });
      else arrived.push(piece);
      position++;
    }
    this.identification += position;
    if (lost.length > 0) this.forward.lost++;
    return lost;
  }

  /** B shows what arrived, joined where it follows one another, and acknowledges it. */
  private receive(arrivals: Arrival[]): void {
    arrivals.sort((x, y) => x.seconds - y.seconds);
    const joined: Arrival[] = [];
    for (const piece of arrivals) {
      const last = joined[joined.length - 1];
      const follows = last && last.to === piece.from && piece.seconds - last.seconds < 5 * SPACING_SECONDS;
      if (follows && piece.to - last.from <= (this.faults.receiveMax ?? 0))
        joined[joined.length - 1] = { ...last, to: piece.to, seconds: piece.seconds };
      else joined.push(piece);
    }
    const held: Segment[] = [];
    let next = 0;
    let confirmed = 0;
    for (const [index, segment] of joined.entries()) {
      this.b.push({ seconds: segment.seconds, packet: this.data(segment, segment.identification) });
      held.push(segment);
      for (let more = true; more; ) {
        const found = held.find(({ from, to }) => from <= next && to > next);
        more = found !== undefined;
        if (found) next = found.to;
      }
      const isEdge = index < EDGE_WRITES || index >= joined.length - EDGE_WRITES;
      const before = confirmed;
      confirmed = next;
      this.acknowledge(segment.seconds + 50e-6, next, next > before ? null : segment, isEdge);
    }
  }

  /** `selective`: what arrived beside the stream (RFC 2018), or once more (RFC 2883). */
  private acknowledge(seconds: number, next: number, selective: Segment | null, isEdge: boolean): void {
    const sequence = (position: number) => u32((this.firstSequence + position) >>> 0);
    const options = selective
      ? concat(u8(1), u8(1), u8(5), u8(10), sequence(selective.from), sequence(selective.to))
      : zeros(0);
    const packet = this.wire(false, ['ACK'], 1, next, this.answers++, zeros(0), options);
    this.backward.sent++;
    this.b.push({ seconds, packet });
    if (!isEdge && this.numbers.between(0, 1) < (this.faults.acknowledgmentLoss ?? 0)) {
      this.backward.lost++;
      return;
    }
    this.a.push({ seconds: seconds + DELAY_SECONDS, packet });
  }

  private shakeHands(): void {
    const syn = this.wire(true, ['SYN'], -1, -1, this.identification++);
    const synAck = this.wire(false, ['SYN', 'ACK'], 0, 0, this.answers++);
    const ack = this.wire(true, ['ACK'], 0, 1, this.identification++);
    this.a.push({ seconds: 0.9, packet: syn });
    this.b.push({ seconds: 0.904, packet: syn }, { seconds: 0.905, packet: synAck });
    this.a.push({ seconds: 0.909, packet: synAck }, { seconds: 0.91, packet: ack });
    this.b.push({ seconds: 0.914, packet: ack });
    this.forward.sent += 2;
    this.backward.sent++;
  }

  private data({ from, to }: Segment, identification: number): Uint8Array {
    return this.wire(true, ['ACK'], from, 1, identification, this.stream.subarray(from, to));
  }

  /** `position` in the stream of its sender, `confirmed` in that of the other one. */
  private wire(
    isForward: boolean,
    flags: readonly TcpFlag[],
    position: number,
    confirmed: number,
    identification: number,
    payload: Uint8Array = zeros(0),
    options: Uint8Array = zeros(0),
  ): Uint8Array {
    const [source, destination] = isForward ? [HOST_A, HOST_B] : [HOST_B, HOST_A];
    const [sourcePort, destinationPort] = isForward ? PORTS : [PORTS[1], PORTS[0]];
    const bases = isForward ? [this.firstSequence, 77_000] : [77_000, this.firstSequence];
    const isSyn = flags.includes('SYN');
    return ipv4({
      source,
      destination,
      protocol: IP_PROTOCOL.tcp,
      dontFragment: true,
      identification: this.faults.identification === 'zero' ? 0 : identification & 0xffff,
      payload: tcp({
        source,
        destination,
        sourcePort,
        destinationPort,
        sequence: (bases[0] + position) >>> 0,
        acknowledgment: flags.includes('ACK') ? (bases[1] + confirmed) >>> 0 : 0,
        flags,
        options: isSyn ? mssOption(1460) : options,
        payload,
      }),
    });
  }
}

function framesOf(transmissions: readonly Transmission[], offsetSeconds: number): TestFrame[] {
  return [...transmissions]
    .sort((x, y) => x.seconds - y.seconds)
    .map(({ seconds, packet }) => ({
      timeNs: START_NS + BigInt(Math.round((seconds + offsetSeconds) * 1e9)),
      bytes: ethernet({
        source: '02:00:00:00:00:0a',
        destination: '02:00:00:00:00:0b',
        etherType: ETHER_TYPE.ipv4,
        payload: packet,
      }),
    }));
}
