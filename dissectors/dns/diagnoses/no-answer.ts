import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { dnsServers } from '../correlator.js';
import { failureCitations, failuresOf, namesOf, totalOf, withoutSearchSeries } from '../failures.js';
import { TYPE_A } from '../layout.js';
import { serverFilter, severityIn, subjectOf } from '../server-severity.js';
import type { DnsServer } from '../session.js';

const LOUD_MIN = 3;

export default defineDiagnosis({
  id: 'dns.no-answer',
  title: 'Name resolves to nothing',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  lists: 'suffice',
  rule:
    'A name server answers a question for an IPv4 address without error and without data, and no other question for that name is ' +
    'answered with data. Warning where that happens at least 3 times and the server resolves nothing at all, inside a tunnel or ' +
    'where the hosts talk little else, and nothing else is wrong; otherwise information.',
  notWhen:
    'Only the IPv6 address is missing: names without one are normal. The answer is a referral, or cut short (TC). A candidate of ' +
    'a search list of which another candidate is resolved.',
  causes: [
    'The name exists but has no address: a route that is not mapped, an application or service without running instances',
    'The record was removed, or is served to other clients only (split DNS)',
  ],
  nextSteps: [
    'Ask by hand: dig @SERVER NAME A; ANSWER: 0 means that the name is there without an address',
    'In Cloud Foundry: cf routes, cf map-route, and whether the application runs (cf app). In Kubernetes: kubectl get endpoints SERVICE',
  ],
  refutedBy: 'An answer with data to the same question at that time.',
  source: 'RFC 2308, section 2.2; Cloud Foundry guide (dig: ANSWER 0 or 1)',
  thresholds: {
    loudCount: [LOUD_MIN, 'answers', 'a name or two without address are normal'],
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
  const ofIpv4 = failuresOf(server, ['no-data']).filter(({ type }) => type === TYPE_A);
  const failures = withoutSearchSeries(ofIpv4, server);
  if (failures.length === 0) return { result: 'healthy', subject };
  const last = failures.reduce((a, one) => (one.last.frame > a.frame ? one.last : a), failures[0].last);
  const count = totalOf(failures);
  const isLoud = count >= LOUD_MIN && server.resolved.size === 0;
  return {
    result: 'problem',
    subject,
    severity: isLoud ? severityIn(evidence, server) : 'info',
    confidence: 'high',
    explanation:
      `${server.address} knows ${namesOf(failures)} but has no address for it: ${count} of its ${server.answered} answers are empty, ` +
      'and no other question about the name was answered with data.',
    pair: [failures[0].client, server.address],
    where: 'receiver',
    first: failures[0].first,
    last,
    ongoingAtEnd: server.lastAnswer !== null && last.frame >= server.lastAnswer.frame,
    counts: {
      answered: server.answered,
      empty: count,
      names: new Set(failures.map(({ name }) => name)).size,
    },
    evidence: failureCitations(server, failures),
    displayFilter: `${serverFilter(server)} && dns.flags.response == 1 && dns.flags.rcode == 0 && dns.count.answers == 0`,
  };
}
