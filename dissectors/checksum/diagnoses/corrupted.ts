import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { isOnLink } from '../../../src/correlate/mirrors.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import { VERDICT_WRONG } from '../../../src/dissect/checksum-note.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { fateOf, type Lane, lanesOf } from '../acceptance.js';
import { checksumFaults } from '../correlator.js';
import { checksumWords, laneFilter, sumWords } from '../wording.js';

const PACKETS_MIN = 5;
const SECONDS_MIN = 2;
const SHARE_MIN = 0.0005;
const SHARE_MAX = 0.05;
const DIFFERENCES_MIN = 3;
const CITED = 6;

export default defineDiagnosis({
  id: 'packet.corrupted',
  // Whether sums are wrong by chance shows in what would be right.
  lines: 'mislead',
  title: 'Packets are damaged on the path',
  severity: 'warning',
  subject: 'pair',
  layer: 'underlay',
  priority: 2,
  rule:
    `Of the packets from one host to another at least ${PACKETS_MIN}, between ${SHARE_MIN * 100} and ${SHARE_MAX * 100} %, have a wrong checksum, over ${SECONDS_MIN} s or more, off by at least ` +
    `${DIFFERENCES_MIN} different amounts, while the conversations that they belong to go on. Packets up to 256 bytes are all verified, of larger ones one in 16, fragmented datagrams when they are complete.`,
  notWhen:
    'The sums are off by one or two amounts only: a program or device that computes them wrongly (packet.bad-checksum). They leave the host that captured. Packets with such sums are answered.',
  causes: [
    'A faulty cable, transceiver, switch port or memory on the way; the frame check of a later link hides where it happened',
    'A device that takes packets apart and damages them: an overlay gateway, a VPN card, a firmware bug',
  ],
  nextSteps: [
    'Interface counters on the way: ethtool -S DEV | grep -iE "crc|err|fcs"; ip -s -s link show DEV; the same on the switches',
    'Capture at the other end as well: are the sums right where the packets leave?',
    'nstat -az UdpInCsumErrors TcpInCsumErrors IpInHdrErrors on the receiver: every one of them is a lost packet',
  ],
  refutedBy:
    'Right sums of the same packets in a capture nearer to the receiver: then the capture damaged them.',
  source:
    'RFC 1071; RFC 9293, section 3.1; Stone and Partridge, When the CRC and TCP checksum disagree (2000)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'single ones occur on healthy paths'],
    seconds: [SECONDS_MIN, 's', 'a burst is one event'],
    shareMin: [SHARE_MIN, 'share', 'below it nobody notices'],
    shareMax: [SHARE_MAX, 'share', 'above it a program is at fault, or no link would stay up'],
    differences: [DIFFERENCES_MIN, 'amounts', 'chance flips other bits each time'],
  },
  fault: 'path-loss',
  diagnose: (evidence) => judgeLanes(evidence),
});

function* judgeLanes(evidence: Evidence): Generator<Judgement> {
  for (const lane of lanesOf(evidence.sessions(checksumFaults))) {
    if (lane.verdict === VERDICT_WRONG) yield judge(evidence, lane);
  }
}

function judge({ quality }: Evidence, lane: Lane): Judgement {
  const { sender, receiver, layerStack, faults } = lane;
  const subject = pairSubject(quality, { source: sender, destination: receiver, stack: layerStack });
  const sent = quality.traffic.between(sender, receiver, layerStack)?.fromA.packets ?? 0;
  const sum = (count: (one: Lane['faults'][number]) => number): number =>
    faults.reduce((total, one) => total + count(one), 0);
  const packets = sum((one) => one.packets);
  const share = sent === 0 ? 1 : sum((one) => one.estimated) / sent;
  const first = earliest(faults.map((one) => one.first)) ?? faults[0].first;
  const last = latest(faults.map((one) => one.last)) ?? faults[0].last;
  const differences = new Set(faults.flatMap((one) => [...one.differences]));
  const isLeaving = quality.local.includes(sender) || sum((one) => one.outbound) > 0;
  const isLasting =
    first.segment === last.segment && last.timeNs - first.timeNs >= SECONDS_MIN * NS_PER_SECOND;
  const isChance = share >= SHARE_MIN && share <= SHARE_MAX && differences.size >= DIFFERENCES_MIN;
  const isAccepted = faults.some((one) => fateOf(quality, one) === 'answered');
  if (packets < PACKETS_MIN || !isLasting || !isChance || isLeaving || isAccepted)
    return { result: 'healthy', subject };
  const words = checksumWords(lane);
  const cited = [...faults].sort((a, b) => a.first.frame - b.first.frame).slice(0, CITED);
  return {
    result: 'problem',
    subject,
    severity: isOnLink(quality, layerStack)
      ? severityFor(relevanceOfPair(quality, sender, receiver, layerStack), 'warning')
      : 'warning',
    confidence: 'medium',
    explanation:
      `${packets} of the packets that were verified from ${sender} to ${receiver}${insideWords(quality, layerStack)} have a wrong ${words} checksum ` +
      `(${(1000 * share).toFixed(1)} ‰ of ${sent}), off by ${differences.size} different amounts; all others are right. ` +
      'They are damaged on the way, and their receiver drops them.',
    pair: [sender, receiver],
    direction: { from: sender, to: receiver },
    where: 'path',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { packets, sent, differences: differences.size },
    evidence: cited.flatMap(({ first: at, last: to, found, expected }) => [
      { ...at, summary: `${words} checksum ${sumWords(found, expected)}` },
      ...(to.frame === at.frame ? [] : [{ ...to, summary: `${words} checksum wrong again` }]),
    ]),
    displayFilter: laneFilter(quality, lane),
  };
}
