import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, type NonEmpty, spanOf } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import type { Kiss } from '../session.js';
import {
  haveOtherServers,
  ntpFilter,
  severityOfTime,
  subjectOf,
  type TimeServer,
  timeServers,
} from '../time-service.js';

const LASTING_KISSES = 3;
const CITED = 4;

/** RFC 5905, section 7.4. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ['RATE', 'the client asks too often'],
  ['DENY', 'access is denied'],
  ['RSTR', 'access is restricted'],
  ['DROP', 'the server gave the client up'],
  ['AUTH', 'authentication failed'],
  ['AUTO', 'the automatic key exchange failed'],
  ['CRYP', 'authentication or identification failed'],
  ['NKEY', 'the key is unknown'],
]);

export default defineDiagnosis({
  id: 'time.ntp-kiss',
  title: 'Time server refuses',
  severity: 'warning',
  subject: 'server',
  layer: 'overlay-control',
  priority: 3,
  judgesLast: true,
  explicitSignal: true,
  rule:
    'A time server answers with stratum 0 and a kiss code that refuses (RATE, DENY, RSTR, DROP, AUTH, AUTO, CRYP, NKEY). Warning from ' +
    '3 such answers on, where its clients get the time from nowhere else, the client is in a tunnel or talks little else, and nothing else is ' +
    'wrong; information otherwise.',
  notWhen:
    'The code says that the server itself is not synchronised (INIT, STEP): see time.ntp-unsynchronised.',
  causes: [
    'RATE: too many requests, often several hosts behind one address translation that all use one public server',
    'DENY, RSTR: the server’s access list does not have the client (restrict in ntp.conf, allow in chrony.conf)',
    'CRYP, NKEY, AUTH: the two sides do not share the key',
  ],
  nextSteps: [
    'RATE: use the pool (pool.ntp.org) or a server of your own, and do not set minpoll below 6',
    'DENY, RSTR: on the server: restrict lines of ntp.conf, allow lines of chrony.conf',
    'On the client: ntpq -pn (refid shows the code), chronyc sources',
  ],
  refutedBy: 'Later answers of the server with a time.',
  source: 'RFC 5905, section 7.4 (kiss-o’-death packet)',
  thresholds: {
    kisses: [LASTING_KISSES, 'answers', 'a RATE or two makes clients slow down, as it should'],
  },
  fault: 'application',
  *diagnose(evidence) {
    const { quality } = evidence;
    for (const server of timeServers(evidence)) {
      const kisses = server.associations.flatMap((one) => one.kisses);
      const subject = subjectOf(quality, server);
      if (isNonEmpty(kisses)) {
        const isAlone = !haveOtherServers(evidence, server) && !isServedAfter(server, kisses);
        const isLasting = total(kisses) >= LASTING_KISSES;
        const severity = isAlone && isLasting ? severityOfTime(evidence, server) : 'info';
        const displayFilter = ntpFilter(quality, server.stack, server.address);
        yield { ...problemOf(server, kisses), subject, severity, displayFilter };
      } else if (server.associations.some(({ replies }) => replies > 0)) yield { result: 'healthy', subject };
    }
  },
});

function isServedAfter({ associations }: TimeServer, kisses: readonly Kiss[]): boolean {
  const last = Math.max(...kisses.map((kiss) => kiss.last.frame));
  return associations.some(({ synchronised }) => synchronised !== null && synchronised.last.frame > last);
}

function total(kisses: readonly Kiss[]): number {
  return kisses.reduce((sum, { count }) => sum + count, 0);
}

type Told = Omit<Extract<Judgement, { result: 'problem' }>, 'subject' | 'severity' | 'displayFilter'>;

function problemOf(server: TimeServer, kisses: NonEmpty<Kiss>): Told {
  const { address, associations } = server;
  const refused = associations.filter((one) => one.kisses.length > 0);
  const { first, last } = spanOf(kisses);
  const codes = [...new Set(kisses.map(({ code }) => code))];
  const words = codes.map((code) => `${code}: ${MEANINGS.get(code) ?? 'no service'}`);
  return {
    result: 'problem',
    confidence: 'high',
    explanation: `${address} refused ${plural(total(kisses), 'request')} of ${plural(refused.length, 'host')} (${words.join('; ')}).`,
    ...(refused.length === 1 ? { pair: [refused[0].client, address] as const } : {}),
    where: 'receiver',
    first,
    last,
    ongoingAtEnd: !isServedAfter(server, kisses),
    counts: { refused: total(kisses), clients: refused.length },
    evidence: kisses
      .slice(0, CITED)
      .flatMap((kiss) => [
        { ...kiss.first, summary: `${address} refuses: ${kiss.code}` },
        { ...kiss.last, summary: `the last of ${plural(kiss.count, 'such answer')}: ${kiss.code}` },
      ])
      .filter(({ frame }, at, all) => all.findIndex((other) => other.frame === frame) === at)
      .sort((a, b) => a.frame - b.frame),
  };
}
