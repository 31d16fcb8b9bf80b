import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { captureMayHide, dropLimit } from '../../../src/correlate/gates.js';
import { unseenAnswers } from '../../../src/diagnose/carried-tunnel.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, secondsBetween } from '../../../src/moment.js';
import type { Confidence, Severity } from '../../../src/report/report.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { secondsText } from '../../../src/wording/durations.js';
import {
  type RequestsOfSide,
  requestCount,
  serverKey,
  type TunnelRequests,
  tunnelRequests,
  type UnansweredRequests,
} from '../requests.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const REQUESTS_MIN = 3;
/** Answers to earlier requests may come in for that long after the first one that is lost. */
const ANSWER_SECONDS = 2;

export default defineDiagnosis({
  id: 'vxlan.no-return',
  title: 'VXLAN requests get no answer',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least 3 requests inside a VXLAN tunnel (ICMP echo for 2 s, TCP SYN for 3 s, DNS query for 5 s) go one way up to the ' +
    'end of the capture and no packet comes back any more. Error where several targets fail, or one that answered ' +
    'before, of low confidence where the tunnel never worked in the capture; warning where there is only one ' +
    'connection, or only ARP, to judge by, or where packets do come back but none of them answers.',
  notWhen:
    'The answer is seen in another VNI or outside the tunnel (asymmetric routing, MidoNet). Only one target fails in a ' +
    'tunnel that works for others (then that host or a policy). Traffic is mirrored into the tunnel, or flooded to a ' +
    'multicast group. The capture is provably one-sided. MidoNet flow state is UDP that asks for no answer.',
  causes: [
    'A firewall, security group or network policy of the infrastructure drops the UDP port of VXLAN in one direction',
    'The tunnel endpoint of the peer is down',
    'The address of the peer changed: a stale forwarding entry or lease',
    'The peer receives on another port or VNI, or drops the header (group policy extension not configured)',
    'VMware NSX for vSphere 6.2.3 and later owns UDP 4789 on the hypervisor: a nested VXLAN on that port does not work',
  ],
  nextSteps: [
    'Ping the underlay address of the peer endpoint: ping PEER; then its overlay address',
    "Capture at both ends at once: tcpdump -n -s 0 -w cellN.pcap 'udp port PORT or icmp or arp', and see whether what leaves one arrives at the other",
    'Compare id, local address, dstport and gbp on both ends: ip -d link show type vxlan; forwarding entries: bridge fdb show dev DEVICE',
    'If packets leave but do not arrive, open the UDP port in the infrastructure or choose another one (vtep_port in Cloud Foundry)',
  ],
  ruledOut: {
    'lost-on-path': ['The tunnel endpoint of the peer is down', 'The peer receives on another port or VNI'],
    arrives: [
      'A firewall, security group or network policy of the infrastructure',
      'VMware NSX',
      'If packets leave but do not arrive',
    ],
    'both-alive': ['The tunnel endpoint of the peer is down'],
  },
  refutedBy: 'Answers that leave the peer and arrive, in captures taken at both ends.',
  source: 'RFC 7348, section 4; Cloud Foundry guide, "When packets won\'t flow"; MidoNet guide, overlay',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'one lost ping is normal'],
    answerSeconds: [ANSWER_SECONDS, 's', 'ping waits about that long'],
  },
  fault: 'tunnel-one-way',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'fragments',
    'mismatch',
    'tunnel-one-way',
  ],
  technology: 'vxlan',
  *diagnose(evidence) {
    const all = tunnelRequests(evidence);
    for (const one of all) {
      let isJudged = false;
      for (const direction of [0, 1]) {
        const judgement = judge(evidence.quality, all, one, direction);
        if (judgement) yield judgement;
        isJudged ||= judgement !== null;
      }
      const [there, back] = one.tunnel.directions;
      if (!isJudged && there.packets > 0 && back.packets > 0) {
        yield { result: 'healthy', subject: tunnelSubject(one.tunnel) };
      }
    }
  },
});

interface Verdict {
  readonly requests: readonly UnansweredRequests[];
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly isSilent: boolean;
}

