/** Sessions kept one by one: the first ones, and the worst of the rest by a declared score. */
const FIRST_KEPT = 500;
const WORST_KEPT = 500;

/**
 * Keeps closed sessions within a bound: the first 500 and the 500 worst by score; the rest are counted. What is
 * kept depends only on the sessions and their order.
 */
export class SessionStore<Session> {
  private readonly first: Session[] = [];
  private worst: { readonly session: Session; readonly score: number; readonly ordinal: number }[] = [];
  private added = 0;
  /** What is no worse than this has lost against those kept already: of equals the earlier ones stay. */
  private leastScore = Number.NEGATIVE_INFINITY;

  /** `score`: how bad a session is; higher is worse. Without it sessions are offered with theirs. */
  constructor(private readonly score: (session: Session) => number = () => 0) {}

  /** Sessions that were counted only. */
  get summarised(): number {
    return this.added - this.first.length - this.worst.length;
  }

  add(session: Session): void {
    // The first ones are kept whatever their score: it need not be computed.
    this.offer(this.first.length < FIRST_KEPT ? 0 : this.score(session), () => session);
  }

  /** As `add`, for sessions that are dear to describe: only those that are kept are. */
  offer(score: number, describe: () => Session | null): void {
    const isFirst = this.first.length < FIRST_KEPT;
    this.added++;
    if (!isFirst && score <= this.leastScore) return;
    const session = describe();
    if (session === null) this.added--;
    else if (isFirst) this.first.push(session);
    else this.worst.push({ session, score, ordinal: this.added });
    if (this.worst.length >= WORST_KEPT * 2) this.trim();
  }

  /** In the order in which they were added. */
  sessions(): Session[] {
    this.trim();
    const rest = [...this.worst].sort((a, b) => a.ordinal - b.ordinal);
    return [...this.first, ...rest.map(({ session }) => session)];
  }

  private trim(): void {
    if (this.worst.length <= WORST_KEPT) return;
    this.worst.sort((a, b) => b.score - a.score || a.ordinal - b.ordinal);
    this.worst = this.worst.slice(0, WORST_KEPT);
    this.leastScore = this.worst[WORST_KEPT - 1].score;
  }
}
