import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, momentOf } from '../../../src/correlate/frame-reference.js';
import { DROP_SHARE_SEVERE, dropLimit } from '../../../src/correlate/gates.js';
import { judgeTunnelLoss } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import { defineDiagnosis, insufficientData, type Problem } from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import { isNonEmpty, mapped, mostBy, type NonEmpty, secondsBetween, spanOf } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { type EchoBurst, type RequestsOfSide, tunnelRequests } from '../requests.js';
import type { VxlanTunnel } from '../session.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const CONSECUTIVE_MIN = 5;
const SECONDS_MIN = 1;
/** Packets lost between two captures from which on the path is to blame. */
const LOST_MIN = 3;

export default defineDiagnosis({
  id: 'vxlan.loss',
  title: 'Burst of losses in a VXLAN tunnel',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'At least 5 consecutive echoes of a ping inside a VXLAN tunnel, over at least 1 s, stay unanswered, with answered ones ' +
    'before and after, and no other host behind the same endpoint answers a ping meanwhile. With ' +
    'captures of both ends: whether the packets are lost between them, and how many.',
  notWhen:
    'Another ping through the tunnel goes on without loss at the same time (then it is the host that failed). The requests differ ' +
    'in size and only the larger ones fail. The capture itself lost more than 2 % of the packets.',
  causes: [
    'The path of the outer packets failed for that time: rerouting, a link that flapped, an overloaded queue',
    'The tunnel endpoint of the peer, or the inner host behind it, restarted or was moved',
  ],
  nextSteps: [
    'Ping the underlay addresses at the same time as the overlay: losses in both point at the path',
    "Capture at both ends: tcpdump -n -s 0 -w cellN.pcap 'udp port PORT or icmp or arp', and see which of the packets that left one end are missing at the other",
    'Compare the time with interface and routing events of the path, and with restarts of the peer',
  ],
  refutedBy: 'A capture at the peer in which the requests arrive, are answered, and the answers leave.',
  source: 'RFC 792 (echo sequence numbers); Cloud Foundry guide, latency and packets between cells',
  thresholds: {
    consecutive: [CONSECUTIVE_MIN, 'requests', 'a single lost echo is normal'],
    seconds: [SECONDS_MIN, 's', 'a flood ping overruns queues and rate limits for moments'],
  },
  fault: 'tunnel-loss',
  consequenceOf: ['path-loss', 'fragments', 'large-packets-lost', 'mismatch', 'tunnel-one-way'],
  technology: 'vxlan',
  judgePair: (pair) =>
    judgeTunnelLoss(pair, {
      id: 'vxlan.loss',
      protocol: 'vxlan',
      name: 'VXLAN',
      seenAs: 'unanswered',
      lostMin: LOST_MIN,
      warningPercent: 0,
      errorPercent: 100,
    }),
  *diagnose(evidence) {
    const { quality } = evidence;
    const drops = dropLimit(quality);
    for (const { tunnel, sides } of tunnelRequests(evidence)) {
      for (const side of sides) {
        if (!side.streams.some(({ replies }) => replies >= CONSECUTIVE_MIN)) continue;
        const subject = { ...tunnelSubject(tunnel), from: tunnel.directions[sides.indexOf(side)].from };
        const bursts = side.bursts.filter((burst) => isBurst(burst) && !isContradicted(side, burst));
        if (!isNonEmpty(bursts)) yield { result: 'healthy', subject };
        else if (drops && drops.share > DROP_SHARE_SEVERE) {
          yield insufficientData(subject, drops);
        } else yield problemOf(quality, tunnel, sides.indexOf(side), side, bursts);
      }
    }
  },
});

function isBurst({ run }: EchoBurst): boolean {
  if (run.count < CONSECUTIVE_MIN || !run.lastGood) return false;
  return secondsBetween(run.lastGood, run.last) >= SECONDS_MIN;
}

/** Another ping in the same direction spans the burst and has no loss in it. */
function isContradicted(side: RequestsOfSide, { stream, run }: EchoBurst): boolean {
  return side.streams.some((other) => {
    if (other === stream || other.first.frame > run.first.frame) return false;
    if (!other.lastReply || other.lastReply.frame < run.last.frame) return false;
    const overlaps = side.bursts.some(
      (burst) =>
        burst.stream === other &&
        burst.run.first.frame <= run.last.frame &&
        burst.run.last.frame >= run.first.frame,
    );
    return !overlaps;
  });
}

function problemOf(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  direction: number,
  { streams, answered }: RequestsOfSide,
  bursts: NonEmpty<EchoBurst>,
): Problem {
  const { from, to } = tunnel.directions[direction];
  const runs = mapped(bursts, ({ run }) => run);
  const { first, last } = spanOf(runs);
  const lastGood = earliest(runs.map((run) => run.lastGood));
  const lost = runs.reduce((sum, { count }) => sum + count, 0);
  const worst = mostBy(bursts, ({ run }) => run.count);
  const seconds = secondsBetween(worst.run.lastGood ?? worst.run.first, worst.run.last);
  const hosts = new Set(bursts.map(({ stream }) => stream.destination));
  return {
    result: 'problem',
    subject: { ...tunnelSubject(tunnel), from },
    ...confidenceUnderDrops(quality, 'medium'),
    explanation:
      `${tunnelWords(tunnel)}: ${worst.run.count} consecutive pings of ${worst.stream.source} to ${worst.stream.destination} ` +
      `stay unanswered over ${secondsText(seconds)}; before and after, pings are answered. ` +
      (hosts.size > 1
        ? `${hosts.size} hosts behind ${to} are concerned, so it is the tunnel and not one of them.`
        : `Whether the requests or the replies are lost, and whether it is the path or the host, one capture cannot tell.`),
    pair: pairOf(tunnel),
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    lastGood,
    ongoingAtEnd: false,
    counts: {
      lost,
      requests: streams.reduce((sum, { requests }) => sum + requests, 0),
      answered,
      bursts: bursts.length,
      hosts: hosts.size,
    },
    evidence: citations(
      ...bursts.slice(0, 3).flatMap(({ stream, run }): [typeof run.lastGood, string][] => [
        [run.lastGood, `${stream.source} pings ${stream.destination}, answered`],
        [run.first, `${stream.source} pings ${stream.destination}, first of ${run.count} without a reply`],
        [run.last, `${stream.source} pings ${stream.destination}, last of ${run.count} without a reply`],
      ]),
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}
