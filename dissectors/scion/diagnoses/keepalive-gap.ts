import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { tooLittleAfter } from '../../../src/correlate/gates.js';
import type { KeepaliveStream, Pause } from '../../../src/correlate/periodic/session.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { dueAfter, intervalText, lengthText, unexplainedPauses } from '../../keepalive/streams.js';
import { DOWN_AFTER_MISSED, type LinkKeepalive, learnedKeepalive, linkKeepalives } from '../keepalives.js';
import { directionSubject, directionText, limitsOf, linkFilter } from '../links.js';

const MISSED_MIN = 2;
const RESUMED_MIN = 1;
const GAPS_CITED = 4;

export default defineDiagnosis({
  id: 'scion.keepalive-gap',
  title: 'Gap in SCION keepalives',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'On a link of the 2018 generation at least 2 keepalives in a row (one a second and direction) are missing, then ' +
    'they resume. An error from 3 on: then the receiving border router has taken the interface down and revoked it. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'A single keepalive is lost; the whole capture is silent meanwhile; the keepalives come bunched afterwards (late, ' +
    'not lost). Links of the current generation have BFD instead of keepalives.',
  causes: [
    'Packets were lost on the way: the tunnel below changed its keys, a route changed, a link was overloaded',
    'The border router or its virtual machine stood still (CPU starvation, suspended, migrated)',
    'A firewall or NAT dropped the direction for a while',
  ],
  nextSteps: [
    'Capture at both ends of the link at once: tcpdump -n -i tun0 -s 0 -w SIDE.pcap, and run capan compare A.pcap B.pcap',
    'Look at the tunnel below at that time: OpenVPN log (grep ovpn /var/log/syslog), and capture the outer interface with: udp port 1194 or icmp',
    'On the sender: logs/br*.log, and steal time of the virtual machine (vmstat 1)',
  ],
  refutedBy: 'The missing keepalives in a capture taken at the receiver at the same time',
  source:
    'SCIONLab guide (one packet per second and direction); SCION 2018: interface keepalive 1 s, time-out 3 s',
  thresholds: {
    missed: [MISSED_MIN, 'keepalives', 'a single lost datagram is ordinary on any network'],
    down: [DOWN_AFTER_MISSED, 'keepalives', 'after 3 s without one the receiver takes the interface down'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['scion.keepalive-missing'],
  technology: 'scion',
  judgePair: (pair) =>
    judgeTunnelLoss(pair, {
      id: 'scion.keepalive-gap',
      protocol: 'scion',
      name: 'SCION',
      seenAs: 'pauses',
      lostMin: 1,
      warningPercent: 1,
      errorPercent: 5,
    }),

  *diagnose(evidence) {
    for (const one of linkKeepalives(evidence)) {
      const judgement = one.stream && judge(one, one.stream, evidence.quality);
      if (judgement) yield judgement;
    }
  },
});

function judge(one: LinkKeepalive, stream: KeepaliveStream, quality: CaptureQuality): Judgement | null {
  const { link, index } = one;
  const subject = directionSubject(quality, link, index);
  const learned = learnedKeepalive(one, stream);
  if (learned === null) return null;
  const { gaps, hidden } = unexplainedPauses(learned, quality, MISSED_MIN);
  const resumed = gaps.filter(({ regularAfter }) => regularAfter >= RESUMED_MIN);
  if (resumed.length > 0) return problemOf(one, stream, resumed, quality);
  const [asleep] = hidden;
  if (asleep) {
    const reason = `In a pause of ${intervalText(lengthOf(asleep))} the capture holds no frame at all: whether the keepalives or the capture paused, only a capture at the other end shows.`;
    return insufficientData(subject, reason);
  }
  const late = gaps.at(-1);
  const shortage =
    late && tooLittleAfter(quality, late.after, ((RESUMED_MIN + 1) * stream.periodNs) / NS_PER_SECOND);
  if (!shortage) return { result: 'healthy', subject };
  return insufficientData(subject, shortage);
}

function problemOf(
  one: LinkKeepalive,
  stream: KeepaliveStream,
  gaps: readonly Pause[],
  quality: CaptureQuality,
): Judgement {
  const { link, index, direction, reverse } = one;
  const [first] = gaps;
  const last = gaps[gaps.length - 1];
  const missed = gaps.reduce((sum, gap) => sum + gap.missed, 0);
  const longest = gaps.reduce((a, b) => (b.missed > a.missed ? b : a));
  const isDown = longest.missed >= DOWN_AFTER_MISSED;
  const bothWays = gaps.every(({ reverse: meanwhile, missed: here }) => meanwhile < here / 2);
  const { confidence, limitedBy } = limitsOf(quality, bothWays ? 'low' : 'medium');
  return {
    result: 'problem',
    subject: directionSubject(quality, link, index),
    severity: isDown ? 'error' : 'warning',
    confidence,
    ...(limitedBy ? { limitedBy } : {}),
    explanation:
      `${directionText(link, index)} carries a keepalive of ${lengthText(stream)} every ${intervalText(stream.periodNs)}. ` +
      (gaps.length === 1
        ? `Once ${missed} in a row are missing, for ${intervalText(lengthOf(longest))}`
        : `In ${gaps.length} gaps ${missed} are missing, ${longest.missed} in the longest one of ${intervalText(lengthOf(longest))}`) +
      (bothWays ? ', and the other direction is silent too' : ', while the other direction goes on') +
      (isDown ? '; the receiver takes the interface down after 3 s without one.' : '.'),
    pair: [direction.from, direction.to],
    direction: { from: direction.from, to: direction.to },
    where: 'unknown',
    first: dueAfter(first.before, stream.periodNs),
    last: last.after,
    lastGood: first.before,
    ongoingAtEnd: false,
    counts: {
      gaps: gaps.length + stream.morePauses,
      missed,
      longestMissed: longest.missed,
      received: stream.packets,
      reverseReceived: reverse.packets,
    },
    evidence: gaps.slice(0, GAPS_CITED).flatMap(({ before, after, missed: here }) => [
      { ...before, summary: `last keepalive before ${here} missing ones` },
      { ...after, summary: 'first keepalive after the gap' },
    ]),
    displayFilter: linkFilter(link),
  };
}

function lengthOf({ before, after }: Pause): number {
  return after.timeNs - before.timeNs;
}
