import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { cite, flowFilter, flowSubject, type Move, movesOf } from '../peers.js';

const PACKETS_MIN = 3;
const SPAN_SECONDS_MIN = 10;

export default defineDiagnosis({
  id: 'wireguard.endpoint-stale',
  title: 'WireGuard answers go to an endpoint that the peer has left',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A peer goes on from another address or port, and for at least 10 s the other peer sends at least 3 packets to the old one, from which ' +
    'nothing comes any more, and none to the new one. Warning where it follows later.',
  notWhen:
    'The other peer follows within 10 s, as roaming has it: it takes the address of the last packet that it could authenticate. ' +
    'It sends nothing to the old endpoint. The capture holds one direction only.',
  causes: [
    'A NAT in front of the peer forgot the mapping in a pause and gave it a new port; what comes from there is not accepted',
    'The packets from the new endpoint do not arrive, or do not authenticate (keys, a clock that was set back)',
    'A firewall in front of the other peer lets only the old endpoint in',
    'Another client stands behind the same NAT, unknown to the other peer, while the first one is off',
  ],
  nextSteps: [
    'On the peer that stays: wg show IFACE endpoints and wg show IFACE latest-handshakes',
    'On the peer that moved: PersistentKeepalive = 25, so that the NAT keeps its mapping',
    'Set the endpoint by hand: wg set IFACE peer KEY endpoint ADDRESS:PORT; a handshake that then succeeds proves it',
    'Capture at both peers at the same time, udp port 51820: do the packets from the new endpoint arrive?',
  ],
  refutedBy:
    'Packets to the new endpoint in a capture at the peer that stays, or packets from the old one in that time.',
  source:
    'WireGuard paper, sections 2.1 (endpoints and roaming) and 6; RFC 4787, section 4.3 (UDP mapping timers)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'one or two may have left before the move was known'],
    seconds: [SPAN_SECONDS_MIN, 's', 'a packet that authenticates moves the endpoint at once'],
  },
  fault: 'addressing',
  consequenceOf: ['path-loss', 'policy'],
  technology: 'wireguard',

  *diagnose(evidence) {
    for (const move of movesOf(evidence)) {
      const judgement = judge(evidence, move);
      if (judgement) yield judgement;
    }
  },
});

/** Null where nothing tells that both sockets are one peer's. */
function judge({ quality }: Evidence, move: Move): Judgement | null {
  const { now, before, after, toOld, toNew, isProven } = move;
  const subject = flowSubject(quality, now);
  if (!before.last || !after.first) return null;
  const follows = toNew.first !== null && secondsBetween(after.first, toNew.first) < SPAN_SECONDS_MIN;
  const sent = toOld.unanswered;
  const isStale =
    sent !== null &&
    toOld.last !== null &&
    sent.packets >= PACKETS_MIN &&
    secondsBetween(after.first, toOld.last) >= SPAN_SECONDS_MIN;
  if (follows || !isStale) return follows || isProven ? { result: 'healthy', subject } : null;
  const limit = oneSidedLimit(quality, after.from.address, after.to.address, now.stack);
  if (limit) return insufficientData(subject, limit);
  return {
    result: 'problem',
    subject,
    ...(toNew.first && { severity: 'warning' as const }),
    confidence: isProven ? 'high' : 'medium',
    explanation: explain(move, sent.packets, secondsBetween(before.last, after.first)),
    pair: [after.from.address, after.to.address],
    where: 'unknown',
    first: after.first,
    last: toNew.first ?? toOld.last,
    lastGood: before.last,
    ongoingAtEnd: toNew.first === null,
    counts: { packetsToOld: sent.packets, packetsFromNew: after.packets, packetsToNew: toNew.packets },
    evidence: [
      cite(before.last, `last packet from ${socketText(before.from)}`),
      cite(after.first, `first packet from ${socketText(after.from)}`),
      cite(sent.first, `to ${socketText(before.from)}, the first that nothing answers`),
      cite(toOld.last, `to ${socketText(before.from)}, the last`),
    ].sort((a, b) => a.frame - b.frame),
    displayFilter: `(${flowFilter(move.old)}) || (${flowFilter(now)})`,
    packetClass: 'wireguard',
  };
}

function explain({ before, after, toNew, isProven }: Move, packets: number, pauseSeconds: number): string {
  const sameness = isProven ? 'the same session goes on there' : 'the address is the same';
  const followed =
    toNew.first && after.first
      ? `Only ${secondsText(secondsBetween(after.first, toNew.first))} later anything was sent there.`
      : 'Nothing was sent there.';
  return (
    `${socketText(after.to)} sent ${packets} packets to ${socketText(before.from)}, from where nothing comes any more: the peer now ` +
    `sends from ${socketText(after.from)} (${sameness}; ${after.packets} packets, the first after ` +
    `${secondsText(Math.max(0, pauseSeconds))} of silence). ${followed}`
  );
}
