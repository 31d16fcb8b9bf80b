import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { bestOf, type Citation, type FrameRef, isNonEmpty, secondsBetween } from '../../../src/moment.js';
import type { Subject } from '../../../src/report/report.js';
import type { FrameId } from '../../../src/units.js';
import { secondsText } from '../../../src/wording/durations.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { REPEATS_MIN } from '../../tcp/shared/abandoned-segment.js';
import { openvpnConversations } from '../correlator.js';
import { type DeadConnection, deadConnectionOf } from '../dead-connection.js';
import { type Outage, outagesOf, unansweredBriefly } from '../outages.js';
import {
  conversationFilter,
  dataAfter,
  fromClient,
  isCapturedAtSender,
  openvpnPeers,
  periodText,
  subjectOf,
} from '../peers.js';
import { type OneWayRun, type OpenvpnConversation, RUN_PACKETS_MIN, RUN_SECONDS_MIN } from '../session.js';
import { staticKeyJudgements } from '../static-key.js';

const SEVERITIES = ['info', 'warning', 'error'];

export default defineDiagnosis({
  id: 'openvpn.one-way-data',
  // Lines hold no opcode, so that any tunnel looks like one with a static key.
  lines: 'mislead',
  title: 'OpenVPN data one way only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'At least 10 data packets over at least 30 s one way and none back, where something is due: the silent side pings and three pings are missing; or ' +
    'most packets used to be answered within a second; or the client starts over afterwards. Warning where no data ever came back for 60 s after a ' +
    'handshake; information below that, and where the silent side is a client that has ended. Not judged where 10 packets and more of 3 to 30 s got none back, though most others were answered within a second. Over TCP also: a segment of the connection is repeated at ' +
    'least 5 times over at least 3 s, and nothing acknowledges it any more. Without any opcode of OpenVPN on port 1194 (a static key): at least 5 packets ' +
    'over at least 30 s one way and none back, a warning from 60 s on or where some came back before.',
  notWhen:
    'The silent side does not ping and was never expected to answer (logs, video): one-way data is then the habit of the tunnel. The client went on from ' +
    'another address. The capture holds one direction only. Over TCP, only segments larger than any that was acknowledged get stuck (then the path MTU).',
  causes: [
    'A firewall or NAT on the way lost the state of one direction (idle timer), or filters by size',
    'Routing: the answers take another way, or the route back inside the tunnel is missing',
    'The silent side hangs, or its tun device or forwarding does',
    'The silent side cannot decrypt what it gets (different cipher, keys or compression) and has nothing to answer',
  ],
  nextSteps: [
    'Capture on both ends at the same time: does the missing direction leave its sender?',
    'On the silent side: ip -s link show tun0, ip route, and its log (Authenticate/Decrypt packet error, bad source address)',
    'Inside the tunnel: ping -s 56 and ping -s 1300 the other end; compare',
    'Set keepalive 10 60 in the configuration of the server, so that both sides notice',
  ],
  ruledOut: {
    'lost-on-path': ['Routing:', 'The silent side hangs', 'The silent side cannot decrypt'],
    arrives: ['A firewall or NAT on the way'],
  },
  refutedBy: 'Data packets of the silent side in a capture at the other end in that time.',
  source: 'OpenVPN manual: ping, ping-restart, keepalive; RFC 4787 section 4.3 (UDP mapping timers)',
  thresholds: {
    packets: [RUN_PACKETS_MIN, 'packets', 'fewer are no stream'],
    seconds: [RUN_SECONDS_MIN, 's', 'three pings of the usual 10 s'],
    repeats: [REPEATS_MIN, 'repeats', 'shorter outages of a TCP connection mend themselves'],
  },
  fault: 'tunnel-one-way',
  consequenceOf: [
    'path-loss',
    'unreachable',
    'policy',
    'refused',
    'fragments',
    'mtu',
    'key-exchange',
    'tunnel-down',
  ],
  technology: 'openvpn',
  *diagnose(evidence) {
    const all = evidence.sessions(openvpnConversations);
    for (const conversation of all) {
      if (conversation.directions.every(({ dataPackets }) => dataPackets === 0)) continue;
      yield judge(evidence, conversation, outagesOf(conversation, all, evidence.quality));
    }
    yield* staticKeyJudgements(evidence.quality, all);
  },
});

function judge(evidence: Evidence, conversation: OpenvpnConversation, outages: readonly Outage[]): Judgement {
  const { from, to } = fromClient(conversation);
  const subject = {
    ...subjectOf('tunnel', conversation, evidence.quality, [from.address, to.address]),
    from: socketText(from),
    to: socketText(to),
  };
  const limit = oneSidedLimit(evidence.quality, from.address, to.address, conversation.stack);
  if (limit) return insufficientData(subject, limit);
  const dead = deadConnectionOf(evidence, conversation);
  if (dead) return connectionProblem(evidence, conversation, subject, dead);
  const brief = unansweredBriefly(conversation);
  if (!isNonEmpty(outages)) {
    return brief === null
      ? { result: 'healthy', subject }
      : insufficientData(subject, briefText(conversation, brief));
  }
  const worst = bestOf(outages, isWorse);
  const { run, live, silent, severity, confidence, why } = worst;
  const start = run.lastBack ?? run.first;
  // The next session of the same peers may work, whatever became of this one.
  const backAgain = run.nextBack ?? recoveryOf(evidence, conversation, run.last.frame);
  return {
    result: 'problem',
    subject,
    severity,
    confidence,
    ...(why === 'client-gone' && { title: 'OpenVPN client has gone, its server goes on sending' }),
    explanation: explain(worst),
    pair: [live.from.address, live.to.address],
    direction: { from: silent.from.address, to: silent.to.address },
    where: isCapturedAtSender(silent, evidence.quality) ? 'sender' : 'unknown',
    first: run.first,
    last: backAgain ?? run.last,
    lastGood: run.lastBack,
    ongoingAtEnd: backAgain === null && why !== 'client-gone',
    counts: {
      packetsOneWay: run.packets,
      packetsBack: 0,
      pings: run.pings,
      outages: outages.filter((one) => one.severity !== 'info').length,
      silentSeconds: Math.round(secondsBetween(start, run.last)),
    },
    evidence: citationsOf(worst),
    displayFilter: conversationFilter([conversation]),
    packetClass: 'openvpn-data',
  };
}

