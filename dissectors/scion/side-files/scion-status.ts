import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** What a SCION host says of itself: a service that is not up, a query for paths without result, an error in a log. */
export interface ScionStatement {
  readonly origin: Origin;
  readonly kind: 'service-down' | 'no-path' | 'paths-found' | 'log-error';
  /** The service, or the AS that was asked for. */
  readonly about: string;
  readonly text: string;
}

const STATEMENTS_MAX = 10_000;
/** supervisord: `as17-ffaa_1_64:bs17-ffaa_1_64-1   FATAL   Exited too quickly`; `dispatcher   STOPPED`. */
const SERVICE =
  /^(?:as[\w-]{3,40}:)?((?:bs|ps|cs|br|sd|sb|cosd|sig)\d[\w-]{3,40}|dispatcher|sciond)\s+(STOPPED|FATAL|EXITED|BACKOFF|UNKNOWN|STARTING)\b/;
const PATHS = /^Available paths to (\S{3,40})/;
const NO_PATHS =
  /(?:No paths? (?:available|found|to)|Unable to (?:get|retrieve) paths|no path to|Failed to retrieve paths)\b.{0,200}/i;
const PATH_LINE = /^\[ ?\d{1,4}\] Hops: \[/;
/** Python: `2018-09-28 12:00:01.123+0000 [CRITICAL] (thread) …`; Go: `ERROR[09-28|12:47:16] …`, or `2018-… [CRIT] …`. */
const LOG =
  /^(?:\d{4}-\d\d-\d\d[ T]\S{1,40} \[(ERROR|CRITICAL|CRIT|EROR)\]|(ERROR|CRIT|EROR)\[\d\d-\d\d\|\d\d:\d\d:\d\d\]) (.{1,1000})$/;
const LOG_SERVICE = /\b((?:bs|ps|cs|br|sd)\d[\w-]{3,40})\b/;

/** Output of `scion.sh status` and `showpaths`, and lines of error in the logs of SCION services. */
export default defineSideFileReader<ScionStatement>({
  kind: 'SCION status',
  text: {
    words: { logs: ['a log of SCION services'], outputOf: ['scion.sh status', 'showpaths'] },
    read: readStatus,
  },
  usedBy: ['scion.service-down', 'scion.no-path'],
});

/** Empty where nothing is said of a service or a path. */
function readStatus({ file, lines }: TextFile): ScionStatement[] {
  const found: ScionStatement[] = [];
  let asked: { about: string; origin: Origin; text: string; paths: number } | null = null;
  const close = (): void => {
    if (asked === null) return;
    const { about, origin, text, paths } = asked;
    found.push({ origin, kind: paths > 0 ? 'paths-found' : 'no-path', about, text });
    asked = null;
  };
  for (const { text, number } of lines) {
    if (found.length >= STATEMENTS_MAX) break;
    const origin = { file, place: `line ${number}` };
    const about = PATHS.exec(text)?.[1];
    if (about !== undefined) {
      close();
      asked = { about, origin, text, paths: 0 };
    } else if (PATH_LINE.test(text)) {
      if (asked !== null) asked.paths++;
    } else {
      const [, service] = SERVICE.exec(text) ?? [];
      const [, python, go, said] = LOG.exec(text) ?? [];
      if (service !== undefined) found.push({ origin, kind: 'service-down', about: service, text });
      else if (NO_PATHS.test(text)) found.push({ origin, kind: 'no-path', about: '', text: said ?? text });
      else if ((python ?? go) !== undefined && said !== undefined)
        found.push({ origin, kind: 'log-error', about: LOG_SERVICE.exec(text)?.[1] ?? '', text: said });
    }
  }
  close();
  return found;
}
