import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { captureMayHideWayBack, oneSidedLimit } from '../../src/correlate/gates.js';
import type { OneWayTraffic } from '../../src/correlate/traffic.js';
import { watchedSecondsAfter } from '../../src/correlate/watched.js';
import { insufficientData, type Judgement } from '../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../src/diagnose/silences.js';
import { secondsBetween } from '../../src/moment.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { secondsText } from '../../src/wording/durations.js';
import { endpointText } from '../../src/wording/endpoints.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { PORT } from './layout.js';
import type { OpenvpnConversation } from './session.js';

/*
 * OpenVPN with a static key (secret FILE) has no handshake and no opcode: a packet is an HMAC, an IV and what is
 * encrypted, random to anybody else. What can be told is that something without a format runs on the port of OpenVPN.
 */

const PACKETS_MIN = 5;
const SECONDS_MIN = 30;
/** From here on it is a warning; before, somebody may just not have answered yet. */
const SECONDS_LOUD = 60;
/** Acknowledgments with the usual options and nothing in them, link header included, over IPv4 or IPv6. */
const ACK_BYTES_MAX = 100;

/**
 * Of the packets of a conversation those that have an opcode: all of them, or over TCP those that are no acknowledgments or
 * repetitions. Random bytes have one in 6 % of the cases, and where they were cut in 19 %.
 */
const READABLE_SHARES: ReadonlyMap<number, number> = new Map([
  [PROTOCOL_UDP, 0.4],
  [PROTOCOL_TCP, 0.2],
]);

interface Way {
  readonly address: string;
  readonly port: number;
  readonly sent: OneWayTraffic;
}

/** Conversations on the port of OpenVPN in which no packet has one of its opcodes, and one side says nothing. */
export function* staticKeyJudgements(
  quality: CaptureQuality,
  readable: readonly OpenvpnConversation[],
): Generator<Judgement> {
  for (const { a, b, stack, conversations } of quality.traffic.all()) {
    for (const { protocol, portOfA, portOfB, recognisedAs, fromA, fromB } of conversations) {
      const isCarrier = protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP;
      if (!isCarrier || recognisedAs !== null || (portOfA !== PORT && portOfB !== PORT)) continue;
      const ways: readonly [Way, Way] = [
        { address: a, port: portOfA, sent: fromA },
        { address: b, port: portOfB, sent: fromB },
      ];
      if (readable.some((one) => one.stack === stack && isReadable(one, ways))) continue;
      const judgement = judge(quality, stack, protocol, ways);
      if (judgement) yield judgement;
    }
  }
}

/** The same conversation, with opcodes in more packets than chance gives them. */
function isReadable({ directions, transport }: OpenvpnConversation, ways: readonly [Way, Way]): boolean {
  const [{ from, to, packets: up }, { packets: down }] = directions;
  const isEnd = ({ address, port }: Way): boolean =>
    (address === from.address && port === from.port) || (address === to.address && port === to.port);
  if (!ways.every(isEnd)) return false;
  const all = ways[0].sent.packets + ways[1].sent.packets;
  return up + down >= shareOf(transport) * all;
}

function shareOf(transport: OpenvpnConversation['transport']): number {
  return READABLE_SHARES.get(transport === 'udp' ? PROTOCOL_UDP : PROTOCOL_TCP) ?? 0;
}

/** So few of its packets have an opcode that those are chance: what looks like a handshake is none. */
export function isWithoutOpcodes({ traffic }: CaptureQuality, conversation: OpenvpnConversation): boolean {
  const [{ from, to, packets: up }, { packets: down }] = conversation.directions;
  const known = traffic.between(from.address, to.address, conversation.stack);
  const same = known?.conversations.find(({ portOfA, portOfB }) =>
    known.a === from.address
      ? portOfA === from.port && portOfB === to.port
      : portOfA === to.port && portOfB === from.port,
  );
  return (
    same !== undefined &&
    up + down < shareOf(conversation.transport) * (same.fromA.packets + same.fromB.packets)
  );
}

function judge(
  quality: CaptureQuality,
  stack: number,
  protocol: number,
  ways: readonly [Way, Way],
): Judgement | null {
  const isQuiet = ({ sent }: Way): boolean =>
    sent.packets === 0 || (protocol === PROTOCOL_TCP && sent.bytes <= ACK_BYTES_MAX * sent.packets);
  const [one, other] = ways;
  // Of two that speak, the one that goes on.
  const isOtherLive =
    isQuiet(one) || (!isQuiet(other) && (other.sent.last?.frame ?? 0) > (one.sent.last?.frame ?? 0));
  const [live, silent] = isOtherLive ? [other, one] : [one, other];
  const { first, last, packets } = live.sent;
  if (!first || !last || isQuiet(live) || packets < PACKETS_MIN) return null;
  const subject = subjectInside(quality, stack, {
    kind: 'tunnel',
    protocol: 'openvpn',
    endpoints: [endpointText(live.address, live.port), endpointText(silent.address, silent.port)],
  });
  // A tunnel in which both speak ends where it ends; what matters is that one goes on without the other.
  const since = isQuiet(silent) ? first : silent.sent.last;
  if (!since || !(secondsBetween(since, last) >= SECONDS_MIN)) return { result: 'healthy', subject };
  const limit =
    oneSidedLimit(quality, live.address, silent.address, stack) ??
    captureMayHideWayBack(quality, [live.port, silent.port], stack);
  if (limit) return insufficientData(subject, limit.reason);
  const seconds = Math.min(secondsBetween(since, last), watchedSecondsAfter(quality, since));
  const was = isQuiet(silent)
    ? protocol === PROTOCOL_TCP
      ? 'nothing but acknowledgments ever came back'
      : 'nothing ever came back'
    : `for the last ${secondsText(seconds)} nothing came back`;
  return {
    result: 'problem',
    subject,
    severity: seconds >= SECONDS_LOUD || !isQuiet(silent) ? 'warning' : 'info',
    ...confidenceUnderDrops(quality, 'low'),
    explanation:
      `${live.address} sent ${packets} packets to ${silent.address} on port ${PORT}, and ${was}. None has an opcode of OpenVPN: with a static ` +
      'key (secret) they are like that, and there is no handshake that could fail in sight.',
    pair: [live.address, silent.address],
    direction: { from: silent.address, to: live.address },
    where: 'unknown',
    first: since,
    last,
    lastGood: isQuiet(silent) ? null : silent.sent.last,
    ongoingAtEnd: true,
    counts: { packetsOneWay: packets, packetsBack: silent.sent.packets, silentSeconds: Math.round(seconds) },
    evidence: [
      { ...first, summary: `first packet of ${live.address}` },
      ...(silent.sent.last ? [{ ...silent.sent.last, summary: `last packet of ${silent.address}` }] : []),
      { ...last, summary: `last packet of ${live.address}` },
    ],
    nextSteps: [
      'On the silent side: is openvpn running with the same secret file, and with the port and protocol of the other side? Its log says Authenticate/Decrypt packet error where the keys differ',
      'The direction of the key (secret FILE 0 and secret FILE 1), cipher and auth must fit: with a static key nothing is negotiated',
      `tcpdump -n port ${PORT} there: do the packets arrive? If not, a filter on the path drops them`,
      'ping 10 and ping-restart 60 on both sides, so that they notice',
    ],
    displayFilter: `${pairFilter(live.address, silent.address)} && ${protocol === PROTOCOL_TCP ? 'tcp' : 'udp'}.port == ${PORT}`,
    packetClass: 'openvpn-data',
  };
}
