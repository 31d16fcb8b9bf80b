import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { originText } from '../../src/side-files/origin.js';
import answers from './side-files/four-letter-words.js';

/** `zk.not-ok` by what was sent with nc. */
export function* illByAnswer(evidence: Evidence): Generator<Judgement> {
  for (const { host, word, isWell, answer, origin } of evidence.side.of(answers)) {
    const subject = { kind: 'server', host, word };
    if (isWell) yield { result: 'healthy', subject };
    else {
      yield statedProblem(evidence, {
        subject,
        explanation:
          answer === ''
            ? `${host} did not answer ${word} (${originText(origin)}): the server is not running, or in error.`
            : `${host} answered ${word} with "${answer.slice(0, 120)}" (${originText(origin)}).`,
        where: 'receiver',
        counts: { requests: 1, answers: answer === '' ? 0 : 1 },
        displayFilter: 'tcp.port == 2181',
      });
    }
  }
}
