import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import type { Confidence, Severity } from '../../../src/report/report.js';
import { vxlanTunnels } from '../correlator.js';
import { groupsAgainstDevices } from '../device-settings.js';
import { requestCount, type TunnelRequests, tunnelRequests, type UnansweredRequests } from '../requests.js';
import type { InnerFlow, InnerSide, ReservedUse, VxlanTunnel } from '../session.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const REQUESTS_MIN = 3;

export default defineDiagnosis({
  id: 'vxlan.reserved-bits',
  title: 'VXLAN flags the peer will drop',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'Reserved bits of the VXLAN header are set (other flags than I, and G with its fields). Error where at least 3 requests with such ' +
    'bits stay unanswered while the same inner host answers requests without them; warning where at least 3 ' +
    'stay unanswered and nothing else is known; information where such packets are answered or nothing asks for an answer. ' +
    'Also, as an error: all requests with a group policy (G) stay unanswered, the same inner host answers those without, and the ' +
    'peer itself never sets G. Also: the VXLAN device of the receiver (--log, ip -d link) is made without gbp, and the packets to it set G.',
  notWhen:
    'The header is VXLAN-GPE, whose flags mean something else. For the group policy: what is answered goes to other inner hosts; ' +
    'pings between the tunnel ends carry no tag, and say nothing of an application that is filtered or down.',
  causes: [
    'One end uses an extension (group policy, remote checksum offload, GPE) that the other is not configured for: Linux drops what it does not expect',
    'The gbp option is missing on the receiving device: untagged packets (pings between cells) pass, tagged ones are dropped',
    'A vendor puts the policy id into reserved bits without setting G',
  ],
  nextSteps: [
    'Compare the options of both ends, gbp, remcsumtx, remcsumrx, gpe: ip -d link show type vxlan',
    'Count what the receiver discards: ip -s link show DEVICE (RX errors, frame)',
  ],
  refutedBy: 'Answers to packets with the same bits set.',
  source:
    'RFC 7348, section 5; draft-smith-vxlan-group-policy-05, section 2; Linux drivers/net/vxlan (unparsed flags are dropped)',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'one lost request is normal'],
  },
  fault: 'mismatch',
  technology: 'vxlan',
  *diagnose(evidence) {
    yield* groupsAgainstDevices(evidence);
    const byTunnel = new Map(tunnelRequests(evidence).map((one) => [one.tunnel, one]));
    for (const tunnel of evidence.sessions(vxlanTunnels)) {
      if (tunnel.isGpe) continue;
      const requests = byTunnel.get(tunnel) ?? null;
      for (const direction of [0, 1]) {
        if (tunnel.directions[direction].packets > 0)
          yield judge(evidence.quality, tunnel, requests, direction);
      }
    }
  },
});

/** How requests with the bits in question fare, and those without. */
interface Outcome {
  readonly unanswered: readonly UnansweredRequests[];
  readonly answeredWith: number;
  readonly answeredWithout: number;
}

/** Which inner host a packet of a direction goes to. */
function targetOf(tunnel: VxlanTunnel, { low, high }: InnerFlow, direction: number): string {
  return isLowHere(tunnel, low, direction) ? high : low;
}

/** Whether an inner host sends in that direction of the tunnel. */
function isLowHere(tunnel: VxlanTunnel, host: string, direction: number): boolean {
  return ((tunnel.hosts.get(host) ?? 0) & (direction === 0 ? 1 : 2)) !== 0;
}

function judge(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  requests: TunnelRequests | null,
  direction: number,
): Judgement {
  const own = tunnel.directions[direction];
  const back = tunnel.directions[1 - direction];
  const subject = { ...tunnelSubject(tunnel), from: own.from };
  const asked = requests?.sides[direction].unanswered ?? [];
  if (own.reserved) {
    const outcome = outcomeOf(tunnel, asked, direction, ({ reserved }) => reserved > 0);
    return reservedProblem(quality, tunnel, direction, own.reserved, outcome);
  }
  if (own.tagged > 0 && back.tagged === 0 && back.packets > 0) {
    const outcome = outcomeOf(tunnel, asked, direction, ({ tagged }) => tagged > 0);
    const { unanswered, answeredWith, answeredWithout } = outcome;
    if (requestCount(unanswered) >= REQUESTS_MIN && answeredWith === 0 && answeredWithout > 0) {
      return groupProblem(quality, tunnel, direction, outcome);
    }
  }
  return { result: 'healthy', subject };
}

