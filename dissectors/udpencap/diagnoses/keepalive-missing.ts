import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { latest } from '../../../src/correlate/frame-reference.js';
import { watchedSecondsBetween } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import { secondsText } from '../../../src/wording/durations.js';
import { judgedPairs, saFilter, spiText } from '../../esp/shared/sa-pairs.js';
import { type IkeSession, ike } from '../../isakmp/correlator.js';
import { natOf } from '../../isakmp/shared/nat-detection.js';
import {
  type NattConversation,
  type NattSide,
  nattConversations,
  PAUSE_SECONDS_MIN,
  type SenderPause,
} from '../correlator.js';
import { KEEPALIVE_SECONDS, type SaLapse, saLapses } from '../sa-lapses.js';
import { conversationsBetween } from '../shared/by-hosts.js';

const UNANSWERED_PACKETS_MIN = 3;
const UNANSWERED_SECONDS_MIN = 3;
/** A new IKE SA within this time of the return explains the new port: the side began anew. */
const NEW_SESSION_SECONDS = 5;

interface Lapse {
  readonly pause: SenderPause;
  /** Where the side came back from another port. */
  readonly moved: { readonly side: NattSide; readonly first: FrameRef } | null;
}

export default defineDiagnosis({
  id: 'natt.keepalive-missing',
  title: 'NAT keepalives missing',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'The side behind the NAT sends nothing on port 4500 (no keepalive, no IKE, no ESP) for more than 60 s, and then ' +
    'comes back from another port, or at least 3 packets of its peer over 3 s or more find no answer at all. Or one of its SAs goes on ' +
    'from another port (the same SPI), after a pause longer than any that the old port survived. Or, inside the NAT: it sends no ' +
    'keepalive for 20 s or more, and what it sends then on an SA that was answered before (at least 5 packets) finds no answer to the end.',
  notWhen:
    'The side begins a new IKE SA when it comes back (it was restarted or moved), or its mapping survives the pause.',
  causes: [
    'NAT keepalives are switched off on the side behind the NAT',
    'The keepalive interval is longer than the UDP timeout of the NAT (30 to 180 s are common)',
    'The host behind the NAT was suspended or without network',
  ],
  nextSteps: [
    'On the side behind the NAT: keep_alive=20 and nat_keepalive=yes (openswan, libreswan), keep_alive = 20 s (strongSwan)',
    'Look up the UDP timeout of the NAT device: on Linux sysctl net.netfilter.nf_conntrack_udp_timeout_stream',
    "Capture inside the NAT while the tunnel is idle: tcpdump -n 'udp port 4500'",
  ],
  refutedBy:
    'Keepalives (one byte 0xFF) on the inside of the NAT that do not come out of it: then the NAT drops them',
  source: 'RFC 3948, section 4 (keepalives every 20 s by default); OSW guide, NAT traversal',
  thresholds: {
    pause: [PAUSE_SECONDS_MIN, 's', 'three keepalive intervals of 20 s; NAT timers begin at 30 s'],
    unanswered: [UNANSWERED_PACKETS_MIN, 'packets', 'packets of the peer into the expired mapping'],
    keepaliveSeconds: [
      KEEPALIVE_SECONDS,
      's',
      'the default interval of keepalives: whoever is behind a NAT and silent for longer sends none',
    ],
    unansweredSeconds: [UNANSWERED_SECONDS_MIN, 's', 'longer than a round trip and a retransmission'],
  },
  fault: 'addressing',
  consequenceOf: ['path-loss'],
  consequenceOfIds: ['ike.natt-4500-blocked'],
  technology: 'ipsec',

  *diagnose(evidence) {
    const conversations = evidence.sessions(nattConversations);
    const sessions = evidence.sessions(ike);
    const ipsec = ipsecPairs(evidence);
    const lapses = saLapses(evidence);
    for (const conversation of conversations) {
      if (!isIpsec(conversation, ipsec)) continue;
      const side = translatedSide(conversation, sessions);
      if (!side || side.packets === 0) continue;
      const judged = judge(evidence.quality, conversation, side, conversations, sessions);
      const peer = otherSide(conversation, side);
      const lapse =
        judged.result === 'problem'
          ? undefined
          : lapses.find(
              (one) =>
                isOf(one, conversation, side) &&
                !beginsAnew(one.lapse.next, one.lapse.last, side, peer, sessions),
            );
      yield lapse ? saProblem(lapse, conversation, side) : judged;
    }
  },
});

/** Address pairs with IKE, or with ESP whose numbers count. */
function ipsecPairs(evidence: Evidence): Set<string> {
  const pairs = new Set<string>();
  for (const { low, high, stack } of judgedPairs(evidence)) pairs.add(pairKey(stack, low, high));
  for (const { paths } of evidence.sessions(ike)) {
    for (const { initiator, responder, stack } of paths) pairs.add(pairKey(stack, initiator, responder));
  }
  return pairs;
}

