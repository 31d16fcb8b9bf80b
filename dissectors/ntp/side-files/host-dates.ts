import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** The time zone of a host, as `date` or `timedatectl` of it shows. */
export interface HostDate {
  readonly origin: Origin;
  /** The host in the prompt, else the file. */
  readonly host: string;
  /** `JST`, `UTC`, `+09`. */
  readonly zone: string;
  /** The hardware clock is kept in local time (`RTC in local TZ: yes`). */
  readonly isClockLocal: boolean;
}

const DATES_MAX = 10_000;
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const CLOCK = '\\d{1,2}:\\d\\d:\\d\\d(?: [AP]M)?';
/** `Thu Mar 26 13:24:34 JST 2015`, `Thu Mar 26 01:24:34 PM JST 2015`, `Thu 26 Mar 2015 01:24:34 PM JST`. */
const DATE = new RegExp(
  `^${DAY},? (?:${MONTH} +\\d{1,2}|\\d{1,2} ${MONTH} \\d{4}) ${CLOCK} ([A-Z]{2,5}|[+-]\\d{2,4})(?: \\d{4})?$`,
);
const TIMEDATECTL = /^Time zone: \S{1,60} \(([A-Z]{2,5}|[+-]\d{2,4}), [+-]\d{4}\)$/;
const RTC_LOCAL = /^RTC in local TZ: (yes|no)$/;
const PROMPT_HOST =
  /^(?:\[?[\w.-]{1,64}@)?([A-Za-z][\w.-]{0,64})[:\s~\w/.-]{0,100}\]?[$#] (?:\S{1,100} )?(?:date|timedatectl)\b/;

/** Output of date and timedatectl. */
export default defineSideFileReader<HostDate>({
  kind: 'host date',
  text: { words: { outputOf: ['date', 'timedatectl'] }, read: readDates },
  usedBy: ['time.zone-shift'],
});

/** Empty where no line is a date in itself. */
function readDates({ file, lines }: TextFile): HostDate[] {
  const dates: HostDate[] = [];
  let host = file;
  for (const { text: raw, number } of lines) {
    if (dates.length >= DATES_MAX) break;
    const text = raw.trim();
    host = PROMPT_HOST.exec(raw)?.[1] ?? host;
    const zone = (DATE.exec(text) ?? TIMEDATECTL.exec(text))?.[1];
    const last = dates.at(-1);
    if (zone !== undefined)
      dates.push({ origin: { file, place: `line ${number}` }, host, zone, isClockLocal: false });
    else if (last !== undefined && RTC_LOCAL.exec(text)?.[1] === 'yes')
      dates[dates.length - 1] = { ...last, isClockLocal: true };
  }
  return dates;
}
