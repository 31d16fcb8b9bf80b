import type { Moment } from '../moment.js';
import type { FrameId } from '../units.js';

/**
 * Evidence that packets of a peer reach a host although they may not be in the capture: a field in the
 * host's own packets that it can only know from the peer (a responder cookie, an acknowledged number, a BFD
 * state). Bounded: one entry a direction of a pair, PAIRS_MAX pairs.
 */
export interface Hearing {
  readonly hearer: string;
  readonly peer: string;
  /** The field that proves it, in words. */
  readonly via: string;
  /** With the frame that proves it, where the correlator says so. */
  readonly first: Moment & { readonly frame?: FrameId };
  last: Moment;
  count: number;
}

const PAIRS_MAX = 65_536;

export class HearsPeer {
  private readonly hearings = new Map<string, Hearing>();

  note(hearer: string, peer: string, via: string, moment: Moment & { readonly frame?: FrameId }): void {
    const key = `${hearer} ${peer}`;
    const known = this.hearings.get(key);
    if (known) {
      known.last = moment;
      known.count++;
    } else if (this.hearings.size < PAIRS_MAX) {
      this.hearings.set(key, { hearer, peer, via, first: moment, last: moment, count: 1 });
    }
  }

  /** Proof that packets of `peer` reached `hearer`, or null. */
  find(hearer: string, peer: string): Hearing | null {
    return this.hearings.get(`${hearer} ${peer}`) ?? null;
  }
}
