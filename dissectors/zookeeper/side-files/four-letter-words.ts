import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

/** What a ZooKeeper server answered to a word that was sent with nc. */
export interface ZookeeperAnswer {
  readonly origin: Origin;
  readonly host: string;
  readonly word: string;
  readonly isWell: boolean;
  /** The first line of the answer; '' where none came. */
  readonly answer: string;
}

const COMMAND =
  /\becho ["']?(ruok|stat|srvr|mntr)["']?\s*\|\s*nc(?: -\S{1,10}(?: \d{1,5})?)* (\S{1,255}) (\d{1,5})(?:\s+(\S.{0,200}))?$/;
const NOT_SERVING = /not currently serving requests|refused|timed out/i;
/** The server runs, and does not answer this word. */
const NOT_LISTED = /not in the whitelist/;

/** `echo ruok | nc HOST 2181` and its like, with what came back. */
export default defineSideFileReader<ZookeeperAnswer>({
  kind: 'ZooKeeper answer',
  text: { words: { outputOf: ['echo ruok | nc HOST 2181'] }, read: readAnswers },
  commands: ['echo stat nc'],
  usedBy: ['zk.not-ok'],
});

/** Empty where no such command stands in the text. */
function readAnswers({ file, lines }: TextFile): ZookeeperAnswer[] {
  return lines.flatMap(({ text, number }, index) => {
    const [, word, host, , behind] = COMMAND.exec(text) ?? [];
    if (word === undefined || host === undefined) return [];
    const next = lines[index + 1]?.text ?? '';
    // The next prompt is no answer.
    const answer = (behind ?? (withoutPrompt(next) === next ? next : '')).trim();
    const isWell =
      NOT_LISTED.test(answer) ||
      (word === 'ruok' ? /^imok\b/.test(answer) : answer !== '' && !NOT_SERVING.test(answer));
    // A guide that shows commands alone shows no answers.
    if (answer === '' && index + 1 >= lines.length) return [];
    return [{ origin: { file, place: `line ${number}` }, host, word, isWell, answer }];
  });
}
