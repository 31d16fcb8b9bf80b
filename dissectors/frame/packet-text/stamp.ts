// The time in front of a line: the forms of tcpdump (-t, -tt, -ttt, -tttt, -ttttt) and of tshark (-t).

/** `clock`: of a day that is not said; `date`: with its day, in a time zone that is not said; `span`: since something. */
export type StampForm = 'clock' | 'date' | 'epoch' | 'span';

export interface Stamp {
  readonly form: StampForm;
  readonly timeNs: bigint;
  /** Characters of the line that the time takes, with the blank behind it. */
  readonly length: number;
}

const CLOCK = /^( ?)(?:(\d{4})-(\d\d)-(\d\d)[ T])?(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z| UTC)?(?: |$)/;
const EPOCH = /^(\d{9,11})\.(\d{1,9})(?: |$)/;
const NS_PER_SECOND = 1_000_000_000n;

/** The time that the line begins with, or null. */
export function stampOf(line: string): Stamp | null {
  const first = line.charCodeAt(line.startsWith(' ') ? 1 : 0);
  if (!(first >= 0x30 && first <= 0x39)) return null;
  const epoch = EPOCH.exec(line);
  if (epoch !== null) {
    const [whole, seconds, fraction] = epoch;
    return { form: 'epoch', timeNs: nsOf(BigInt(seconds ?? 0), fraction), length: whole.length };
  }
  const found = CLOCK.exec(line);
  if (found === null) return null;
  const [whole, blank, year, month, day, hours, minutes, seconds, fraction] = found;
  const ofDay = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  if (year === undefined) {
    const form = blank === ' ' ? 'span' : 'clock';
    return { form, timeNs: nsOf(BigInt(ofDay), fraction), length: whole.length };
  }
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day));
  if (!(dayMs >= 0)) return null;
  return { form: 'date', timeNs: nsOf(BigInt(dayMs / 1000 + ofDay), fraction), length: whole.length };
}

/** `1.000002` and the like, as tshark counts from the first frame; null where it is no number. */
export function secondsOf(text: string): bigint | null {
  const found = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  return found === null ? null : nsOf(BigInt(found[1] ?? 0), found[2]);
}

function nsOf(seconds: bigint, fraction = ''): bigint {
  return seconds * NS_PER_SECOND + BigInt(fraction.padEnd(9, '0'));
}

const HALF_DAY_NS = 43_200n * NS_PER_SECOND;
const DAY_NS = 2n * HALF_DAY_NS;

/**
 * Makes one clock of the times of a run, in place: midnight passes, and what `tcpdump -ttt` prints are spans since the line before.
 * @param forms of each time, in order
 */
export function settleTimes(
  times: (bigint | null)[],
  forms: readonly (StampForm | null)[],
  spans: 'since-previous' | 'since-first' | null,
): void {
  let previous = 0n;
  let day = 0n;
  const isSincePrevious = spans === 'since-previous' || (spans === null && goesBack(times, forms));
  for (let index = 0; index < times.length; index++) {
    const own = times[index] ?? null;
    if (own === null) continue;
    const form = forms[index];
    if (form === 'span') {
      previous = isSincePrevious ? previous + own : own;
      times[index] = previous;
    } else if (form === 'clock') {
      if (own + day < previous - HALF_DAY_NS) day += DAY_NS;
      previous = own + day;
      times[index] = previous;
    }
  }
}

/** Spans since the first line only grow. */
function goesBack(times: readonly (bigint | null)[], forms: readonly (StampForm | null)[]): boolean {
  let before = 0n;
  return times.some((time, index) => {
    if (time === null || forms[index] !== 'span') return false;
    const isBack = time < before;
    before = time;
    return isBack;
  });
}
