import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';

/** Fewer questions without an answer in a row may be lost by chance: two pairs of A and AAAA. */
const QUESTIONS_MIN = 4;
/** Seconds with questions that are kept; what is asked later counts as asked outside of an outage. */
const SECONDS_KEPT = 16_384;

interface Asked {
  questions: number;
  /** Answered before a resolver asks again. */
  served: number;
}

/**
 * Stretches of time in which a server answered nobody: what is lost then says nothing of single questions. Counts by the
 * second in which a question was asked first, whatever the order in which flows are told.
 */
export class Outages {
  private readonly seconds = new Map<number, Asked>();

  ask(firstNs: Nanoseconds): void {
    const second = Math.floor(firstNs / NS_PER_SECOND);
    const known = this.seconds.get(second);
    if (known) known.questions++;
    else if (this.seconds.size < SECONDS_KEPT) this.seconds.set(second, { questions: 1, served: 0 });
  }

  /** Answered before it was due to be asked again. */
  serve(firstNs: Nanoseconds): void {
    const known = this.seconds.get(Math.floor(firstNs / NS_PER_SECOND));
    if (known) known.served++;
  }

  /** Whether nothing that was asked around that time was answered; at least QUESTIONS_MIN questions one after the other. */
  within(): (firstNs: Nanoseconds) => boolean {
    const dead = new Set<number>();
    let run: number[] = [];
    let questions = 0;
    const close = (): void => {
      if (questions >= QUESTIONS_MIN) for (const second of run) dead.add(second);
      run = [];
      questions = 0;
    };
    for (const [second, asked] of [...this.seconds].sort(([a], [b]) => a - b)) {
      if (asked.served > 0) close();
      else {
        run.push(second);
        questions += asked.questions;
      }
    }
    close();
    return (firstNs) => dead.has(Math.floor(firstNs / NS_PER_SECOND));
  }
}