/** Null where nothing speaks against the direction. */
function judge(
  quality: CaptureQuality,
  all: readonly TunnelRequests[],
  one: TunnelRequests,
  direction: number,
): Judgement | null {
  const { tunnel } = one;
  const side = one.sides[direction];
  const back = tunnel.directions[1 - direction];
  const subject = { ...tunnelSubject(tunnel), from: tunnel.directions[direction].from };
  const verdict = silentVerdict(all, one, direction) ?? deafVerdict(side);
  if (!verdict) {
    const sent = tunnel.directions[direction].packets;
    if (sent === 0 || back.packets > 0) return null;
    return insufficientData(
      subject,
      `${tunnelWords(tunnel)}: ${sent} packets one way and none back, but fewer than ${REQUESTS_MIN} requests that must be answered; ping the peer's overlay address while capturing.`,
    );
  }
  const limit = side.hearsUnseen ?? oneSidedReason(quality, one, verdict.requests);
  if (limit) return insufficientData(subject, `${limit}; capture both directions.`);
  return problemOf(quality, one, direction, verdict);
}

/** Nothing comes back after the first unanswered request. */
function silentVerdict(
  all: readonly TunnelRequests[],
  { tunnel, sides }: TunnelRequests,
  direction: number,
): Verdict | null {
  const side = sides[direction];
  const lastBack = tunnel.directions[1 - direction].last;
  const open = side.unanswered.filter(
    ({ first }) => !lastBack || secondsBetween(first, lastBack) <= ANSWER_SECONDS,
  );
  const asked = open.filter(({ kind }) => kind !== 'arp');
  if (requestCount(asked) < REQUESTS_MIN) {
    const isArpAlone =
      requestCount(open) >= REQUESTS_MIN && !lastBack && !isFlood(all, tunnel.directions[direction].from);
    return isArpAlone ? { requests: open, severity: 'warning', confidence: 'low', isSilent: true } : null;
  }
  const targets = new Set(asked.map(({ kind, destination, port }) => `${kind} ${destination} ${port}`));
  const isKnown = asked.some((request) => didAnswer(side, request));
  if (targets.size > 1 || isKnown) {
    // Where nothing at all comes back, a capture of one direction looks the same.
    return { requests: open, severity: 'error', confidence: lastBack ? 'medium' : 'low', isSilent: true };
  }
  // One target alone in a tunnel that works for others is a matter of that host or of a policy.
  if (lastBack) return null;
  const severity = asked[0].kind === 'echo' ? 'error' : 'warning';
  return { requests: open, severity, confidence: 'low', isSilent: true };
}

/** Packets come back, but hosts that did answer before do not any more, nor does any other. */
function deafVerdict(side: RequestsOfSide): Verdict | null {
  const open = side.unanswered.filter(({ kind, count }) => kind !== 'arp' && count >= REQUESTS_MIN);
  const onset = earliest(open.map(({ first }) => first));
  const hosts = new Set(open.map(({ destination }) => destination));
  if (!onset || hosts.size < 2 || !open.some((request) => didAnswer(side, request))) return null;
  if (!side.lastAnswered || !(secondsBetween(onset, side.lastAnswered) <= ANSWER_SECONDS)) return null;
  return { requests: open, severity: 'warning', confidence: 'low', isSilent: false };
}

function didAnswer(side: RequestsOfSide, { kind, destination, port }: UnansweredRequests): boolean {
  return kind === 'echo'
    ? side.answeredPings.has(destination)
    : side.answeredServers.has(serverKey(kind, { address: destination, port }));
}

/** An endpoint that floods to several others gets no ARP reply from most of them. */
function isFlood(all: readonly TunnelRequests[], from: string): boolean {
  return all.filter(({ tunnel }) => tunnel.low === from || tunnel.high === from).length > 1;
}

function oneSidedReason(
  quality: CaptureQuality,
  { tunnel }: TunnelRequests,
  requests: readonly UnansweredRequests[],
): string | null {
  const { stack } = tunnel;
  const asked = requests.map(({ source: from, destination: to }) => ({ from, to, stack }));
  const limit = unseenAnswers(quality, tunnel, asked);
  return limit ? limit.reason.replace(/[.;]?$/, '') : null;
}

