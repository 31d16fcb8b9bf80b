import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { isOnLink } from '../../../src/correlate/mirrors.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import { VERDICT_ZERO_OVER_IPV6 } from '../../../src/dissect/checksum-note.js';
import type { Citation } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import {
  type AnsweredRight,
  answeredElsewhere,
  answeredOnLane,
  type Fate,
  fateOf,
  type Lane,
  lanesOf,
  mustBeAnswered,
} from '../acceptance.js';
import { type ChecksumFaults, checksumFaults } from '../correlator.js';
import { checksumWords, laneFilter, sumWords } from '../wording.js';

const ID = 'packet.bad-checksum';
const PACKETS_MIN = 3;
const SECONDS_MIN = 2;

export default defineDiagnosis({
  id: ID,
  title: 'Packets with a wrong checksum get no answer',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'Packets from one host to another have a wrong IPv4, UDP, TCP or ICMP checksum (at any layer of a tunnel), conversations ' +
    'that such packets carry get no answer although at least 3 of them over 2 s ask for one, and no such packet is answered, ' +
    'while conversations with right sums (or none, over IPv4) are: through the same tunnel or between the same hosts, or else ' +
    'of the same sender with other hosts, or of others through the same tunnel. Likewise UDP without a checksum over IPv6, where what the other packets of ' +
    'the tunnel ask is answered. Packets up to 256 bytes are all verified, of larger ones one in 16, fragmented datagrams when they are complete.',
  notWhen:
    'The sum is that of the pseudo-header, or 0 in TCP and IPv4 headers: it is left to the network card (captures on the sender, ' +
    'merged packets on the receiver, virtual machines, containers), and so are those of the layers around. Such packets are ' +
    'answered all the same. Frames that the capture cut or marks as offloaded, packets with an IP length of 0 and quoted packets ' +
    'are not verified.',
  causes: [
    'The kernel or network card of the sender computes the sum of encapsulated packets wrongly (checksum offload of VXLAN devices, VMware vmxnet3, some drivers)',
    'The sender leaves out the UDP checksum over IPv6, and the receiver does not permit that (udp6zerocsumrx)',
    'A device on the way rewrites addresses, ports or payload and does not correct the sum',
  ],
  nextSteps: [
    'On the sender, for the tunnel device and then for the network card: ethtool -K DEV tx-checksum-ip-generic off',
    'On the receiver: nstat -az UdpInCsumErrors TcpInCsumErrors IpInHdrErrors; they grow by what it drops',
    'For UDP over IPv6: ip link set DEV type vxlan udp6zerocsumrx (at both ends), or udpcsum on the sender',
    'Capture at the other end too: tcpdump -vvni DEV says "bad udp cksum" where it is wrong on the wire',
  ],
  refutedBy: 'An answer to a packet with such a checksum, or right sums in a capture on the receiver.',
  source: 'RFC 768, RFC 1071, RFC 9293 section 3.1, RFC 8200 section 8.1, RFC 6935',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'a lost question or two is normal', 'adjustable'],
    seconds: [SECONDS_MIN, 's', 'until then an answer may be late', 'adjustable'],
  },
  fault: 'path-loss',
  *diagnose(evidence) {
    const sessions = evidence.sessions(checksumFaults);
    const least = thresholdsOf(evidence, ID, { packets: PACKETS_MIN, seconds: SECONDS_MIN });
    const lanes = lanesOf(sessions).map((lane) => fatesOf(evidence.quality, lane));
    const accepted = new Set(
      lanes.filter(({ fates }) => [...fates.values()].includes('answered')).map(acceptanceKey),
    );
    for (const lane of lanes) {
      yield accepted.has(acceptanceKey(lane))
        ? { result: 'healthy', subject: subjectOf(evidence.quality, lane.lane) }
        : judge(evidence.quality, lane, sessions, least);
    }
  },
});

interface JudgedLane {
  readonly lane: Lane;
  readonly fates: ReadonlyMap<ChecksumFaults, Fate>;
}

function fatesOf(quality: CaptureQuality, lane: Lane): JudgedLane {
  return { lane, fates: new Map(lane.faults.map((one) => [one, fateOf(quality, one)])) };
}

/** Faults of one sender and kind that are answered, here or with another host, come from the capture point, not from the wire. */
function acceptanceKey({ lane: { sender, kind, verdict, receiver } }: JudgedLane): string {
  return `${kind} ${verdict} ${sender} ${verdict === VERDICT_ZERO_OVER_IPV6 ? receiver : ''}`;
}

function subjectOf(
  quality: CaptureQuality,
  { sender, receiver, layerStack, kind }: Lane,
): Problem['subject'] {
  const pair = pairSubject(quality, { source: sender, destination: receiver, stack: layerStack });
  return { ...pair, checksum: ['ip', 'udp', 'tcp', 'icmp'][kind] ?? kind };
}