/** First data both ways between the same peers after that frame. */
function recoveryOf(evidence: Evidence, conversation: OpenvpnConversation, frame: FrameId): FrameRef | null {
  const peers = openvpnPeers(evidence).find(({ conversations }) => conversations.includes(conversation));
  return peers ? dataAfter(peers, frame) : null;
}

/** What TCP itself says: it delivers nothing more, whatever the tunnel has to carry. */
function connectionProblem(
  evidence: Evidence,
  conversation: OpenvpnConversation,
  subject: Subject,
  { live, silent, stuck }: DeadConnection,
): Judgement {
  const { repeats, first, last, length } = stuck;
  const recovered = recoveryOf(evidence, conversation, last.frame);
  return {
    result: 'problem',
    subject,
    title: 'The TCP connection of the OpenVPN tunnel is dead',
    confidence: 'high',
    explanation:
      `The tunnel runs over TCP, and ${live.from.address} repeated a segment of ${length} bytes to ${live.to.address} ${repeats} times within ` +
      `${secondsText(secondsBetween(first, last))} without an acknowledgment: nothing of ${silent.from.address} comes any more.` +
      (recovered ? ' Another connection took over.' : ''),
    pair: [live.from.address, live.to.address],
    direction: { from: silent.from.address, to: silent.to.address },
    where: 'unknown',
    first,
    last: recovered ?? last,
    lastGood: silent.last,
    ongoingAtEnd: recovered === null,
    counts: { repeats, silentSeconds: Math.round(secondsBetween(silent.last ?? first, last)) },
    evidence: [
      ...(silent.last ? [{ ...silent.last, summary: `last OpenVPN packet of ${silent.from.address}` }] : []),
      { ...first, summary: `${live.from.address} repeats a segment of the connection` },
      { ...last, summary: `the last of ${repeats} repeats` },
    ],
    displayFilter: conversationFilter([conversation]),
    causes: [
      'The path loses everything in one direction, or a firewall or NAT forgot the connection and drops its packets',
      'The peer crashed, was suspended or lost its network, without closing the connection',
    ],
    nextSteps: [
      'Capture on both ends at the same time: do the segments arrive, and do acknowledgments leave?',
      'On the peer: ss -tnoi "sport = :1194 or dport = :1194"; does it still know the connection?',
      'Prefer UDP (proto udp): TCP in TCP repeats twice and recovers late; with TCP, keepalive 10 60 ends a dead connection',
    ],
    packetClass: 'openvpn',
  };
}

function briefText({ directions }: OpenvpnConversation, { way, packets, first, last }: OneWayRun): string {
  const { from, to, answered, dataPackets } = directions[way];
  return (
    `${packets} data packets from ${from.address} to ${to.address} within ${secondsText(secondsBetween(first, last))} got none back, ` +
    `where ${answered} of the ${dataPackets - packets} others were answered within a second: lost (large ones in a black hole?) or not to be answered; ` +
    'what settles it: a capture at the other end, or of the tun device, and inside the tunnel ping -s 56 and ping -s 1300.'
  );
}

function isWorse(a: Outage, b: Outage): boolean {
  const difference = SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
  return difference > 0 || (difference === 0 && a.run.packets > b.run.packets);
}

function explain({ run, live, silent, why }: Outage): string {
  const seconds = secondsText(secondsBetween(run.first, run.last));
  const what = `${live.from.address} sent ${run.packets} data packets to ${live.to.address} within ${seconds}, and no data packet came back`;
  const control =
    run.controlBack > 0 ? ` Control packets did (${run.controlBack}): the path is not dead altogether.` : '';
  switch (why) {
    case 'pings-missing':
      return `${what}, although ${silent.from.address} otherwise pings after ${periodText(silent.pingPeriodNs)} of silence.${control}`;
    case 'restarted':
      return `${what}; then the client started over.${control}`;
    case 'answers-stopped':
      return `${what}; ${live.answered} of the ${live.dataPackets - run.packets} other packets were answered within a second.${control}`;
    case 'never':
      return `${what}, nor at any other time in this capture. One-way traffic inside the tunnel would look the same if ${silent.from.address} does not ping.${control}`;
    case 'client-gone':
      return `${what}: the client has ended or starts over, and the server goes on until its ping-restart.`;
  }
}

function citationsOf({ run, live, silent }: Outage): Citation[] {
  return [
    ...(run.lastBack ? [{ ...run.lastBack, summary: `last data packet of ${silent.from.address}` }] : []),
    { ...run.first, summary: `data packet of ${live.from.address}, the first without one back` },
    { ...run.last, summary: `data packet of ${live.from.address}, the last of ${run.packets} one way` },
    ...(run.nextBack ? [{ ...run.nextBack, summary: `data packet of ${silent.from.address} again` }] : []),
  ];
}
