import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit, snaplenLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { conversationFilter, dataAfter, type OpenvpnPeers, openvpnPeers } from '../peers.js';
import type { ControlMessage, Handshake, TlsAlert } from '../session.js';
import { alertText } from '../tls-alerts.js';
import {
  LEFT_SECONDS,
  SENDS_MIN,
  SPAN_SECONDS_MIN,
  STARVED_SECONDS,
  type Stall,
  stallsOf,
} from '../tls-stalls.js';

/** A frame with a control packet up to its number: Ethernet, IPv6, UDP, an HMAC, four acknowledgments. Cut ones seem missing. */
const CONTROL_BYTES_MAX = 144;

export default defineDiagnosis({
  id: 'openvpn.tls-stalled',
  title: 'OpenVPN TLS handshake stalls',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'The hard resets of both sides are exchanged (or keys are renegotiated), then a control packet is sent at least 3 times over at least 5 s, is not ' +
    'acknowledged or is repeated in spite of it, and no data follows with the new key; or 10 s after the first TLS message of the client those of the server are ' +
    'missing, wholly or in part (message ids); or a fatal TLS alert stands in clear; or the client ' +
    'leaves after TLS: the last message of the server is sent again and never acknowledged, and neither data nor a word of the client follows in 7 s. Warning where the tunnel works later.',
  notWhen:
    'The repeated packet is acknowledged in the end, or data follows. The capture holds one direction only.',
  causes: [
    'Large packets get lost (MTU, dropped fragments): the packets with certificates are the first large ones',
    'A certificate is refused: expired, unknown CA, wrong name, or a clock that is wrong; the log says which',
    'A firewall that lets the first packets pass and drops the rest (deep inspection of the protocol)',
    'TLS versions or ciphers without anything in common',
  ],
  nextSteps: [
    'Look at the lengths of the repeated packets: if only large ones repeat, try tls-mtu / max-packet-size 1200 or link-mtu on both sides',
    'Log of both sides at verb 4 at that time: VERIFY ERROR, TLS_ERROR, TLS key negotiation failed',
    'openssl x509 -noout -dates -in CERT on both sides, and compare their clocks (date -u)',
    'Capture on both ends at once to see which direction loses the packet',
  ],
  refutedBy:
    'The acknowledgment of the repeated packet, or data with the new key, in a capture at its sender.',
  source: 'OpenVPN protocol documentation (reliability layer, hand-window 60 s); RFC 5246 section 7.2',
  thresholds: {
    sends: [SENDS_MIN, 'sendings', 'a packet repeated twice got lost twice'],
    spanSeconds: [SPAN_SECONDS_MIN, 's', 'repetitions come after 2, 4 and 8 s'],
    leftSeconds: [
      LEFT_SECONDS,
      's',
      'a client that waits for its configuration asks every 5 s; a server that goes on repeats after 6 s',
    ],
    starvedSeconds: [STARVED_SECONDS, 's', 'the answer takes a round trip and some computing'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'fragments', 'mtu', 'large-packets-lost'],
  technology: 'openvpn',
  *diagnose(evidence) {
    for (const peers of openvpnPeers(evidence)) {
      const seen = peers.conversations.some(({ handshakes }) => handshakes.some(isJudged));
      if (!seen) continue;
      const stalls = peers.conversations.flatMap((one) => stallsOf(one, evidence.quality));
      yield stalls.length === 0
        ? { result: 'healthy', subject: peers.subject }
        : judge(evidence, peers, stalls);
    }
  },
});

/** Nothing else holds any of them. */
function isFarewell(stalls: readonly Stall[]): boolean {
  return stalls.every(({ farewell }) => farewell !== null);
}

const REFUSED = {
  title: 'OpenVPN client leaves after the TLS handshake',
  causes: [
    'The server refuses the login (AUTH_FAILED): user name, password, a script or plugin, a client that is not known (ccd-exclusive)',
    'No data cipher in common (data-ciphers, cipher), which the server says as AUTH_FAILED too',
    'The client was stopped at that moment',
  ],
  nextSteps: [
    'Log of the client at that time: AUTH_FAILED, and what stands behind it; on the wire it is encrypted',
    'Log of the server at verb 4: TLS Auth Error, no shared cipher, the output of auth-user-pass-verify or client-connect',
    'Compare data-ciphers (before 2.5: ncp-ciphers, cipher) of both sides',
  ],
};

/** Beyond the resets, which are another diagnosis's. */
function isJudged({ messages }: Handshake): boolean {
  return messages.length > 0;
}

function judge(evidence: Evidence, peers: OpenvpnPeers, stalls: readonly Stall[]): Judgement {
  const { subject, client, server, stack } = peers;
  const stuck = stalls.flatMap((stall) => stall.stuck);
  const alert = stalls.find((stall) => stall.alert !== null)?.alert ?? null;
  const limit = alert
    ? null
    : (oneSidedLimit(evidence.quality, client, server, stack) ??
      (stuck.length === 0 ? snaplenLimit(evidence.quality, CONTROL_BYTES_MAX) : null));
  if (limit) return insufficientData(subject, limit);
  const refs = stalls.flatMap(refsOf).sort((a, b) => a.frame - b.frame);
  const first = refs[0];
  const last = refs[refs.length - 1];
  const recovered = dataAfter(peers, last.frame);
  const blamed = alert ? null : lossDirection(stalls[0]);
  return {
    result: 'problem',
    subject,
    ...(recovered && { severity: 'warning' as const }),
    ...(isFarewell(stalls) && REFUSED),
    ...(alert && { title: `OpenVPN TLS handshake refused: ${alertText(alert.description)}` }),
    confidence: alert ? 'high' : 'medium',
    explanation: explain(peers, stalls, alert, evidence.quality),
    pair: [client, server],
    ...(blamed && { direction: blamed }),
    where: alert ? senderPlace(stalls, alert) : 'unknown',
    first,
    last,
    lastGood: lastGoodBefore(stalls[0], first),
    ongoingAtEnd: recovered === null,
    counts: {
      handshakes: stalls.length,
      repeatedPackets: stuck.length,
      sendings: stuck.reduce((sum, { sends }) => sum + sends, 0),
      alerts: stalls.reduce((sum, { handshake }) => sum + handshake.alerts.length, 0),
    },
    evidence: citationsOf(stalls),
    displayFilter: conversationFilter(
      stalls.map(({ conversation }) => conversation),
      stuck.some(({ isFragmented }) => isFragmented),
    ),
    packetClass: 'openvpn',
  };
}

/** What shows the stall: the repeated sendings, the alert, or the messages that wait for the missing ones. */
function refsOf(stall: Stall): FrameRef[] {
  const { stuck, alert, starvedOf, handshake } = stall;
  const refs: FrameRef[] = stuck.flatMap(({ sendings }) => sendings);
  if (stall.farewell) refs.push(...stall.farewell.sendings);
  if (alert) refs.push(alert);
  if (starvedOf) refs.push(...waitingFor(stall).flatMap(({ sendings }) => sendings), handshake.last);
  return refs;
}

/** TLS messages of the side that waits for the peer's. */
function waitingFor({ handshake, starvedOf }: Stall): readonly ControlMessage[] {
  return handshake.messages.filter(({ way }) => way !== starvedOf?.way);
}

/** An alert is sent by the side that refuses. */
function senderPlace(stalls: readonly Stall[], alert: TlsAlert): 'receiver' | 'sender' {
  const stall = stalls.find((one) => one.alert === alert);
  return stall && stall.conversation.clientWay === alert.way ? 'sender' : 'receiver';
}

/** The way that loses packets: that of the repeated message, or that of its acknowledgment where this one was seen. */
function lossDirection({ conversation, stuck, starvedOf }: Stall): { from: string; to: string } | null {
  const ways = new Set(stuck.map(({ way, acknowledged }) => (acknowledged ? 1 - way : way)));
  if (starvedOf) ways.add(starvedOf.way);
  if (ways.size !== 1) return null;
  const [way] = ways;
  const { from, to } = conversation.directions[way];
  return { from: from.address, to: to.address };
}

function explain(
  { client, server }: OpenvpnPeers,
  stalls: readonly Stall[],
  alert: TlsAlert | null,
  quality: CaptureQuality,
): string {
  const [{ conversation, handshake, stuck, starvedOf }] = stalls;
  const where = `between ${client} and ${server}`;
  const parts: string[] = [];
  if (alert) {
    const stall = stalls.find((one) => one.alert === alert) ?? stalls[0];
    const from = stall.conversation.directions[alert.way].from.address;
    parts.push(`In the handshake ${where}, ${from} sent a fatal TLS alert: ${alertText(alert.description)}.`);
  }
  const [message] = stuck;
  if (message) {
    const { from } = conversation.directions[message.way];
    const name = message.id === null ? 'A control packet' : `Control packet ${message.id}`;
    const span = secondsBetween(message.sendings[0], message.sendings[message.sendings.length - 1]);
    parts.push(
      `${name} of ${from.address} (${message.length} bytes) was sent ${message.sends} times within ${secondsText(span)} ` +
        (message.acknowledged
          ? `although acknowledgments of it are in the capture (${message.acknowledgments}): they do not get back.`
          : 'without the handshake going on.'),
    );
    const size = sizeText(message, handshake);
    if (size) parts.push(size);
  }
  if (starvedOf) {
    const { from, to } = conversation.directions[starvedOf.way];
    const lacking =
      starvedOf.missingIds.length === 0
        ? 'none of its TLS messages is'
        : `of its TLS messages number ${starvedOf.missingIds.join(', ')} ${starvedOf.missingIds.length === 1 ? 'is' : 'are'} not`;
    parts.push(
      `${from.address} answered the hard reset of ${to.address}, but ${lacking} in this capture, and the handshake does not go on. ` +
        'Those messages are the first large packets.',
    );
  }
  const { farewell } = stalls[0];
  if (farewell)
    parts.push(
      `TLS between ${client} and ${server} is complete; at the next message of ${server} (${farewell.length} bytes, sent ` +
        `${farewell.sends} times, never acknowledged) ${client} falls silent, and no data packet follows from either side.`,
    );
  if (stalls.length > 1) parts.push(`${stalls.length} handshakes ended so.`);
  const left = secondsToPause(quality, handshake.last);
  if (!alert && left >= 0.1) parts.push(`The capture goes on for ${secondsText(left)} after it.`);
  return parts.join(' ');
}

/** Whether it is the size that separates what was acknowledged from what was not. */
function sizeText(message: ControlMessage, { messages }: Handshake): string | null {
  const passed = messages.filter(({ way, acknowledged }) => way === message.way && acknowledged !== null);
  const largest = passed.reduce((most, { length }) => Math.max(most, length), 0);
  if (message.isFragmented) return 'It travels in IP fragments.';
  if (largest === 0 || largest >= message.length) return null;
  return `Packets of up to ${largest} bytes were acknowledged in that direction.`;
}

function lastGoodBefore({ conversation, handshake, stuck }: Stall, first: FrameRef): FrameRef | null {
  const [message] = stuck;
  if (!message) return null;
  const sent = [...handshake.messages, handshake.clientResets, handshake.serverResets]
    .filter((one) => one !== null)
    .filter(({ way }) => way !== message.way)
    .flatMap(({ sendings }) => sendings)
    .filter(({ frame }) => frame < first.frame);
  const last = sent.reduce<FrameRef | null>((a, b) => (!a || b.frame > a.frame ? b : a), null);
  return last && { frame: last.frame, timeNs: last.timeNs, segment: conversation.segment };
}

function citationsOf(stalls: readonly Stall[]): Citation[] {
  return stalls
    .flatMap((stall) => [...starvedCitations(stall), ...stuckCitations(stall)])
    .sort((a, b) => a.frame - b.frame);
}

function starvedCitations(stall: Stall): Citation[] {
  const { conversation, handshake, starvedOf } = stall;
  if (!starvedOf) return [];
  const { from, to } = conversation.directions[starvedOf.way];
  const sent = waitingFor(stall).map(({ sendings, length }) => ({
    ...sendings[0],
    summary: `control packet of ${to.address}, ${length} bytes`,
  }));
  const reset = handshake.serverResets?.sendings[0];
  return [
    ...(reset ? [{ ...reset, summary: `hard reset of ${from.address}` }] : []),
    ...sent.slice(0, 4),
    { ...handshake.last, summary: 'last control packet of the handshake' },
  ];
}

function stuckCitations({ conversation, stuck, alert, farewell }: Stall): Citation[] {
  return [
    ...(farewell === null ? stuck.slice(0, 2) : [farewell]).flatMap(({ sendings, id, length, way, sends }) =>
      sendings.map((ref, index) => ({
        frame: ref.frame,
        timeNs: ref.timeNs,
        segment: ref.segment,
        summary:
          `control packet${id === null ? '' : ` ${id}`} of ${conversation.directions[way].from.address}, ${length} bytes, ` +
          `sending ${index === sendings.length - 1 ? sends : index + 1} of ${sends}`,
      })),
    ),
    ...(alert
      ? [
          {
            frame: alert.frame,
            timeNs: alert.timeNs,
            segment: alert.segment,
            summary: `fatal TLS alert of ${conversation.directions[alert.way].from.address}: ${alertText(alert.description)}`,
          },
        ]
      : []),
  ];
}
