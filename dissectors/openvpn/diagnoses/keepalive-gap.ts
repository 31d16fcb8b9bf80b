import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { judgePausesAtBothEnds } from '../../../src/diagnose/both-ends/tunnel-loss.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type Silence, sumSilences } from '../../../src/diagnose/silences.js';
import { isNonEmpty, type NonEmpty } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { openvpnConversations } from '../correlator.js';
import { overduePauses, PINGS_MISSED_MIN } from '../outages.js';
import { conversationFilter, directionSubject, isCapturedAtSender, periodText } from '../peers.js';
import type { OpenvpnConversation, OpenvpnDirection, Pause, Way } from '../session.js';

/** A pause in which pings were due. */
type Gap = Pause & Silence;

export default defineDiagnosis({
  id: 'openvpn.keepalive-gap',
  title: 'OpenVPN pings stop',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'A side that pings after a learned time of silence sends nothing at all for more than three times as long, inside one session, while the other side ' +
    'goes on. The period is learned from at least 3 pings. Information where the silent side is a client that does not come back. Captures of ' +
    'both ends tell packets that were lost from a sender that sent none.',
  notWhen:
    'No period can be learned: then silence is no fault. Both sides are silent. A new session begins because the silent client itself starts over. The client ' +
    'goes on from another address. The capture holds one direction only.',
  causes: [
    'The path loses everything in that direction for a while: link, route, NAT mapping, firewall state',
    'The silent side hangs or was suspended (a laptop asleep, an overloaded host)',
    'The process was stopped, or lost its network',
  ],
  nextSteps: [
    'Capture on both ends at the same time: do the pings leave their sender?',
    'Compare with the log of the other side: Inactivity timeout (--ping-restart), restarting',
    'If a NAT stands between: a shorter keepalive than its UDP timer (often 30 s) keeps the mapping',
  ],
  ruledOut: {
    'lost-on-path': ['The silent side hangs', 'The process was stopped'],
  },
  refutedBy: 'Packets of the silent side in a capture at its peer in that time.',
  source: 'OpenVPN manual: ping, ping-restart, keepalive',
  thresholds: {
    pingsMissed: [
      PINGS_MISSED_MIN,
      'pings',
      'a lost packet or two is normal; ping-restart is 3 to 12 periods',
    ],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'unreachable', 'refused', 'key-exchange', 'tunnel-down', 'tunnel-one-way'],
  technology: 'openvpn',
  judgePair: (pair) => judgePausesAtBothEnds(pair, 'openvpn.keepalive-gap', 'openvpn', 'OpenVPN'),
  *diagnose(evidence) {
    const all = evidence.sessions(openvpnConversations);
    for (const conversation of all) {
      for (const way of [0, 1] as const) {
        const direction = conversation.directions[way];
        if (direction.dataPackets > 0) yield judge(evidence, conversation, way, all);
      }
    }
  },
});

function judge(
  evidence: Evidence,
  conversation: OpenvpnConversation,
  way: Way,
  all: readonly OpenvpnConversation[],
): Judgement {
  const direction = conversation.directions[way];
  const { from, to, pingPeriodNs, pings } = direction;
  const subject = directionSubject(conversation, direction, evidence.quality);
  if (Number.isNaN(pingPeriodNs)) {
    return insufficientData(
      subject,
      `${from.address} sent ${pings === 0 ? 'no packet' : plural(pings, 'packet')} of the length of a ping: no period can be learned, because it does not ping or the tunnel was never idle; capture an idle tunnel for some minutes.`,
    );
  }
  const isClient = conversation.clientWay === way;
  const gaps = overduePauses(conversation, way, all, evidence.quality)
    .filter(({ endedBy }) => !(isClient && endedBy === 'restart'))
    .map((pause): Gap => ({ ...pause, missed: Math.floor(pause.lengthNs / pingPeriodNs) }));
  if (!isNonEmpty(gaps)) return { result: 'healthy', subject };
  const limit = oneSidedLimit(evidence.quality, from.address, to.address, conversation.stack);
  if (limit) return insufficientData(subject, limit);
  return problemOf(evidence, conversation, direction, gaps, isClient);
}

function problemOf(
  evidence: Evidence,
  conversation: OpenvpnConversation,
  direction: OpenvpnDirection,
  gaps: NonEmpty<Gap>,
  isClient: boolean,
): Judgement {
  const { from, to, pingPeriodNs } = direction;
  const isGone = isClient && gaps.every(({ endedBy }) => endedBy === 'end');
  const sum = sumSilences(gaps, pingPeriodNs, {
    before: () => `last packet of ${from.address} before the gap`,
    after: `first packet of ${from.address} after the gap`,
    cited: 4,
  });
  const { longest, last } = sum;
  return {
    result: 'problem',
    subject: directionSubject(conversation, direction, evidence.quality),
    ...(isGone && { severity: 'info' as const }),
    confidence: 'medium',
    explanation:
      `${from.address} pings ${to.address} after ${periodText(pingPeriodNs)} of silence, but sent nothing for ` +
      `${secondsText(longest.lengthNs / NS_PER_SECOND)}${gaps.length > 1 ? ` (the longest of ${gaps.length} gaps)` : ''}, ` +
      `while ${to.address} sent ${longest.reverse} packets. ${endText(last, isGone)}`,
    pair: [from.address, to.address],
    direction: { from: from.address, to: to.address },
    where: isCapturedAtSender(direction, evidence.quality) ? 'sender' : 'unknown',
    ...sum.span,
    ongoingAtEnd: last.endedBy === 'end' && !isGone,
    counts: {
      gaps: gaps.length,
      missed: sum.missed,
      longestSeconds: Math.round(longest.lengthNs / NS_PER_SECOND),
      periodSeconds: Math.round(pingPeriodNs / NS_PER_SECOND),
      reverseMeanwhile: gaps.reduce((all, { reverse }) => all + reverse, 0),
    },
    evidence: sum.evidence,
    displayFilter: conversationFilter([conversation]),
    packetClass: 'openvpn-data',
  };
}

function endText({ endedBy }: Pause, isGone: boolean): string {
  if (isGone) return 'It does not come back: the client has probably ended.';
  if (endedBy === 'packet') return 'Then it went on.';
  return endedBy === 'restart' ? 'Then the client started over.' : 'It is silent to the end.';
}