function judge(
  quality: CaptureQuality,
  { lane, fates }: JudgedLane,
  sessions: readonly ChecksumFaults[],
  least: { readonly packets: number; readonly seconds: number },
): Judgement {
  const { sender, receiver, layerStack, verdict } = lane;
  const subject = subjectOf(quality, lane);
  const silent = lane.faults.filter((one) => fates.get(one) === 'silent');
  const onLane = answeredOnLane(quality, lane, sessions);
  // A datagram of an unknown protocol need not be answered; where its neighbours are, it is a question too.
  const asking = silent.filter((one) => mustBeAnswered(one) || onLane !== null);
  const isEnough = asking.some(
    ({ packets, first, last }) =>
      packets >= least.packets &&
      first.segment === last.segment &&
      last.timeNs - first.timeNs >= least.seconds * NS_PER_SECOND,
  );
  const words = `${checksumWords(lane)} checksum`;
  if (!isEnough) {
    return insufficientData(
      subject,
      `Packets from ${sender} to ${receiver}${insideWords(quality, layerStack)} have a faulty ${words}, but nothing in them shows whether they are accepted; ` +
        'capture on the receiver while you ping and open a TCP connection.',
    );
  }
  const limit = oneSidedLimit(quality, sender, receiver, layerStack);
  if (limit) return insufficientData(subject, limit);
  const answered =
    onLane ?? (verdict === VERDICT_ZERO_OVER_IPV6 ? null : answeredElsewhere(quality, lane, sessions));
  if (!answered) {
    return insufficientData(
      subject,
      `No packet of ${sender} to ${receiver} with a right ${words} is answered either, so the sum need not be why; ` +
        'capture on the receiver: if the sums are wrong there, they are wrong on the wire.',
    );
  }
  return problemOf(quality, lane, asking, answered, onLane !== null);
}

function problemOf(
  quality: CaptureQuality,
  lane: Lane,
  asking: readonly ChecksumFaults[],
  answered: AnsweredRight,
  isSameLane: boolean,
): Problem {
  const { sender, receiver, layerStack, verdict } = lane;
  const [example] = asking;
  const first = earliest(asking.map((one) => one.first)) ?? example.first;
  const last = latest(asking.map((one) => one.last)) ?? example.last;
  const packets = asking.reduce((sum, one) => sum + one.packets, 0);
  const isZero = verdict === VERDICT_ZERO_OVER_IPV6;
  const words = checksumWords(lane);
  const what = isZero ? `no ${words} checksum, over IPv6` : `a wrong ${words} checksum`;
  const detail = isZero ? '' : ` (${sumWords(example.found, example.expected)} in the first)`;
  const where = whereWords(quality, lane);
  const contrast = isSameLane
    ? `what goes ${isZero ? 'between the same hosts with one' : 'the same way with a right sum, or with none,'} is answered (${answered.from} to ${answered.to})`
    : `packets with right sums from ${answered.from} to ${answered.to}${insideWords(quality, answered.stack)} are answered`;
  const drops = isZero
    ? `${receiver} drops them: a receiver must be told to take UDP over IPv6 without a checksum (udp6zerocsumrx).`
    : `${receiver} drops them. The fault lies with ${sender} or with what rewrites its packets: ethtool -K DEV tx-checksum-ip-generic off.`;
  return {
    result: 'problem',
    subject: subjectOf(quality, lane),
    severity: severityOf(quality, lane),
    confidence: isSameLane && !isZero ? 'high' : 'medium',
    title: isZero
      ? 'UDP without a checksum over IPv6 gets no answer'
      : `Packets with a wrong ${words} checksum get no answer`,
    explanation:
      `${plural(packets, 'packet')} of ${plural(asking.length, 'conversation')} from ${sender} to ${receiver}` +
      `${insideWords(quality, layerStack)} ${where} ${what}${detail}; exactly those get no answer, while ${contrast}. ${drops}`,
    pair: [example.conversation.from, example.conversation.to],
    ...(example.conversation.stack === layerStack ? {} : { pair: [sender, receiver] as const }),
    direction: { from: sender, to: receiver },
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: answered.at.frame < last.frame,
    counts: {
      packets,
      conversations: asking.length,
      faultyPackets: lane.faults.reduce((sum, one) => sum + one.packets, 0),
    },
    evidence: citationsOf(asking, words, isZero, answered),
    displayFilter: laneFilter(quality, lane),
  };
}

/** What the capturing host sends may differ from what the wire carries. */
function whereWords({ local }: CaptureQuality, { sender, receiver, faults }: Lane): string {
  const count = (mark: 'inbound' | 'outbound'): number => faults.reduce((sum, one) => sum + one[mark], 0);
  const [inbound, outbound] = [count('inbound'), count('outbound')];
  if (local.includes(sender) || (outbound > 0 && inbound === 0)) return 'leave this host with';
  return local.includes(receiver) || (inbound > 0 && outbound === 0) ? 'arrive with' : 'have';
}

function severityOf(quality: CaptureQuality, { sender, receiver, layerStack }: Lane): Severity {
  if (!isOnLink(quality, layerStack)) return 'error';
  return severityFor(relevanceOfPair(quality, sender, receiver, layerStack), 'error');
}

const CITED_MAX = 4;

function citationsOf(
  asking: readonly ChecksumFaults[],
  words: string,
  isZero: boolean,
  answered: AnsweredRight,
): Citation[] {
  const faulty = asking
    .slice(0, CITED_MAX)
    .flatMap(({ first, last, found, expected, conversation, packets }) => {
      const way = `${conversation.from} to ${conversation.to}`;
      const sum = isZero ? `no ${words} checksum` : `${words} checksum ${sumWords(found, expected)}`;
      const cited: Citation[] = [{ ...first, summary: `${way}: ${sum}, no answer` }];
      if (last.frame !== first.frame) {
        cited.push({ ...last, summary: `${way}: last of ${packets} such packets` });
      }
      return cited;
    });
  const answer = {
    ...answered.at,
    summary: `${answered.to} answers ${answered.from}, whose packets are right`,
  };
  return [...faulty, answer].sort((a, b) => a.frame - b.frame);
}
