import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, secondsBetween } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { wireguardFlows } from '../correlator.js';
import { cite, flowFilter, flowSubject, isAway, longestStretch, otherWay, worksAfter } from '../peers.js';
import type { Handshake, WireguardFlow } from '../session.js';

const INITIATIONS_MIN = 3;
const SPAN_SECONDS_MIN = 10;
const CITED = 8;

export default defineDiagnosis({
  id: 'wireguard.no-response',
  title: 'WireGuard handshake initiations get no response',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'At least 3 handshake initiations of one peer in a row, over at least 10 s, without a response or cookie reply. Warning where the tunnel ' +
    'works later; information where the silent peer is a client on a port of its own and the other one waits on 51820: it may be off.',
  notWhen:
    'The initiator goes on with a session that only a response can have set up: then the capture lacks the responses. The capture ' +
    'holds one direction only.',
  causes: [
    'The initiations do not arrive: a firewall on the way, a wrong endpoint address or port, a NAT without a mapping',
    'The peer gets them and stays silent on purpose: it does not know the public key, or its own key is another one',
    'The peer takes them for replayed: the clock of the initiator was set back',
    'The responses do not come back: a stateful firewall, a NAT undone one way only',
    'The peer is off, or its interface is down',
  ],
  nextSteps: [
    'On the silent peer: wg show (public key, listening port, latest handshake), ss -lunp sport = :51820',
    'Compare keys: wg show IFACE public-key here with the peer configured there, and the other way round',
    'On the silent peer: tcpdump -ni any udp port 51820: do initiations (148 bytes) arrive, does a response (92 bytes) leave?',
    'Linux: echo module wireguard +p > /sys/kernel/debug/dynamic_debug/control; dmesg names why a handshake is refused',
  ],
  refutedBy: 'A response (92 bytes) to one of these initiations in a capture at the initiator.',
  source: 'WireGuard paper, sections 5.4 and 6.1 to 6.4 (Rekey-Timeout 5 s, Rekey-Attempt-Time 90 s)',
  thresholds: {
    initiations: [INITIATIONS_MIN, 'initiations', 'repeated after 5 s; one or two may get lost'],
    seconds: [SPAN_SECONDS_MIN, 's', 'two repetitions'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'addressing', 'unreachable', 'policy', 'refused'],
  technology: 'wireguard',

  *diagnose(evidence) {
    for (const flow of evidence.sessions(wireguardFlows)) {
      if (flow.handshakes.length > 0) yield judge(evidence, flow);
    }
  },
});

function judge(evidence: Evidence, flow: WireguardFlow): Judgement {
  const { quality } = evidence;
  const subject = flowSubject(quality, flow);
  const [low, high] = ([0, 1] as const).map((way) => longestStretch(flow, way, isUnanswered));
  const isMutual = isVain(low) && isVain(high);
  const stretch = isVain(low) && (!isVain(high) || low.length >= high.length) ? low : high;
  if (!isVain(stretch)) return { result: 'healthy', subject };
  const { from, to } = flow.directions[stretch[0].way];
  const limit = oneSidedLimit(quality, from.address, to.address, flow.stack);
  if (limit) return insufficientData(subject, limit);
  return problemOf(evidence, flow, stretch, isMutual);
}

function isUnanswered({ response, cookie, unseenResponse }: Handshake): boolean {
  return !response && !cookie && !unseenResponse;
}

function isVain(stretch: readonly Handshake[]): boolean {
  if (stretch.length < INITIATIONS_MIN) return false;
  return secondsBetween(stretch[0].initiation, stretch[stretch.length - 1].initiation) >= SPAN_SECONDS_MIN;
}

function problemOf(
  { quality }: Evidence,
  flow: WireguardFlow,
  stretch: readonly Handshake[],
  isMutual: boolean,
): Judgement {
  const [{ way, initiation: first }] = stretch;
  const { initiation: last } = stretch[stretch.length - 1];
  const { from, to } = flow.directions[way];
  const back = flow.directions[otherWay(way)];
  const recovered = answeredAfter(flow, last) ?? worksAfter(flow, last.frame);
  const lastGood = back.last && back.last.frame < first.frame ? back.last : null;
  const severity = isAway(to, from) ? 'info' : recovered ? 'warning' : 'error';
  return {
    result: 'problem',
    subject: flowSubject(quality, flow),
    severity,
    confidence: 'medium',
    explanation: explain(flow, stretch, isMutual, recovered),
    pair: [from.address, to.address],
    ...(!isMutual && { direction: { from: from.address, to: to.address } }),
    where: quality.local.includes(to.address) ? 'receiver' : 'unknown',
    first,
    last,
    lastGood,
    ongoingAtEnd: recovered === null,
    counts: { initiations: stretch.length, responses: 0, packetsBack: back.packets },
    evidence: [
      ...(lastGood ? [cite(lastGood, `last packet of ${socketText(to)}`)] : []),
      ...stretch
        .slice(0, CITED)
        .map(({ initiation }) => cite(initiation, 'handshake initiation, no response')),
    ],
    displayFilter: flowFilter(flow),
    packetClass: 'wireguard',
  };
}

function explain(
  { directions, handshakesDropped }: WireguardFlow,
  stretch: readonly Handshake[],
  isMutual: boolean,
  recovered: FrameRef | null,
): string {
  const [{ way, initiation: first }] = stretch;
  const { initiation: last } = stretch[stretch.length - 1];
  const { from, to } = directions[way];
  const back = directions[otherWay(way)];
  const asked =
    `${socketText(from)} sent ${stretch.length}${handshakesDropped > 0 ? ' or more' : ''} handshake initiations to ${socketText(to)} ` +
    `within ${secondsText(secondsBetween(first, last))}, and no response came.`;
  const others =
    back.packets === 0
      ? `No packet of ${socketText(to)} is in the capture.`
      : `${socketText(to)} sent ${plural(back.packets, 'packet')} in the whole capture.`;
  const mutual = isMutual
    ? ['Its own initiations are not answered either: neither peer hears the other, or takes its keys.']
    : [];
  const away = isAway(to, from)
    ? ['It is a client on a port of its own, which may be off, asleep or elsewhere.']
    : [];
  const later = recovered ? ['Later one was answered.'] : [];
  return [asked, others, ...mutual, ...away, ...later].join(' ');
}

function answeredAfter({ handshakes }: WireguardFlow, { frame }: FrameRef): FrameRef | null {
  return handshakes.find(({ response }) => response !== null && response.frame > frame)?.response ?? null;
}
