import type { IdentityCollector } from './identity-collector.js';
import type { Lane, LaneEnds } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import type { Side } from './side.js';

/** More lanes than a side can have. */
const LANES_MAX = 2 ** 20;

/** A lane of A and one of B on which the same packets were found, and what those say of each other. */
export class FlowPair {
  /** All of them, and those whose content is on no other packet of either side. */
  count = 0;
  unique = 0;
  /** Found by their content, not by length and identification alone. */
  withContent = 0;
  /** With the same identification, and with another one; the rest have none. */
  sameIdentification = 0;
  otherIdentification = 0;
  /** TTL less at B, and less at A. */
  lessAtB = 0;
  lessAtA = 0;
  /** TCP whose numbers are the same, not of its payload alone. */
  withNumbers = 0;
  private differences = 0;

  constructor(
    readonly laneA: Lane,
    readonly laneB: Lane,
    readonly a: LaneEnds,
    readonly b: LaneEnds,
  ) {}

  note({ differenceNs, isUnique, isByContent, shift, hops, identification }: PacketMatch): void {
    this.count++;
    if (isUnique) this.unique++;
    if (isByContent) this.withContent++;
    const seen = shift?.identification ?? identification;
    if (seen > 0) this.sameIdentification++;
    else if (seen < 0) this.otherIdentification++;
    const less = shift?.hops ?? hops;
    if (less > 0) this.lessAtB++;
    else if (less < 0) this.lessAtA++;
    if (!shift) this.withNumbers++;
    this.differences += differenceNs;
  }

  /** B's clock minus A's, with the delay on the way. */
  get differenceNs(): number {
    return this.differences / this.count;
  }

  /** Which ends have another address or port at B. */
  get isFromChanged(): boolean {
    return this.a.from !== this.b.from || this.a.fromPort !== this.b.fromPort;
  }

  get isToChanged(): boolean {
    return this.a.to !== this.b.to || this.a.toPort !== this.b.toPort;
  }

  get isTranslated(): boolean {
    return this.isFromChanged || this.isToChanged;
  }

  /** 1: every packet passes A first by its TTL, -1: B first, 0: the TTL does not tell, or says both. */
  get order(): number {
    if (this.lessAtB === this.count) return 1;
    return this.lessAtA === this.count ? -1 : 0;
  }
}

/** Pairs of lanes in the order of their first packet in A. */
export class FlowPairs {
  private readonly known = new Map<number, FlowPair>();

  constructor(
    matches: readonly PacketMatch[],
    private readonly ends: (side: Side, lane: Lane) => LaneEnds,
  ) {
    for (const match of matches) this.findOrAdd(match).note(match);
  }

  get all(): IterableIterator<FlowPair> {
    return this.known.values();
  }

  get size(): number {
    return this.known.size;
  }

  of(laneA: Lane, laneB: Lane): FlowPair | undefined {
    return this.known.get(laneA * LANES_MAX + laneB);
  }

  private findOrAdd({ laneA, laneB }: PacketMatch): FlowPair {
    const key = laneA * LANES_MAX + laneB;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const pair = new FlowPair(laneA, laneB, this.ends('a', laneA), this.ends('b', laneB));
    this.known.set(key, pair);
    return pair;
  }
}

export type Collectors = Readonly<Record<Side, IdentityCollector>>;