function pairKey(stack: number, a: string, b: string): string {
  return a < b ? `${stack} ${a} ${b}` : `${stack} ${b} ${a}`;
}

/** Other protocols use port 4500 too: keepalives, IKE or ESP with counting numbers show that this is not one of them. */
function isIpsec({ sides: [a, b], stack }: NattConversation, ipsec: ReadonlySet<string>): boolean {
  return a.keepalives > 0 || b.keepalives > 0 || ipsec.has(pairKey(stack, a.address, b.address));
}

/** Which side is behind a NAT, as far as the capture proves it. */
function translatedSide({ sides }: NattConversation, sessions: readonly IkeSession[]): NattSide | null {
  const [a, b] = sides;
  if (a.port !== PORT_NAT_TRAVERSAL) return a;
  if (b.port !== PORT_NAT_TRAVERSAL) return b;
  const senders = sides.filter(({ keepalives }) => keepalives > 0);
  if (senders.length === 1) return senders[0];
  for (const session of sessions) {
    for (const role of ['initiator', 'responder'] as const) {
      // Forced encapsulation looks like a NAT to some extent: only hashes of both sides prove one.
      if (natOf(session, role).state !== 'translated') continue;
      const peer = role === 'initiator' ? 'responder' : 'initiator';
      for (const path of session.paths) {
        const side = sides.find(({ address }) => address === path[role]);
        if (side && sides.some(({ address }) => address === path[peer])) return side;
      }
    }
  }
  return null;
}

function judge(
  quality: CaptureQuality,
  conversation: NattConversation,
  side: NattSide,
  conversations: readonly NattConversation[],
  sessions: readonly IkeSession[],
): Judgement {
  const peer = otherSide(conversation, side);
  const endpoints = [side.address, peer.address].sort();
  const subject = { kind: 'tunnel', endpoints, port: side.port };
  const lapse = lapseOf(quality, conversation, side, peer, conversations, sessions);
  if (!lapse) return { result: 'healthy', subject };
  const { pause, moved } = lapse;
  const back = pause.lateBack;
  const end = moved?.first ?? back?.last ?? pause.last;
  const seconds = (end.timeNs - pause.last.timeNs) / NS_PER_SECOND;
  const consequence = moved
    ? `and came back from port ${moved.side.port}: the mapping on port ${side.port} had expired`
    : `and ${back?.packets ?? 0} packets of ${peer.address} found no answer`;
  return {
    result: 'problem',
    subject,
    confidence: moved ? 'high' : 'low',
    explanation: `${side.address} (behind a NAT) sent nothing from port ${side.port} for ${secondsText(seconds)}, not even a keepalive, ${consequence}.`,
    pair: [side.address, peer.address],
    where: 'sender',
    first: pause.last,
    last: end,
    lastGood: pause.last,
    ongoingAtEnd: moved === null,
    counts: {
      keepalives: side.keepalives,
      packetsBefore: side.packets,
      unansweredPackets: back?.packets ?? 0,
      portChanges: moved ? 1 : 0,
    },
    evidence: cite(lapse, side, peer),
    displayFilter: filterOf(lapse, side),
  };
}

function isOf({ pair, live }: SaLapse, { segment, stack, sides }: NattConversation, side: NattSide): boolean {
  return (
    pair.segment === segment &&
    pair.stack === stack &&
    live.from === side.address &&
    sides.every(({ address }) => address === pair.low || address === pair.high) &&
    side.port === (live.portMove?.before ?? live.sourcePort)
  );
}

