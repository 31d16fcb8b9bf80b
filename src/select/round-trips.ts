import type { Fields } from './frame-rows.js';

/** Requests without an answer yet, and answers of a pair, that are kept. */
const WAITING_MAX = 10_000;
const TIMES_MAX = 10_000;

const SYN = 0x02;
const ACK = 0x10;
const ECHO_REQUESTS: readonly unknown[] = [8, 128];

interface Way {
  readonly from: string;
  readonly to: string;
  readonly inside: readonly string[];
}

/** Seconds from pings and SYNs to their answers, as seen where the capture was taken, by the hosts. */
export class RoundTrips {
  private readonly waiting = new Map<string, number>();
  private readonly times = new Map<string, number[]>();

  /** @param timeNs from the base of its time segment */
  take(protocol: string, fields: Fields, way: Way, timeNs: number): void {
    if (Number.isNaN(timeNs)) return;
    if (protocol === 'icmp') this.takePing(fields, way, timeNs);
    else if (protocol === 'tcp') this.takeHandshake(fields, way, timeNs);
  }

  /** Median in seconds, by `what asker > answerer`; of three answers at least. */
  medians(): Map<string, number> {
    const medians = new Map<string, number>();
    for (const [name, times] of this.times) {
      if (times.length < 3) continue;
      const sorted = [...times].sort((a, b) => a - b);
      medians.set(name, sorted[sorted.length >> 1]);
    }
    return medians;
  }

  private takePing({ type = 0, identifier = 0, sequence = 0 }: Fields, way: Way, timeNs: number): void {
    const number = `${identifier} ${sequence}`;
    if (ECHO_REQUESTS.includes(type)) this.ask('ping', way, number, timeNs);
    else if (type === 0 || type === 129) this.answer('ping', way, number, timeNs);
  }

  private takeHandshake(
    { flags = 0, sequence = 0, acknowledgment = 0 }: Fields,
    way: Way,
    timeNs: number,
  ): void {
    const bits = Number(flags) & (SYN | ACK);
    if (bits === SYN) this.ask('SYN', way, String((Number(sequence) + 1) >>> 0), timeNs);
    else if (bits === (SYN | ACK)) this.answer('SYN', way, String(acknowledgment), timeNs);
  }

  /** Of a repetition it is not known which one is answered. */
  private ask(what: string, { from, to, inside }: Way, number: string, timeNs: number): void {
    const key = `${what} ${[...inside, from].join(' ')} > ${to} ${number}`;
    if (this.waiting.delete(key)) return;
    if (this.waiting.size < WAITING_MAX) this.waiting.set(key, timeNs);
  }

  private answer(what: string, { from, to, inside }: Way, number: string, timeNs: number): void {
    const name = `${what} ${[...inside, to].join(' ')} > ${from}`;
    const asked = this.waiting.get(`${name} ${number}`);
    if (asked === undefined || timeNs < asked) return;
    this.waiting.delete(`${name} ${number}`);
    const times = this.times.get(name) ?? [];
    this.times.set(name, times);
    if (times.length < TIMES_MAX) times.push((timeNs - asked) / 1e9);
  }
}
