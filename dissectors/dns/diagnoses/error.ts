import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { dnsServers } from '../correlator.js';
import {
  FAILURE_WORDS,
  failureCitations,
  failuresOf,
  namesOf,
  totalOf,
  withoutSearchSeries,
} from '../failures.js';
import { FAILING_SHARE, serverFilter, severityIn, subjectOf } from '../server-severity.js';
import type { DnsFailure, DnsServer, FailureKind } from '../session.js';

const LOUD_MIN = 3;

export default defineDiagnosis({
  id: 'dns.error',
  title: 'Name resolution error',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 2,
  judgesLast: true,
  lists: 'suffice',
  rule:
    'A name server answers SERVFAIL, REFUSED or NXDOMAIN, and the name is not resolved in the capture after all. Warning where at ' +
    'least 3 answers, and half of all, are SERVFAIL or REFUSED, inside a tunnel or where the hosts talk little else, and nothing else is ' +
    'wrong; otherwise information. NXDOMAIN is always information: that a name does not exist is an answer.',
  notWhen:
    'NXDOMAIN for a candidate of a search list (Kubernetes appends up to five domains) of which another candidate is resolved, ' +
    'and for reverse lookups. Questions between name servers (without recursion desired) do not count.',
  causes: [
    'SERVFAIL: the resolver gets no usable answer from the servers of the zone (down, DNSSEC validation fails)',
    'REFUSED: the server does not serve this client (access list) or does not know the zone',
    'NXDOMAIN: the name is misspelt or not registered, or the wrong server is asked (split DNS)',
  ],
  nextSteps: [
    'Ask by hand: dig @SERVER NAME; for SERVFAIL also dig @SERVER NAME +cd (without DNSSEC validation) and dig NAME +trace',
    'Compare /etc/resolv.conf of the client (nameserver, search, ndots) with a client that works',
    'In Cloud Foundry: is the route mapped (cf routes, cf map-route)? In Kubernetes: does the service exist in that namespace?',
  ],
  refutedBy: 'The same question resolved by the same server at that time.',
  source: 'RFC 1035, section 4.1.1; RFC 8020; resolv.conf(5); Cloud Foundry guide (dig the route)',
  thresholds: {
    loudCount: [LOUD_MIN, 'answers', 'a single broken zone is not the fault of the resolver'],
    failingShare: [FAILING_SHARE, 'share', 'a resolver that resolves the rest works'],
  },
  fault: 'application',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const server of evidence.sessions(dnsServers)) {
      if (server.answered > 0) yield judge(evidence, server);
    }
  },
});

function judge(evidence: Evidence, server: DnsServer): Judgement {
  const subject = subjectOf(evidence.quality, server);
  const broken = failuresOf(server, ['server-failure', 'refused']);
  const unknown = withoutSearchSeries(failuresOf(server, ['no-such-name']), server);
  const failures = [...broken, ...unknown].sort((a, b) => a.first.frame - b.first.frame);
  if (failures.length === 0) return { result: 'healthy', subject };
  const last = failures.reduce((a, one) => (one.last.frame > a.frame ? one.last : a), failures[0].last);
  const counts = server.failureCounts;
  return {
    result: 'problem',
    subject,
    severity: isLoud(server, broken) ? severityIn(evidence, server) : 'info',
    confidence: 'high',
    explanation: `${server.address} answered ${sentenceOf(failures)}. In all it answered ${server.answered} questions.`,
    pair: [failures[0].client, server.address],
    where: 'receiver',
    first: failures[0].first,
    last,
    ongoingAtEnd: server.lastAnswer !== null && last.frame >= server.lastAnswer.frame,
    counts: {
      answered: server.answered,
      serverFailures: counts['server-failure'],
      refused: counts.refused,
      noSuchName: counts['no-such-name'],
      names: new Set(failures.map(({ name }) => name)).size,
    },
    evidence: failureCitations(server, failures),
    displayFilter: `${serverFilter(server)} && dns.flags.rcode != 0`,
  };
}

function isLoud({ answered, failureCounts }: DnsServer, broken: readonly DnsFailure[]): boolean {
  const count = failureCounts['server-failure'] + failureCounts.refused;
  return broken.length > 0 && count >= LOUD_MIN && count >= FAILING_SHARE * answered;
}

/** `3 times SERVFAIL (a.example A), once REFUSED (…)`. */
function sentenceOf(failures: readonly DnsFailure[]): string {
  const kinds: FailureKind[] = ['server-failure', 'refused', 'no-such-name'];
  return kinds
    .map((kind) => ({ kind, ofKind: failures.filter((failure) => failure.kind === kind) }))
    .filter(({ ofKind }) => ofKind.length > 0)
    .map(({ kind, ofKind }) => {
      const count = totalOf(ofKind);
      return `${count === 1 ? 'once' : `${count} times`} ${FAILURE_WORDS[kind]} for ${namesOf(ofKind)}`;
    })
    .join('; ');
}
