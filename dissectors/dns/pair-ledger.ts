import { type Nanoseconds, seconds } from '../../src/units.js';
import { Outages } from './outages.js';
import type { DnsQuestion, LostHalf, PairedQuestions } from './session.js';

/** The shortest timer of a resolver (resolv.conf: timeout:1), less a tenth. */
export const RETRY_SECONDS = 0.9;
const RETRY_NS: Nanoseconds = seconds(RETRY_SECONDS);
const LOST_KEPT = 64;
/** Losses whose time is kept, to see later whether the server answered anybody then; further ones count as losses of their own. */
const TIMES_KEPT = 4096;

/** Counts what becomes of pairs of questions at one server; keeps the first LOST_KEPT lost halves and TIMES_KEPT other losses. */
export class PairLedger {
  private pairs = 0;
  private lostHalfCount = 0;
  private lostSeconds = 0;
  private bothLost = 0;
  private paired = 0;
  private repeatedPaired = 0;
  private repeated = 0;
  private readonly lostHalves: LostHalf[] = [];
  private readonly outages = new Outages();
  /** First tries of pairs that were lost both, and of questions alone that were repeated. */
  private readonly bothLostNs: Nanoseconds[] = [];
  private readonly aloneLostNs: Nanoseconds[] = [];

  ask({ first }: DnsQuestion): void {
    this.outages.ask(first.timeNs);
  }

  pairUp(earlier: DnsQuestion, later: DnsQuestion): void {
    earlier.mate = later;
    later.mate = earlier;
    this.pairs++;
    this.paired += 2;
  }

  /** Asked for the second time. */
  repeat({ mate, first, second }: DnsQuestion): void {
    if (!isByTimer(first.timeNs, second?.timeNs)) return;
    this.repeated++;
    if (!mate) {
      if (this.aloneLostNs.length < TIMES_KEPT) this.aloneLostNs.push(first.timeNs);
      return;
    }
    this.repeatedPaired++;
    if (mate.tries === 1 || !isByTimer(mate.first.timeNs, mate.second?.timeNs)) return;
    this.bothLost++;
    if (this.bothLostNs.length < TIMES_KEPT) this.bothLostNs.push(first.timeNs);
  }

  answer(question: DnsQuestion): void {
    const { mate, first, second, answer } = question;
    if (answer && answer.timeNs - first.timeNs < RETRY_NS) this.outages.serve(first.timeNs);
    if (!mate?.answer || !second || !answer || mate.tries > 1) return;
    if (!isByTimer(first.timeNs, second.timeNs)) return;
    // Both answers late: the server was slow or the path broken, for either of them.
    if (!(mate.answer.timeNs - mate.first.timeNs < RETRY_NS) || !(answer.timeNs > second.timeNs)) return;
    this.lostHalfCount++;
    if (first.frame > mate.first.frame) this.lostSeconds++;
    if (this.lostHalves.length < LOST_KEPT) this.lostHalves.push({ lost: question, answered: mate });
  }

  /** `questions`: all that the server was asked. */
  describe(questions: number): PairedQuestions {
    const { pairs, lostHalfCount, lostSeconds, bothLost, paired, repeated, repeatedPaired } = this;
    const isInOutage = this.outages.within();
    const bothInOutage = this.bothLostNs.filter(isInOutage).length;
    const aloneInOutage = this.aloneLostNs.filter(isInOutage).length;
    return {
      pairs,
      lostHalfCount,
      lostHalves: [...this.lostHalves].sort((a, b) => a.lost.first.frame - b.lost.first.frame),
      lostSeconds,
      bothLost: bothLost - bothInOutage,
      lostInOutage: 2 * bothInOutage + aloneInOutage,
      alone: questions - paired,
      aloneRepeated: repeated - repeatedPaired - aloneInOutage,
    };
  }
}

function isByTimer(firstNs: Nanoseconds, secondNs: Nanoseconds | undefined): boolean {
  return secondNs !== undefined && secondNs - firstNs >= RETRY_NS;
}
