import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A line of error, or one that says that the agent lost the databases. */
export interface MidolmanLine {
  readonly origin: Origin;
  /** `database`: ZooKeeper or Cassandra is not reached; `other`: any other error. */
  readonly about: 'database' | 'other';
  readonly text: string;
}

const LINES_MAX = 100_000;
/** logback: `2015.06.29 08:34:12.345 ERROR [thread] logger -  text`; also with dashes, a comma, or the level in brackets. */
const LINE =
  /^\d{4}[.-]\d\d[.-]\d\d[ T]\d\d:\d\d:\d\d[.,]\d{1,9}\s{1,4}\[?(ERROR|WARN|FATAL)\s{0,2}\]?\s{1,4}(.{1,2000})$/;
const IS_MIDONET = /\b(?:midonet|midolman)\b/i;
const DATABASE =
  /ConnectionLoss|Session expired|SessionExpired|KeeperErrorCode|(?:ZooKeeper|Cassandra|NSDB).{0,200}(?:lost|disconnect|timed? ?out|refused|unreachable|unavailable)|NoHostAvailable|Connection refused.{0,100}(?:2181|9042)/i;

/** midolman.log: lines of error of the MidoNet agent. */
export default defineSideFileReader<MidolmanLine>({
  kind: 'MidoNet agent log',
  text: { words: { logs: ['midolman.log'] }, read: readLog },
  commands: ['midolman.log'],
  usedBy: ['midonet.agent-errors'],
});

/** Empty where no line is an error of the agent. */
function readLog({ file, lines }: TextFile): MidolmanLine[] {
  const found: MidolmanLine[] = [];
  const isOfAgent = lines.some(({ text }) => LINE.test(text) && IS_MIDONET.test(text));
  if (!isOfAgent) return found;
  for (const { text, number } of lines) {
    if (found.length >= LINES_MAX) break;
    const [, level, said] = LINE.exec(text) ?? [];
    if (level === undefined) continue;
    const about = DATABASE.test(said) ? 'database' : 'other';
    // Warnings of other kinds are the daily bread of the agent.
    if (level === 'WARN' && about === 'other') continue;
    found.push({ origin: { file, place: `line ${number}` }, about, text: said });
  }
  return found;
}