function outcomeOf(
  tunnel: VxlanTunnel,
  asked: readonly UnansweredRequests[],
  direction: number,
  hasBits: (side: InnerSide) => boolean,
): Outcome {
  const sent = tunnel.flows.map((flow) => ({ flow, side: sentSide(tunnel, flow, direction) }));
  const answered = sent.filter(({ flow }) => flow.sides[0].packets > 0 && flow.sides[1].packets > 0);
  const without = new Set<InnerFlow>(sent.filter(({ side }) => !hasBits(side)).map(({ flow }) => flow));
  const isWith = (request: UnansweredRequests): boolean => {
    const flow = tunnel.flows.find((one) => isFlowOf(one, request));
    return flow !== undefined && !without.has(flow);
  };
  const unanswered = asked.filter(isWith);
  const targets = new Set(unanswered.map(({ destination }) => destination));
  // Only a host that answers without the bits and not with them shows that the bits decide.
  const isOfTarget = ({ flow }: { flow: InnerFlow }): boolean =>
    targets.has(targetOf(tunnel, flow, direction));
  return {
    unanswered,
    answeredWith: answered.filter(({ side }) => hasBits(side)).length,
    answeredWithout: answered.filter((one) => !hasBits(one.side) && isOfTarget(one)).length,
  };
}

/** The side of an inner flow that travels in a direction of the tunnel. */
function sentSide(tunnel: VxlanTunnel, { low, sides }: InnerFlow, direction: number): InnerSide {
  return isLowHere(tunnel, low, direction) ? sides[0] : sides[1];
}

function isFlowOf(
  flow: InnerFlow,
  { source, destination, sourcePort, port, kind }: UnansweredRequests,
): boolean {
  const isForth = flow.low === source && flow.high === destination;
  const isBack = flow.low === destination && flow.high === source;
  if (!isForth && !isBack) return false;
  if (kind === 'echo' || kind === 'arp') return flow.lowPort === 0 && flow.highPort === 0;
  return isForth
    ? flow.lowPort === sourcePort && flow.highPort === port
    : flow.lowPort === port && flow.highPort === sourcePort;
}

function reservedProblem(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  direction: number,
  reserved: ReservedUse,
  { unanswered, answeredWith, answeredWithout }: Outcome,
): Problem {
  const own = tunnel.directions[direction];
  const lost = requestCount(unanswered);
  const isLost = lost >= REQUESTS_MIN && answeredWith === 0;
  const severity: Severity = !isLost ? 'info' : answeredWithout > 0 ? 'error' : 'warning';
  const confidence: Confidence = answeredWith > 0 ? 'high' : answeredWithout > 0 ? 'medium' : 'low';
  const outcome = isLost
    ? `${lost} requests with these bits stay unanswered${answeredWithout > 0 ? ', those without are answered' : ''}.`
    : answeredWith > 0
      ? 'Such packets are answered: the peer ignores the bits.'
      : 'Whether the peer accepts them, the capture does not show.';
  return {
    ...shared(quality, tunnel, direction, isLost ? unanswered : [], reserved.first, reserved.last),
    severity,
    confidence,
    explanation:
      `${tunnelWords(tunnel)}: ${reserved.packets} of ${own.packets} packets from ${own.from} have reserved bits set ` +
      `(${bitWords(reserved)}). ${outcome}`,
    counts: {
      packets: reserved.packets,
      ofPackets: own.packets,
      unanswered: lost,
      answeredFlows: answeredWith,
      answeredFlowsWithout: answeredWithout,
    },
  };
}

function groupProblem(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  direction: number,
  { unanswered, answeredWith, answeredWithout }: Outcome,
): Problem {
  const own = tunnel.directions[direction];
  const lost = requestCount(unanswered);
  const first = earliest(unanswered.map((one) => one.first)) ?? unanswered[0].first;
  const last = latest(unanswered.map((one) => one.last)) ?? unanswered[0].last;
  return {
    ...shared(quality, tunnel, direction, unanswered, first, last),
    severity: 'error',
    confidence: 'medium',
    title: 'Packets with a group policy are not accepted',
    explanation:
      `${tunnelWords(tunnel)}: ${lost} requests from ${own.from} with a group policy id stay unanswered, while ` +
      `${answeredWithout} conversations without one are answered; ${own.to} itself never sends a group policy. ` +
      'A receiver without the group policy extension drops such packets.',
    counts: {
      packets: own.tagged,
      ofPackets: own.packets,
      unanswered: lost,
      answeredFlows: answeredWith,
      answeredFlowsWithout: answeredWithout,
    },
  };
}

function shared(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  direction: number,
  unanswered: readonly UnansweredRequests[],
  first: FrameRef,
  last: FrameRef,
): Omit<Problem, 'severity' | 'confidence' | 'explanation' | 'counts'> {
  const own = tunnel.directions[direction];
  return {
    result: 'problem',
    subject: { ...tunnelSubject(tunnel), from: own.from },
    pair: pairOf(tunnel),
    direction: { from: own.from, to: own.to },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: last.frame === own.last?.frame,
    evidence: citations(
      [first, `first packet of ${own.from} with such a header`],
      ...unanswered
        .slice(0, 3)
        .map((one): [FrameRef, string] => [
          one.first,
          `request of ${one.source} to ${one.destination}, no answer`,
        ]),
      [last, `last packet of ${own.from} with such a header`],
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}

function bitWords({ header, trailer }: ReservedUse): string {
  const words = (header >>> 0).toString(16).padStart(8, '0');
  return `0x${words} in the first four bytes, 0x${trailer.toString(16).padStart(2, '0')} in the last`;
}