/** Both bounds of the NAT's timer: an idle time that the mapping survived, and one after which it was gone. */
function saProblem(
  { pair, live, lapse, unanswered }: SaLapse,
  conversation: NattConversation,
  side: NattSide,
): Judgement {
  const peer = otherSide(conversation, side);
  const seconds = (lapse.next.timeNs - lapse.last.timeNs) / NS_PER_SECOND;
  const survived = side.longestSurvivedNs / NS_PER_SECOND;
  const moved = live.portMove;
  // From the inside a packet on the same port tells nothing of the mapping.
  const bounds =
    moved && survived >= 1 && survived < seconds
      ? `more than ${secondsText(survived)} (survived) and at most ${secondsText(seconds)}`
      : `at most ${secondsText(seconds)}`;
  const then = moved
    ? `and its SA ${spiText(live.spi)} goes on from port ${moved.after} instead of ${moved.before}: the mapping had expired. ` +
      (unanswered > 0 ? `${peer.address} still sent ${unanswered} packets to the old port afterwards. ` : '')
    : `and none of the ${unanswered} packets that it sent on SA ${spiText(live.spi)} since found an answer, as others did before. `;
  return {
    result: 'problem',
    subject: { kind: 'tunnel', endpoints: [pair.low, pair.high], port: side.port },
    confidence: moved ? 'high' : 'low',
    explanation:
      `${side.address} (behind a NAT) sent nothing from port ${side.port} for ${secondsText(seconds)}, not even a keepalive, ${then}` +
      `The timer of the NAT is ${bounds}.`,
    pair: [side.address, peer.address],
    where: 'sender',
    first: lapse.last,
    last: latest([lapse.next, live.last]) ?? live.last,
    lastGood: lapse.last,
    ongoingAtEnd: true,
    counts: {
      keepalives: side.keepalives,
      packetsBefore: side.packets,
      unansweredPackets: unanswered,
      portChanges: moved?.changes ?? 0,
    },
    evidence: [
      { ...lapse.last, summary: `last packet of ${side.address} before the pause` },
      {
        ...lapse.next,
        summary: moved
          ? `${side.address} comes back from port ${moved.after}`
          : 'the next one, without an answer',
      },
      { ...live.last, summary: `last packet of ${side.address} on SPI ${spiText(live.spi)}` },
    ],
    displayFilter: `(${hostFilter(side.address)} && udp.port == 4500) || ${saFilter([live])}`,
  };
}

function otherSide({ sides: [a, b] }: NattConversation, side: NattSide): NattSide {
  return side === a ? b : a;
}

function lapseOf(
  quality: CaptureQuality,
  conversation: NattConversation,
  side: NattSide,
  peer: NattSide,
  conversations: readonly NattConversation[],
  sessions: readonly IkeSession[],
): Lapse | null {
  if (!side.last) return null;
  const open = side.pauses.find(({ next }) => next === null) ?? {
    last: side.last,
    next: null,
    lateBack: null,
  };
  const moved = newPort(conversation, side, peer, conversations);
  if (moved && !beginsAnew(moved.first, side.last, side, peer, sessions)) {
    const isPause = moved.first.timeNs - side.last.timeNs >= PAUSE_SECONDS_MIN * NS_PER_SECOND;
    return isPause ? { pause: open, moved } : null;
  }
  const back = open.lateBack;
  if (moved || !back || back.packets < UNANSWERED_PACKETS_MIN) return null;
  const seconds = watchedSecondsBetween(quality, back.first, back.last);
  return seconds >= UNANSWERED_SECONDS_MIN ? { pause: open, moved: null } : null;
}

/** The conversation that takes over: same addresses and port of the peer, begun by another port after this one fell silent. */
function newPort(
  { segment, stack }: NattConversation,
  side: NattSide,
  peer: NattSide,
  conversations: readonly NattConversation[],
): Lapse['moved'] {
  for (const other of conversationsBetween(conversations, side.address, peer.address)) {
    if (other.segment !== segment || other.stack !== stack) continue;
    const own = other.sides.find(({ address, port }) => address === side.address && port !== side.port);
    const same = other.sides.find(({ address, port }) => address === peer.address && port === peer.port);
    if (own?.first && same && side.last && own.first.frame > side.last.frame) {
      return { side: own, first: own.first };
    }
  }
  return null;
}

/** An IKE SA that was not there before the pause: the side began anew, by itself or after a restart. */
function beginsAnew(
  first: FrameRef,
  last: FrameRef,
  side: NattSide,
  peer: NattSide,
  sessions: readonly IkeSession[],
): boolean {
  return sessions.some(
    (session) =>
      session.first.frame > last.frame &&
      session.segment === first.segment &&
      [session.initiator, session.responder].includes(side.address) &&
      [session.initiator, session.responder].includes(peer.address) &&
      Math.abs(session.first.timeNs - first.timeNs) <= NEW_SESSION_SECONDS * NS_PER_SECOND,
  );
}

function cite({ pause, moved }: Lapse, side: NattSide, peer: NattSide): Citation[] {
  const citations: Citation[] = [
    { ...pause.last, summary: `last packet of ${side.address} from port ${side.port}` },
  ];
  if (pause.lateBack) {
    citations.push({
      ...pause.lateBack.first,
      summary: `${peer.address} sends to port ${side.port}, no answer`,
    });
    citations.push({ ...pause.lateBack.last, summary: `last of ${pause.lateBack.packets} such packets` });
  }
  if (moved)
    citations.push({ ...moved.first, summary: `${side.address} comes back from port ${moved.side.port}` });
  return citations;
}

function filterOf({ moved }: Lapse, side: NattSide): string {
  const ports = moved ? [side.port, moved.side.port] : [side.port];
  return `${hostFilter(side.address)} && (${ports.map((port) => `udp.port == ${port}`).join(' || ')})`;
}