function problemOf(
  quality: CaptureQuality,
  { tunnel, sides }: TunnelRequests,
  direction: number,
  { requests, severity, confidence, isSilent }: Verdict,
): Problem {
  const forward = tunnel.directions[direction];
  const back = tunnel.directions[1 - direction];
  const side = sides[direction];
  const first = earliest(requests.map((one) => one.first)) ?? requests[0].first;
  const last = latest(requests.map((one) => one.last)) ?? requests[0].last;
  const lastGood = back.last && back.last.frame < first.frame ? back.last : null;
  const count = requestCount(requests);
  const drops = dropLimit(quality);
  const [port] = forward.ports;
  const filter = port
    ? captureMayHide(quality, { protocol: PROTOCOL_UDP, port: port.port }, tunnel.low, tunnel.outerStack)
    : null;
  const limits = [drops, filter].flatMap((limit) => (limit ? [limit.id] : []));
  return {
    result: 'problem',
    subject: { ...tunnelSubject(tunnel), from: forward.from },
    severity,
    confidence: limits.length > 0 ? 'low' : confidence,
    explanation: explain(tunnelWords(tunnel), forward.from, forward.to, requests, {
      count,
      isSilent,
      lastGood,
      last,
      first,
    }),
    pair: pairOf(tunnel),
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: lastGood ?? side.lastAnswered,
    ongoingAtEnd: true,
    counts: {
      requests: count,
      echo: requestCount(requests.filter(({ kind }) => kind === 'echo')),
      syn: requestCount(requests.filter(({ kind }) => kind === 'tcp')),
      dns: requestCount(requests.filter(({ kind }) => kind === 'dns')),
      arp: requestCount(requests.filter(({ kind }) => kind === 'arp')),
      answeredBefore: side.answered,
      packetsBack: back.packets,
    },
    evidence: citations(
      [lastGood, `last packet from ${back.from} in the tunnel`],
      [first, `first request without an answer: ${requestWords(requestAt(requests, first, 'first'))}`],
      ...requests.slice(0, 3).flatMap((one): [FrameRef, string][] => [
        [one.first, `${requestWords(one)}, no answer`],
        [one.last, `${requestWords(one)}, no answer (last of ${one.count})`],
      ]),
      [last, `last request without an answer: ${requestWords(requestAt(requests, last, 'last'))}`],
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
    ...(limits.length > 0 ? { limitedBy: limits } : {}),
  };
}

function requestAt(
  requests: readonly UnansweredRequests[],
  { frame }: FrameRef,
  edge: 'first' | 'last',
): UnansweredRequests {
  return requests.find((one) => one[edge].frame === frame) ?? requests[0];
}

function requestWords({ kind, source, destination, port }: UnansweredRequests): string {
  switch (kind) {
    case 'echo':
      return `${source} pings ${destination}`;
    case 'tcp':
      return `SYN of ${source} to ${destination} port ${port}`;
    case 'dns':
      return `DNS query of ${source} to ${destination}`;
    case 'arp':
      return `${source} asks for the MAC address of ${destination}`;
  }
}

function explain(
  tunnel: string,
  from: string,
  to: string,
  requests: readonly UnansweredRequests[],
  seen: { count: number; isSilent: boolean; lastGood: FrameRef | null; first: FrameRef; last: FrameRef },
): string {
  const hosts = new Set(requests.map(({ destination }) => destination));
  const seconds = secondsBetween(seen.first, seen.last);
  const what =
    `${tunnel}: ${seen.count} inner requests from behind ${from} to ${hosts.size === 1 ? [...hosts][0] : `${hosts.size} hosts`} ` +
    `behind ${to} stay without an answer${seconds >= 0 ? ` for ${secondsText(seconds)}` : ''}, up to the end of the capture.`;
  if (!seen.isSilent)
    return `${what} Packets of ${to} do come, but none of them answers: the way to ${to} is the one that fails.`;
  return seen.lastGood
    ? `${what} Before, packets came back; since then the tunnel carries nothing from ${to}.`
    : `${what} The tunnel carries nothing at all from ${to}.`;
}
