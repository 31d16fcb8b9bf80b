import { groupBy } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { espPairs } from '../../esp/correlator.js';
import { logEventsOf } from '../daemon-log.js';
import { REMEDIES } from '../log-sentences.js';
import { type IkePair, ikePairs } from '../pair-sessions.js';
import ikeLogs, { type IkeLogEvent } from '../side-files/ike-log.js';

/** A tunnel that was up all the time makes an old line of its log worth less. */
const CITED_MAX = 2;

export default defineDiagnosis({
  id: 'ike.refused-in-log',
  title: 'IKE daemon says why the tunnel fails',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'The log of pluto or charon (--log) says that a negotiation failed and why: no connection fits, keys or certificates, no common algorithm, protected networks, PFS, ' +
    'a message that is too long, the updown script, the kernel. Where the packets show at which message the same pair fails, that finding says it, with this reason.',
  notWhen:
    'The log goes on to say that the SA was established, the capture shows ESP both ways between the hosts, or another finding about the pair cites the line.',
  causes: ['As the line says'],
  nextSteps: [
    'Read the lines around it, on both sides: the one that refuses knows more than the one that is refused',
  ],
  refutedBy: 'A later line that says that the SA is established.',
  source:
    'openswan guide, situations B and C (the logs on sg2; tcpdump does not help at all here) and D (errors from ip); pluto(8), strongswan.conf(5)',
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'policy', 'unreachable'],
  technology: 'ipsec',
  judgesLast: true,
  *diagnose(evidence) {
    const logs = evidence.side.of(ikeLogs);
    if (logs.length === 0) return;
    const told = toldLines(evidence);
    for (const { file, events, sas } of logs) {
      const failures = lastingFailures(events);
      const byReason = groupBy(
        failures,
        ({ kind, connection, peer }) => `${kind} ${connection ?? ''} ${peer ?? ''}`,
      );
      if (byReason.size === 0 && events.length + sas.length > 0)
        yield { result: 'healthy', subject: { kind: 'session', protocol: 'ike', log: file } };
      for (const group of byReason.values()) {
        if (!group.some((event) => told.has(event))) yield problemOf(evidence, group);
      }
    }
  },
});

/** Lines that a finding about a stall of the same pair cites. */
function toldLines(evidence: Evidence): ReadonlySet<IkeLogEvent> {
  const told = new Set<IkeLogEvent>();
  for (const pair of ikePairs(evidence)) {
    if (!isAccused(evidence, pair)) continue;
    for (const event of logEventsOf(evidence, pair)) told.add(event);
  }
  return told;
}

function isAccused({ judgements }: Evidence, { subject }: IkePair): boolean {
  const wanted = JSON.stringify(subject);
  for (const [id, judged] of judgements) {
    if (!id.startsWith('ike.')) continue;
    const isLoud = (one: Judgement): boolean =>
      one.result === 'problem' && one.severity !== 'info' && JSON.stringify(one.subject) === wanted;
    if (judged.some(isLoud)) return true;
  }
  return false;
}

/** Failures after which the same connection is not established; giving up says less than any other reason. */
function lastingFailures(events: readonly IkeLogEvent[]): IkeLogEvent[] {
  // From the end on: what is established later, of whatever connection and of each.
  const upLater = new Set<string | null>();
  let isAnyUpLater = false;
  const failures = events.toReversed().filter((event) => {
    const { kind, connection } = event;
    if (kind === 'child-established') {
      isAnyUpLater = true;
      upLater.add(connection);
    }
    if (!REMEDIES.has(kind)) return false;
    const recovers = connection === null ? isAnyUpLater : upLater.has(connection);
    return kind === 'updown-failed' || kind === 'kernel-refused' || !recovers;
  });
  failures.reverse();
  const sharper = failures.filter(({ kind }) => kind !== 'gave-up');
  return sharper.length > 0 ? sharper : failures;
}

function problemOf(evidence: Evidence, group: readonly IkeLogEvent[]): Judgement {
  const [{ kind, connection, peer, local, origin }] = group;
  const remedy = REMEDIES.get(kind);
  const ends = [peer, local].flatMap((one) => one ?? []);
  const works = hasTrafficBothWays(evidence, ends);
  const cited = group
    .slice(0, CITED_MAX)
    .map(({ text, origin: at }) => `"${text.slice(0, 160)}" (${originText(at)})`);
  const pair = pairIn(evidence, ends);
  return statedProblem(evidence, {
    subject: {
      kind: 'session',
      protocol: 'ike',
      reason: kind,
      log: origin.file,
      ...(peer ? { peer } : {}),
      ...(connection ? { connection } : {}),
    },
    severity: works ? 'info' : kind === 'updown-failed' ? 'warning' : 'error',
    confidence: works ? 'low' : 'high',
    explanation:
      `The log says${group.length > 1 ? ` ${group.length} times` : ''}: ${cited.join('; ')}. That is: ${remedy?.conclusion ?? 'the negotiation failed'}.` +
      (works ? ' ESP passes both ways in the capture, so that it is over, or about another tunnel.' : ''),
    ...(pair ? { pair } : {}),
    where: kind === 'gave-up' ? 'unknown' : 'receiver',
    counts: { lines: group.length },
    causes: [remedy?.conclusion ?? 'as the line says'],
    nextSteps: [
      ...(remedy?.steps ?? []),
      'Read the lines around it, on both sides: the one that refuses knows more than the one that is refused',
    ],
    displayFilter:
      ends.length > 0
        ? `isakmp && (${ends.map((one) => `${one.includes(':') ? 'ipv6' : 'ip'}.addr == ${one}`).join(' || ')})`
        : 'isakmp',
  });
}

function hasTrafficBothWays(evidence: Evidence, ends: readonly string[]): boolean {
  const pairs = evidence.sessions(espPairs);
  const fitting =
    ends.length === 0 ? pairs : pairs.filter(({ low, high }) => ends.includes(low) || ends.includes(high));
  return fitting.some(({ directions }) => directions.every(({ packets }) => packets > 0));
}

/** The two hosts, as far as the line or the capture names them. */
function pairIn(evidence: Evidence, ends: readonly string[]): readonly [string, string] | null {
  if (ends.length >= 2) return [ends[0], ends[1]];
  const fitting = ikePairs(evidence).filter(
    ({ initiator, responder }) => ends.length === 0 || ends.includes(initiator) || ends.includes(responder),
  );
  return fitting.length === 1 ? [fitting[0].initiator, fitting[0].responder] : null;
}
