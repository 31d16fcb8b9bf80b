import { groupBy } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { isToldByPackets, statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { SLOW_MS } from '../response-times.js';
import lookups, { type Lookup } from '../side-files/lookups.js';

const BY_PACKETS = ['dns.timeout', 'dns.error', 'dns.no-answer', 'dns.slow'];

interface Failing {
  readonly title: string;
  readonly words: string;
  readonly steps: readonly string[];
}

const REACH = [
  'Ask another server, and the same one over TCP: dig @SERVER NAME +tcp; ping SERVER',
  'Capture port 53 on the host that asks and on the server: do questions arrive, do answers leave?',
  'Kubernetes and VPP: kubectl get svc -A shows the address of the DNS service; is traffic for the host punted (show ip punt redirect)?',
];
const NAME = [
  'Is the name right, and does the route exist: cf routes (cf map-route APP apps.internal --hostname NAME), kubectl get svc -A?',
  'Ask the server that owns the zone: dig @SERVER NAME +norecurse',
  'Test by address instead of the name: if that works, the name alone is at fault',
];

export default defineDiagnosis({
  id: 'dns.lookup-failed',
  title: 'Lookup by hand fails',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 2,
  judgesLast: true,
  lines: 'suffice',
  rule: `The output of dig or nslookup is given (--log): no server answered, the status is not NOERROR, the answer has no record, or it took more than ${SLOW_MS} ms (information).`,
  notWhen:
    'A later lookup of the same name succeeds and is fast; packets of the capture show the same of that server. The name of an address is asked for, ' +
    'or a type that a name need not have (AAAA, MX): many have none.',
  causes: [
    'The name server is down, or its port 53 is not reachable from there',
    'The name is not known to that server: a route or service that does not exist (any more)',
    'The server asks others first, which are slow',
  ],
  nextSteps: [...REACH.slice(0, 2), NAME[0]],
  refutedBy: 'A later lookup that is answered fast.',
  source:
    'Cloud Foundry guide (dig the internal route: ANSWER 1 or 0, Query time); Calico/VPP guide (nslookup kubernetes.default); dig(1)',
  thresholds: { slow: [SLOW_MS, 'ms', 'answers from a cache come within the round trip'] },
  fault: 'application',
  consequenceOf: ['path-loss', 'addressing', 'unreachable', 'policy', 'refused', 'silence', 'tunnel-one-way'],
  *diagnose(evidence): Generator<Judgement> {
    const all = evidence.side.of(lookups);
    for (const ofName of groupBy(all, ({ name }) => name).values()) {
      const last = lastThatCounts(ofName);
      if (last !== null && !isToldByPackets(evidence, BY_PACKETS, last.server)) yield judge(evidence, last);
    }
  },
});

/** The last lookup that a name has to pass. */
function lastThatCounts(lookups: readonly Lookup[]): Lookup | null {
  return lookups.filter(hasToSucceed).at(-1) ?? null;
}

/** Few addresses have a name, and a name need not have records of every type. */
function hasToSucceed({ name, type, status }: Lookup): boolean {
  const isReverse = type === 'PTR' || /\.arpa\.?$/i.test(name);
  if (isReverse) return status === 'TIMEOUT' || status === 'UNREACHABLE';
  return type === null || type === 'A' || status !== 'NOERROR';
}

function judge(evidence: Evidence, lookup: Lookup): Judgement {
  const { name, server, status, answers, milliseconds, origin } = lookup;
  const subject = { kind: 'server', name, server: server ?? '', file: origin.file };
  const failing = failingOf(lookup);
  if (failing === null) return { result: 'healthy', subject };
  const fill = (step: string): string =>
    step.replaceAll('SERVER', server ?? 'SERVER').replaceAll('NAME', name === '' ? 'NAME' : name);
  const isSlow = status === 'NOERROR' && answers !== 0;
  return statedProblem(evidence, {
    subject,
    title: failing.title,
    severity: isSlow ? 'info' : 'warning',
    explanation: `${name === '' ? 'The lookup' : `The lookup of ${name}`}${server === null ? '' : ` at ${server}`} ${failing.words} (${originText(origin)}).`,
    where: 'unknown',
    counts: { answers: answers ?? 0, milliseconds: Math.round(milliseconds ?? 0) },
    nextSteps: failing.steps.map(fill),
    displayFilter:
      server === null ? 'dns' : `dns && ${server.includes(':') ? 'ipv6' : 'ip'}.addr == ${server}`,
  });
}

function failingOf({ status, answers, milliseconds }: Lookup): Failing | null {
  if (status === 'TIMEOUT')
    return { title: 'Lookup by hand times out', words: 'got no answer from any server', steps: REACH };
  if (status === 'UNREACHABLE')
    return { title: 'Name server not reachable', words: 'did not reach the server', steps: REACH };
  if (status === 'NXDOMAIN')
    return {
      title: 'Name does not exist',
      words: 'was answered with NXDOMAIN: the name does not exist there',
      steps: NAME,
    };
  if (status !== 'NOERROR')
    return {
      title: `Name server answers ${status}`,
      words: `was answered with ${status}`,
      steps: [...NAME.slice(1), REACH[1]],
    };
  if (answers === 0)
    return {
      title: 'Name resolves to nothing',
      words: 'was answered without any record (ANSWER: 0)',
      steps: NAME,
    };
  if (milliseconds !== null && milliseconds > SLOW_MS)
    return {
      title: 'Slow lookup',
      words: `took ${milliseconds} ms; an internal name takes about 2 ms`,
      steps: ['Ask again: dig NAME; the second answer comes from a cache and shows the path alone', NAME[2]],
    };
  return null;
}
