import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { wireguardFlows } from '../correlator.js';
import { cite, flowFilter, flowSubject, longestStretch, worksAfter } from '../peers.js';
import type { Handshake, WireguardFlow } from '../session.js';

const HANDSHAKES_MIN = 3;
const SPAN_SECONDS_MIN = 10;
const SPACING_SECONDS_MAX = 60;
const CITED = 3;

export default defineDiagnosis({
  id: 'wireguard.handshake-loop',
  title: 'WireGuard handshakes repeat without data',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'At least 3 handshakes of one peer in a row, each answered, at most 60 s apart and over at least 10 s, after which either the initiator ' +
    'never uses the new session or nothing of the responder comes back. Warning where the tunnel works later.',
  notWhen:
    'Data or keepalives follow both ways. A new handshake every 120 s is what the protocol prescribes for a tunnel that is used.',
  causes: [
    'The responses get lost between this capture point and the initiator, or it refuses them (PresharedKey differs)',
    'Transport data is filtered or lost on the way while handshakes pass (deep inspection, a limit on size or rate)',
    'Two interfaces or hosts use the same private key and take the session from each other',
  ],
  nextSteps: [
    'Compare the PresharedKey of both peers: wg show IFACE preshared-keys',
    'On both peers: wg show IFACE transfer latest-handshakes; which of them receives nothing?',
    'Capture at both peers at the same time, udp port 51820: which messages (92 bytes: response; type 4: data) are missing at the other end?',
    'Look for a second host with the same private key',
  ],
  refutedBy: 'Transport data under the new indices both ways in a capture at the initiator.',
  source: 'WireGuard paper, sections 5.1 (the responder waits for the first packet) and 6.2 to 6.5',
  thresholds: {
    handshakes: [HANDSHAKES_MIN, 'handshakes', 'one may follow a restart, two a coincidence'],
    spacing: [SPACING_SECONDS_MAX, 's', 'half of the time after which a session in use is renewed'],
    seconds: [SPAN_SECONDS_MIN, 's', 'two repetitions after 5 s'],
  },
  fault: 'tunnel-down',
  consequenceOf: ['path-loss', 'addressing', 'policy', 'mtu', 'large-packets-lost', 'key-exchange'],
  technology: 'wireguard',

  *diagnose(evidence) {
    for (const flow of evidence.sessions(wireguardFlows)) {
      if (flow.handshakes.some(({ response }) => response !== null)) yield judge(evidence, flow);
    }
  },
});

function judge({ quality }: Evidence, flow: WireguardFlow): Judgement {
  const subject = flowSubject(quality, flow);
  const [low, high] = ([0, 1] as const).map((way) => longestStretch(flow, way, isFruitless));
  const loop = low.length >= high.length ? low : high;
  if (!isLoop(loop)) return { result: 'healthy', subject };
  const { from, to } = flow.directions[loop[0].way];
  const limit = oneSidedLimit(quality, from.address, to.address, flow.stack);
  if (limit) return insufficientData(subject, limit);
  const first = loop[0];
  const last = loop[loop.length - 1].response ?? loop[loop.length - 1].initiation;
  const recovered = worksAfter(flow, last.frame);
  const confirmed = loop.filter((one) => one.confirmed !== null).length;
  return {
    result: 'problem',
    subject,
    ...(recovered && { severity: 'warning' as const }),
    confidence: 'medium',
    explanation: explain(flow, loop, confirmed),
    pair: [from.address, to.address],
    direction: { from: to.address, to: from.address },
    where: 'unknown',
    first: first.response ?? first.initiation,
    last,
    ongoingAtEnd: recovered === null,
    counts: { handshakes: loop.length, confirmed },
    evidence: citationsOf(loop),
    displayFilter: flowFilter(flow),
    packetClass: 'wireguard',
  };
}

/** Answered on the wire, and then not used, or not by the responder. */
function isFruitless(
  { initiation, response, confirmed, dataBack }: Handshake,
  before: Handshake | null,
): boolean {
  if (response === null || (confirmed !== null && dataBack !== null)) return false;
  return before === null || secondsBetween(before.initiation, initiation) <= SPACING_SECONDS_MAX;
}

function isLoop(handshakes: readonly Handshake[]): boolean {
  if (handshakes.length < HANDSHAKES_MIN) return false;
  const [{ initiation: first }] = handshakes;
  return secondsBetween(first, handshakes[handshakes.length - 1].initiation) >= SPAN_SECONDS_MIN;
}

function explain({ directions }: WireguardFlow, loop: readonly Handshake[], confirmed: number): string {
  const { from, to } = directions[loop[0].way];
  const seconds = secondsBetween(loop[0].initiation, loop[loop.length - 1].initiation);
  const what =
    confirmed === 0
      ? `${socketText(from)} never sent anything under the sessions that they set up: the responses do not reach it, or it refuses them.`
      : `${socketText(from)} used ${confirmed} of the sessions that they set up, and nothing came back.`;
  return (
    `${socketText(from)} began ${loop.length} handshakes within ${secondsText(seconds)}, and ${socketText(to)} answered each. ` +
    what
  );
}

function citationsOf(loop: readonly Handshake[]): Citation[] {
  const cited = loop.length <= CITED ? loop : [...loop.slice(0, CITED - 1), loop[loop.length - 1]];
  return cited.flatMap(({ initiation, response, confirmed }) => [
    cite(initiation, 'handshake initiation'),
    ...(response ? [cite(response, 'its response')] : []),
    ...(confirmed ? [cite(confirmed, 'first packet of the new session')] : []),
  ]);
}
