// The time in front of a line: the forms of tcpdump (-t, -tt, -ttt, -tttt, -ttttt) and of tshark (-t).

/** `clock`: of a day that is not said; `date`: with its day, in a time zone that is not said; `span`: since something. */
export const STAMP_FORMS = ['clock', 'date', 'epoch', 'span'] as const;
export type StampForm = (typeof STAMP_FORMS)[number];

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

/** The times of a run, in order; see PacketColumns. */
interface Times {
  readonly count: number;
  readonly timeNs: BigInt64Array;
  readonly form: Uint8Array;
}
const CLOCK_FORM = 1 + STAMP_FORMS.indexOf('clock');
const SPAN_FORM = 1 + STAMP_FORMS.indexOf('span');

/** Makes one clock of the times of a run, in place: midnight passes, and what `tcpdump -ttt` prints are spans since the line before. */
export function settleTimes(times: Times, spans: 'since-previous' | 'since-first' | null): void {
  const { count, timeNs, form } = times;
  let previous = 0n;
  let day = 0n;
  const isSincePrevious = spans === 'since-previous' || (spans === null && goesBack(times));
  for (let row = 0; row < count; row++) {
    if (form[row] === SPAN_FORM) {
      previous = isSincePrevious ? previous + timeNs[row] : timeNs[row];
      timeNs[row] = previous;
    } else if (form[row] === CLOCK_FORM) {
      if (timeNs[row] + day < previous - HALF_DAY_NS) day += DAY_NS;
      previous = timeNs[row] + day;
      timeNs[row] = previous;
    }
  }
}

/** Spans since the first line only grow. */
function goesBack({ count, timeNs, form }: Times): boolean {
  let before = 0n;
  for (let row = 0; row < count; row++) {
    if (form[row] !== SPAN_FORM) continue;
    if (timeNs[row] < before) return true;
    before = timeNs[row];
  }
  return false;
}
