/** Packets of a class that were lost and that arrived in the same time. */
export interface PacketCount {
  readonly lost: number;
  readonly delivered: number;
}

/**
 * The class of packets that a problem is about, among those of its pair and direction. What findings of one class have
 * in common with those of another tells which says the same more generally (see restatements).
 */
export interface PacketClass extends PacketCount {
  /**
   * What the packets have in common, each word narrowing it: a service (`udp/4500`), a protocol (`vxlan`), `fragments`,
   * `size` (drawn from what was lost); nothing for all packets of the direction.
   */
  readonly of: readonly string[];
  /** They arrived and were refused: nothing that says so is about packets that get lost. */
  readonly areRefused?: true;
  /** Where both ends were captured: what they count of every class of the direction; '' is all of it. */
  readonly parts?: ReadonlyMap<string, PacketCount>;
}

/** Word of a service: `tcp/443`. */
export function serviceWord(protocol: number, port: number): string {
  const name = PROTOCOL_NAMES.get(protocol) ?? `ip-${protocol}`;
  return `${name}/${port}`;
}

const PROTOCOL_NAMES = new Map([
  [6, 'tcp'],
  [17, 'udp'],
]);

/** A limit that is drawn from the losses themselves, not named in advance. */
const DRAWN_FROM_LOSSES = 'size';
/** Of what the general class lost, what the sharper one must account for. */
const COVERED_SHARE = 0.9;

/**
 * How much more sharply `a` says what is lost than `b`: positive only if its class holds all the packets that `b` lost.
 * The class of which fewer were delivered is the sharper one; between equals one that was named in advance, then
 * `isSharper` decides. 0: not sharper, or about other packets.
 */
export function sharpness(a: PacketClass, b: PacketClass, isSharper: boolean): number {
  const [ofA, ofB] = [countIn(a, b), countIn(b, a)];
  if (!ofA || !ofB || !areComparable(a, b) || a.areRefused !== b.areRefused) return 0;
  if (ofA.lost === 0 || ofB.lost === 0 || ofA.lost < COVERED_SHARE * ofB.lost) return 0;
  if (a.areRefused) return isSharper ? 1 : 0;
  if (ofA.delivered !== ofB.delivered) return ofA.delivered < ofB.delivered ? 1 : 0;
  const drawn = drawnRank(b) - drawnRank(a);
  if (drawn !== 0) return Math.max(0, drawn);
  return isSharper ? 1 : 0;
}

function drawnRank({ of }: PacketClass): number {
  return of.includes(DRAWN_FROM_LOSSES) ? 1 : 0;
}

/** What both ends count of the class where the other one was measured, or else what its own finding counted; null if it is unknown there. */
function countIn(packets: PacketClass, other: PacketClass): PacketCount | null {
  if (!other.parts || packets.parts) return packets;
  const { parts } = other;
  const word = packets.of.length === 0 ? '' : packets.of.findLast((one) => parts.has(one));
  return word === undefined ? null : (parts.get(word) ?? null);
}

/** Counts of both ends tell it; of one end alone, one class must lie in the other. */
function areComparable(a: PacketClass, b: PacketClass): boolean {
  if (a.parts || b.parts) return true;
  const [narrow, wide] = a.of.length >= b.of.length ? [a, b] : [b, a];
  return wide.of.every((word) => narrow.of.includes(word));
}
