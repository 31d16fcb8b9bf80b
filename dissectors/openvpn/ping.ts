import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import { DATA_V2 } from './layout.js';

/*
 * A ping is a data packet with 16 fixed bytes inside. Encrypted, it shows by its length: shorter than any IP packet
 * could be, and sent after the sender was silent for the configured number of seconds.
 */

/** Longest packet that may be a ping: SHA-512 and a cipher with blocks of 16 bytes. */
export const PING_LENGTH_MAX = 128;
/** Lengths told apart, and silences kept for each. */
const LENGTHS_MAX = 8;
const SAMPLES_MAX = 48;
/** Silences of equal length before a ping that make a period. */
const SAMPLES_MIN = 3;
const FITTING_SHARE = 0.75;
/** Timers of OpenVPN have a grain of one second. */
const GRAIN_NS: Nanoseconds = 1.5 * NS_PER_SECOND;
const PERIOD_NS_MIN: Nanoseconds = 1.5 * NS_PER_SECOND;

const PING_BYTES = 16;
const PACKET_ID_BYTES = 4;
const AEAD_TAG_BYTES = 16;
const EPOCH_BYTES = 4;
/** HMAC lengths of SHA1, SHA2-224, 256, 384 and 512. */
const HMAC_LENGTHS = [20, 28, 32, 48, 64];
const BLOCK_LENGTHS = [8, 16];

/** Lengths that a ping has: with and without a byte for compression. */
function pingLengths(dataOpcode: number, isAead: boolean): number[] {
  const header = dataOpcode === DATA_V2 ? 4 : 1;
  const plain = [PING_BYTES, PING_BYTES + 1];
  if (isAead) {
    return plain.flatMap((bytes) => {
      const length = header + PACKET_ID_BYTES + AEAD_TAG_BYTES + bytes;
      return dataOpcode === DATA_V2 ? [length, length + EPOCH_BYTES] : [length];
    });
  }
  return plain.flatMap((bytes) =>
    HMAC_LENGTHS.flatMap((hmac) =>
      BLOCK_LENGTHS.map((block) => {
        const padded = (Math.floor((PACKET_ID_BYTES + bytes) / block) + 1) * block;
        return header + hmac + block + padded;
      }),
    ),
  );
}

export function isPingLength(length: number, dataOpcode: number, isAead: boolean | null): boolean {
  if (isAead !== null) return pingLengths(dataOpcode, isAead).includes(length);
  return [true, false].some((aead) => pingLengths(dataOpcode, aead).includes(length));
}

/** Silences before short packets of one direction, by the packets' length. Bounded: LENGTHS_MAX × SAMPLES_MAX numbers. */
export class PingLearner {
  private readonly silences = new Map<number, number[]>();
  private readonly counts = new Map<number, number>();

  observe(length: number, silenceNs: Nanoseconds): void {
    const known = this.counts.get(length);
    if (known === undefined) {
      if (this.counts.size >= LENGTHS_MAX) return;
      this.counts.set(length, 1);
      this.silences.set(length, Number.isNaN(silenceNs) ? [] : [silenceNs]);
      return;
    }
    this.counts.set(length, known + 1);
    const samples = this.silences.get(length);
    if (samples && samples.length < SAMPLES_MAX && !Number.isNaN(silenceNs)) samples.push(silenceNs);
  }

  /** The period that pings keep; `periodNs` is NaN where there are too few, or where they do not keep any. */
  learned(
    dataOpcode: number,
    isAead: boolean | null,
  ): { length: number; periodNs: Nanoseconds; count: number } {
    let best = { length: 0, periodNs: Number.NaN, count: 0 };
    for (const [length, samples] of this.silences) {
      if (!isPingLength(length, dataOpcode, isAead)) continue;
      const count = this.counts.get(length) ?? 0;
      const periodNs = periodOf(samples);
      const isBetter = Number.isNaN(best.periodNs) && (!Number.isNaN(periodNs) || count > best.count);
      if (isBetter || (!Number.isNaN(periodNs) && count > best.count)) best = { length, periodNs, count };
    }
    return best;
  }
}

function periodOf(samples: readonly number[]): Nanoseconds {
  if (samples.length < SAMPLES_MIN) return Number.NaN;
  const sorted = [...samples].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  if (median < PERIOD_NS_MIN) return Number.NaN;
  const fitting = samples.filter((silence) => Math.abs(silence - median) <= GRAIN_NS).length;
  return fitting >= SAMPLES_MIN && fitting >= FITTING_SHARE * samples.length ? median : Number.NaN;
}
