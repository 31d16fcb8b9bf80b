import { type FrameRef, isNonEmpty, mostBy, type NonEmpty } from '../../src/moment.js';

/** Sizes told apart; requests of further sizes count under the nearest of them. */
const SIZES_KEPT = 64;

/** A request as far as its fate goes. */
export interface Decided extends FrameRef {
  readonly bytes: number;
  readonly isFragmented: boolean;
  readonly isAnswered: boolean;
}

export interface EchoSize {
  /** ICMP bytes on the wire; of fragmented requests, those of the first fragment. */
  readonly bytes: number;
  readonly isFragmented: boolean;
  answered: number;
  unanswered: number;
  firstUnanswered: FrameRef | null;
  lastUnanswered: FrameRef | null;
  lastAnswered: FrameRef | null;
}

/** Requests in a row that got no reply. */
export interface EchoRun {
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly count: number;
  /** The last answered request before it, or null. */
  readonly lastGood: FrameRef | null;
}

/** A run that was over when a later request was answered. */
export interface EndedRun extends EchoRun {
  readonly endedBy: FrameRef;
}

/** Ended runs kept one by one, and how long they are at least. */
const RUNS_KEPT = 16;
const KEPT_RUN_MIN = 3;

/** Answered and unanswered requests of one stream, taken in the order in which they were sent. */
export class EchoTally {
  answered = 0;
  unanswered = 0;
  readonly sizes: EchoSize[] = [];
  firstUnanswered: FrameRef | null = null;
  lastUnanswered: FrameRef | null = null;
  lastAnswered: FrameRef | null = null;
  /** The longest run of unanswered requests, and the one that is not over. */
  longest: EchoRun | null = null;
  current: EchoRun | null = null;
  /** The first RUNS_KEPT runs of at least KEPT_RUN_MIN requests that are over. */
  readonly ended: EndedRun[] = [];

  add(request: Decided): void {
    const size = this.sizeOf(request);
    if (request.isAnswered) {
      this.answered++;
      size.answered++;
      size.lastAnswered = request;
      this.lastAnswered = request;
      if (this.current && this.current.count >= KEPT_RUN_MIN && this.ended.length < RUNS_KEPT) {
        this.ended.push({ ...this.current, endedBy: request });
      }
      this.current = null;
      return;
    }
    this.unanswered++;
    size.unanswered++;
    size.firstUnanswered ??= request;
    size.lastUnanswered = request;
    this.firstUnanswered ??= request;
    this.lastUnanswered = request;
    this.current = {
      first: this.current?.first ?? request,
      last: request,
      count: (this.current?.count ?? 0) + 1,
      lastGood: this.current ? this.current.lastGood : this.lastAnswered,
    };
    if (!this.longest || this.current.count > this.longest.count) this.longest = this.current;
  }

  /** A copy that can be continued without touching this one. */
  copy(): EchoTally {
    const copy = new EchoTally();
    Object.assign(copy, this, {
      sizes: this.sizes.map((size) => ({ ...size })),
      ended: [...this.ended],
    });
    return copy;
  }

  private sizeOf(request: Decided): EchoSize {
    const known = this.sizes.find(
      ({ bytes, isFragmented }) => bytes === request.bytes && isFragmented === request.isFragmented,
    );
    if (known) return known;
    if (this.sizes.length >= SIZES_KEPT && isNonEmpty(this.sizes)) return nearest(this.sizes, request);
    const size: EchoSize = {
      bytes: request.bytes,
      isFragmented: request.isFragmented,
      answered: 0,
      unanswered: 0,
      firstUnanswered: null,
      lastUnanswered: null,
      lastAnswered: null,
    };
    this.sizes.push(size);
    return size;
  }
}

function nearest(sizes: NonEmpty<EchoSize>, request: Decided): EchoSize {
  return mostBy(sizes, ({ bytes }) => -Math.abs(bytes - request.bytes));
}
