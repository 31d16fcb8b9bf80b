import { type Nanoseconds, seconds } from '../../src/units.js';
import type { DnsQuestion, LostHalf, PairedQuestions } from './session.js';

/** The shortest timer of a resolver (resolv.conf: timeout:1), less a tenth. */
export const RETRY_SECONDS = 0.9;
const RETRY_NS: Nanoseconds = seconds(RETRY_SECONDS);
const LOST_KEPT = 64;

/** Counts what becomes of pairs of questions at one server; keeps the first LOST_KEPT lost halves. */
export class PairLedger {
  private pairs = 0;
  private lostHalfCount = 0;
  private lostSeconds = 0;
  private bothLost = 0;
  private paired = 0;
  private repeatedPaired = 0;
  private repeated = 0;
  private readonly lostHalves: LostHalf[] = [];

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
    if (!mate) return;
    this.repeatedPaired++;
    if (mate.tries > 1 && isByTimer(mate.first.timeNs, mate.second?.timeNs)) this.bothLost++;
  }

  answer(question: DnsQuestion): void {
    const { mate, first, second, answer } = question;
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
    return {
      pairs,
      lostHalfCount,
      lostHalves: [...this.lostHalves].sort((a, b) => a.lost.first.frame - b.lost.first.frame),
      lostSeconds,
      bothLost,
      alone: questions - paired,
      aloneRepeated: repeated - repeatedPaired,
    };
  }
}

function isByTimer(firstNs: Nanoseconds, secondNs: Nanoseconds | undefined): boolean {
  return secondNs !== undefined && secondNs - firstNs >= RETRY_NS;
}
