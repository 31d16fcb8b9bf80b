import { Bucket, type ComparedPacket } from './compared-packet.js';

const SIZE_LEAST = 1 << 12;

/*
 * Equal packets are a ring, chained through the packets themselves in the order of time: from the last one, which stands
 * for the ring, to the first. A packet is in one ring at most.
 */

/** @returns the ring with one more packet at its end */
export function ringWith(ring: ComparedPacket | null, packet: ComparedPacket): ComparedPacket {
  packet.nextEqual = ring === null ? packet : ring.nextEqual;
  if (ring !== null) ring.nextEqual = packet;
  return packet;
}

/** @returns the ring without the packet, where that is in it */
export function ringWithout(ring: ComparedPacket | null, packet: ComparedPacket): ComparedPacket | null {
  for (let before = ring; before !== null; ) {
    const next: ComparedPacket | null = before.nextEqual;
    if (next === packet) {
      const isAlone = before === packet;
      before.nextEqual = packet.nextEqual;
      packet.nextEqual = null;
      if (isAlone) return null;
      return ring === packet ? before : ring;
    }
    before = next === ring ? null : next;
  }
  return ring;
}

/** The buckets in use, by identity: a table of chains that doubles with them. Bounded as the packets that wait are. */
export class Buckets {
  private rows: (Bucket | null)[] = new Array<Bucket | null>(SIZE_LEAST).fill(null);
  private mask = SIZE_LEAST - 1;
  private used = 0;
  /** Those out of use, the one used last first. */
  private spare: Bucket | null = null;

  /** `identification`: 0 where it tells nothing. */
  findOrAdd(packet: ComparedPacket, identification: number): Bucket {
    const { channel, shape, digest } = packet;
    const hash = hashOf(channel, shape, digest, identification);
    const row = hash & this.mask;
    const first = this.rows[row];
    for (let one = first; one !== null; one = one.next) {
      if (
        one.digest === digest &&
        one.shape === shape &&
        one.channel === channel &&
        one.identification === identification
      )
        return one;
    }
    const bucket = this.spare ?? new Bucket();
    this.spare = bucket.next;
    bucket.channel = channel;
    bucket.shape = shape;
    bucket.digest = digest;
    bucket.identification = identification;
    bucket.hash = hash;
    bucket.sentCount = 0;
    bucket.matched = 0;
    bucket.next = first;
    this.rows[row] = bucket;
    if (++this.used * 2 > this.mask) this.grow();
    return bucket;
  }

  /** Of a bucket whose packets are all settled. */
  delete(bucket: Bucket): void {
    const row = bucket.hash & this.mask;
    let one = this.rows[row];
    if (one === bucket) this.rows[row] = bucket.next;
    else {
      while (one !== null && one.next !== bucket) one = one.next;
      if (one !== null) one.next = bucket.next;
    }
    this.used--;
    // What arrived changed is still in its ring; it is never used again.
    bucket.sent = null;
    bucket.received = null;
    bucket.next = this.spare;
    this.spare = bucket;
  }

  private grow(): void {
    const { rows } = this;
    this.mask = rows.length * 2 - 1;
    this.rows = new Array<Bucket | null>(rows.length * 2).fill(null);
    for (const chain of rows) {
      for (let one = chain; one !== null; ) {
        const { next } = one;
        const row = one.hash & this.mask;
        one.next = this.rows[row];
        this.rows[row] = one;
        one = next;
      }
    }
  }
}

function hashOf(channel: number, shape: number, digest: number, identification: number): number {
  const context = Math.imul(channel + 1, 0x9e3779b1) ^ Math.imul(identification, 0x2c1b3c6d);
  const mixed = Math.imul(shape ^ context ^ (context >>> 15), 0x85ebca6b) ^ digest;
  const spread = Math.imul(mixed ^ (mixed >>> 16), 0x297a2d39);
  return spread ^ (spread >>> 15);
}
