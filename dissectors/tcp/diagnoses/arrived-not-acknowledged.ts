import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { isNonEmpty, mostBy } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import {
  ARRIVED_REPEATS_MIN,
  ARRIVED_SECONDS_MIN,
  type ArrivedSegment,
  arrivedSegments,
} from '../shared/arrived.js';
import {
  endpointWords,
  healthy,
  type ServerEndpoint,
  segmentFilter,
  serverEndpoints,
  severityOf,
  subjectOf,
} from '../shared/server-endpoint.js';

export default defineDiagnosis({
  id: 'tcp.arrived-not-acknowledged',
  title: 'Segments arrive at this host and are never acknowledged',
  severity: 'warning',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    `In a capture on one of the two hosts, the other one repeats a segment at least ${ARRIVED_REPEATS_MIN} times, as long each time, over ${ARRIVED_SECONDS_MIN} s and more; ` +
    'all of them come in, none is acknowledged until the connection or the capture ends, while the other host acknowledges what this one sends. That the capture was taken ' +
    'on the receiver is shown by the direction marks of the frames, by checksums left to its network card, or by --local. Warning where the flow runs inside a tunnel or its hosts talk little else, and nothing else is wrong; information otherwise.',
  notWhen:
    'The capture was not taken on the receiver, as far as it shows: a router, a mirror port, a director whose answers go another way. The checksums are wrong. Smaller segments were acknowledged and ' +
    'only larger ones are not (then mtu.blackhole). The window is closed.',
  causes: [
    'A firewall of this host drops them behind the capture point: a rule, a connection that conntrack holds for invalid, a security agent',
    'The reverse path filter of this host: the way back to the sender leads over another interface',
    'TCP itself drops them: an MD5 or AO key that does not fit, old time stamps (PAWS), a socket without memory',
    'They come out of a tunnel that this host does not hand on (policy, no matching IPsec state)',
  ],
  nextSteps: [
    'On this host, twice while it lasts: nstat -az | grep -iE "drop|csum|paws|md5|rpfilter|invalid"; what grows?',
    'iptables -L INPUT -v -n; nft list ruleset; conntrack -L | grep PEER; sysctl net.ipv4.conf.all.rp_filter',
    'Where the kernel drops it: dropwatch, perf trace -e skb:kfree_skb, or bpftrace on kfree_skb with its reason',
  ],
  refutedBy:
    'The capture was taken on a router or a mirror port in front of the host, and the segments end behind it.',
  source:
    'RFC 9293, section 3.10.7.4 (what TCP does with a segment that arrives); pcap-linktype(7), LINUX_SLL (direction of a frame)',
  thresholds: {
    repeats: [ARRIVED_REPEATS_MIN, 'repeats', 'acknowledgments may be late, not three times'],
    seconds: [ARRIVED_SECONDS_MIN, 's', 'a busy host acknowledges within that time'],
  },
  fault: 'refused',
  consequenceOf: ['policy'],
  diagnose: (evidence) => judgeEach(serverEndpoints(evidence), (endpoint) => judge(evidence, endpoint)),
});

function judge(evidence: Evidence, endpoint: ServerEndpoint): Judgement | null {
  const hasData = endpoint.services.some(
    ({ fromClient, fromServer }) => fromClient.dataSegments + fromServer.dataSegments > 0,
  );
  if (!hasData) return null;
  const arrived = endpoint.services.flatMap((service) => arrivedSegments(evidence, service));
  if (!isNonEmpty(arrived)) return healthy(evidence, endpoint);
  const worst = mostBy(arrived, ({ stuck }) => stuck.repeats);
  return problemOf(evidence, endpoint, worst, arrived);
}

function problemOf(
  evidence: Evidence,
  endpoint: ServerEndpoint,
  { service, stuck, from, to }: ArrivedSegment,
  arrived: readonly ArrivedSegment[],
): Problem {
  const { first, last, repeats, length } = stuck;
  return {
    result: 'problem',
    subject: subjectOf(evidence.quality, endpoint),
    severity: severityOf(evidence, endpoint, true),
    confidence: 'medium',
    explanation:
      `${to}, on which this was captured, got a segment of ${length} bytes of ${from} (connection with ${endpointWords(endpoint)}, client port ${stuck.clientPort}) ` +
      `${repeats + 1} times in ${durationText(last.timeNs - first.timeNs)} and more, and never acknowledged it, while ${from} acknowledges what ${to} sends. ` +
      `The path is fine: ${to} drops what comes in behind the capture point.` +
      (arrived.length > 1 ? ` So it does on ${plural(arrived.length, 'side')} of connections.` : ''),
    pair: [from, to],
    direction: { from, to },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { repeats, bytes: length, sides: arrived.length },
    evidence: [
      { ...first, summary: `first repeat of a segment of ${from} that came in` },
      { ...last, summary: `last of ${repeats} repeats, none acknowledged` },
    ],
    displayFilter: segmentFilter(evidence.quality, endpoint, service.client, 'tcp.len > 0'),
  };
}
