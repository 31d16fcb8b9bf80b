import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide, type Limit, oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { PROTOCOL_ESP } from '../../../src/wire/ip.js';
import { secondsText } from '../../../src/wording/durations.js';
import { type IkeSession, ike } from '../../isakmp/correlator.js';
import { judgeSilentEnds } from '../one-way-at-both-ends.js';
import {
  ASKING_SECONDS_MAX,
  ASKING_SECONDS_MIN,
  type EspPair,
  ONE_WAY_PACKETS_MIN,
  ONE_WAY_SECONDS_MIN,
} from '../session.js';
import {
  EQUAL_SHARE_MIN,
  EXPECTED_ANSWERS_MIN,
  type Outage,
  outagesOf,
  WORKED_PACKETS_MIN,
} from '../shared/outages.js';
import { directionOf, espFilter, judgedPairs, saFilter, spiText } from '../shared/sa-pairs.js';

const SEVERITIES = ['error', 'warning', 'info'] as const;

export default defineDiagnosis({
  id: 'esp.one-way-spi',
  title: 'ESP flows in one direction only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Between two gateways at least 10 ESP packets over at least 10 s go one way and none comes back, anywhere in the ' +
    'capture; where the other side answers, 10 equal ones at the pace of a ping suffice. Error if the silent side used to answer traffic of the same lengths, or if its sequence numbers show ' +
    'that it sent packets that never arrived; warning if its sequence numbers show that it sent nothing, or (with low confidence) if ' +
    'it never sent in this capture, its IKE is alive in it, and what it was sent are equal packets 0.5 to 5 s apart, as a ping sends ' +
    'them; info if it never sent otherwise, or if the traffic is of lengths that nobody answered before. Captures of both ends tell ' +
    'a silent end from a path that loses its packets.',
  notWhen:
    'Answers are rare in this tunnel anyway (a one-way stream, with a control packet now and then); the capture is ' +
    'provably one-sided; packets went over to a new SA in a rekey.',
  causes: [
    'A firewall or NAT on the way drops ESP (protocol 50 or UDP 4500) in one direction',
    'The peer lost its SAs (restart), or has them with other ports or addresses, and discards what arrives',
    'Behind the peer there is no answer: no route back, host down, local firewall, failed updown script',
    'The application is one-way by nature (syslog, NetFlow, a media stream)',
  ],
  nextSteps: [
    'Capture on the inside interface of the silent gateway: are there answers? tcpdump -n -i <inside> host <client>',
    "Capture on both gateways at once, tcpdump -n -s 0 -w sgN.pcap 'host <peer> and not port 22', and see whether what leaves one arrives at the other",
    'On the silent gateway look for errors of the SA: ip -s xfrm state, /proc/net/xfrm_stat, ipsec statusall',
    'Check that firewalls in between let protocol 50 and UDP 4500 through in both directions',
  ],
  ruledOut: {
    'lost-on-path': [
      'The peer lost its SAs',
      'Behind the peer there is no answer',
      'The application is one-way by nature',
    ],
    arrives: ['A firewall or NAT on the way drops ESP'],
    'worked-before': ['The application is one-way by nature'],
  },
  refutedBy:
    'Packets of the silent direction in a capture taken at the other gateway that also arrive at this one',
  source: 'OSW guide, situation D; RFC 4303, section 4.1 (an SA is one-way)',
  thresholds: {
    packets: [ONE_WAY_PACKETS_MIN, 'packets', 'below that a few unanswered datagrams are plausible'],
    seconds: [
      ONE_WAY_SECONDS_MIN,
      's',
      'longer than retransmission pauses of inner TCP and a lost ping or two',
    ],
    workedPackets: [
      WORKED_PACKETS_MIN,
      'packets',
      'packets of the silent side that show that the direction worked at some time',
    ],
    askingSeconds: [
      ASKING_SECONDS_MIN,
      's',
      'least distance of packets that ask; media and transfers send faster',
    ],
    askingSecondsMax: [
      ASKING_SECONDS_MAX,
      's',
      'greatest distance; statistics and heartbeats of devices come more seldom',
    ],
    equalShare: [EQUAL_SHARE_MIN, 'share', 'packets of one length: logs and flow records differ in length'],
    expectedAnswers: [
      EXPECTED_ANSWERS_MIN,
      'packets',
      'answers that the ratio in the rest of the capture lets expect; fewer may be missing by chance',
    ],
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
    'key-exchange',
    'tunnel-down',
  ],
  technology: 'ipsec',
  judgePair: judgeSilentEnds,
  *diagnose(evidence) {
    const sessions = evidence.sessions(ike);
    for (const pair of judgedPairs(evidence)) yield* judgePair(pair, evidence.quality, sessions);
  },
});

/** The silent gateway talks IKE in this capture: it is there, and its packets come this way. */
function isAlive(silent: string, live: string, pair: EspPair, sessions: readonly IkeSession[]): boolean {
  return sessions.some(
    ({ paths, messageCount, established, segment }) =>
      established !== null &&
      segment === pair.segment &&
      messageCount.initiator > 0 &&
      messageCount.responder > 0 &&
      paths.some(
        ({ initiator, responder, stack }) =>
          stack === pair.stack &&
          ((initiator === silent && responder === live) || (initiator === live && responder === silent)),
      ),
  );
}

function* judgePair(
  pair: EspPair,
  quality: CaptureQuality,
  sessions: readonly IkeSession[],
): Iterable<Judgement> {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  const outages = outagesOf(pair, quality).map((one) =>
    one.kind === 'never-answered' && !isAlive(one.run.to, one.run.from, pair, sessions)
      ? { ...one, severity: 'info' as const }
      : one,
  );
  const [there, back] = pair.directions;
  const limit = oneSidedLimit(quality, pair.low, pair.high, pair.stack);
  if (limit && (there.packets === 0 || back.packets === 0)) {
    yield insufficientData(subject, limit);
    return;
  }
  if (outages.length === 0) {
    if (there.packets > 0 && back.packets > 0) yield { result: 'healthy', subject };
    else yield tooFew(pair, subject);
    return;
  }
  for (const silent of [pair.low, pair.high]) {
    const own = outages.filter(({ run }) => run.to === silent);
    const worst = SEVERITIES.find((severity) => own.some((one) => one.severity === severity));
    if (worst) {
      yield problemOf(
        pair,
        silent,
        own.filter(({ severity }) => severity === worst),
        quality,
      );
    }
  }
}

function tooFew(pair: EspPair, subject: Problem['subject']): Judgement {
  const live = pair.directions[0].packets > 0 ? pair.directions[0] : pair.directions[1];
  return {
    result: 'insufficient-data',
    subject,
    reason:
      `${live.packets} ESP packets from ${live.from} and none back are not ${ONE_WAY_PACKETS_MIN} over ` +
      `${ONE_WAY_SECONDS_MIN} s; capture for longer while traffic flows.`,
    neededSeconds: ONE_WAY_SECONDS_MIN,
  };
}

function problemOf(
  pair: EspPair,
  silent: string,
  outages: readonly Outage[],
  quality: CaptureQuality,
): Problem {
  const [first] = outages;
  const last = outages[outages.length - 1];
  const live = first.run.from;
  const packets = outages.reduce((sum, { run }) => sum + run.packets, 0);
  const hidden = hiddenEncapsulation(pair, silent, quality);
  return {
    result: 'problem',
    subject: { kind: 'tunnel', endpoints: [pair.low, pair.high], ...spiOf(outages), silent },
    severity: first.severity,
    confidence: hidden ? 'low' : first.confidence,
    explanation: explain(outages, silent, live),
    pair: [pair.low, pair.high],
    // Only lost packets tell which direction failed: silence may also mean that nothing arrived to be answered.
    ...(first.kind === 'lost' ? { direction: { from: silent, to: live } } : {}),
    where: first.kind === 'lost' ? 'path' : 'unknown',
    first: first.run.first,
    last: last.run.last,
    lastGood: first.run.lastBack,
    ongoingAtEnd: last.run.nextBack === null,
    counts: {
      packets,
      answersBefore: first.run.backBefore,
      answersAfter: directionOf(pair, silent).packets - last.run.backBefore,
      intervals: outages.length,
      missingSequences: outages.reduce((sum, { missing }) => sum + missing, 0),
    },
    evidence: cite(outages, silent, live),
    displayFilter: filterOf(pair, outages),
    ...(hidden ? { limitedBy: [hidden.id] } : {}),
    packetClass: 'esp',
  };
}

/** One tunnel of several is named by the SPI of its silent side. */
function spiOf(outages: readonly Outage[]): { readonly spi?: string } {
  const [first] = outages;
  if (!first.sas || outages.some(({ sas }) => sas?.silent.spi !== first.sas?.silent.spi)) return {};
  return { spi: spiText(first.sas.silent.spi) };
}

function filterOf(pair: EspPair, outages: readonly Outage[]): string {
  const sas = outages.flatMap(({ sas }) => (sas ? [sas.live, sas.silent] : []));
  return sas.length > 0 ? saFilter(sas) : espFilter(pair.low, pair.high);
}

/** ESP in UDP one way may meet native ESP the other way, which a port filter hides. */
function hiddenEncapsulation(pair: EspPair, silent: string, quality: CaptureQuality): Limit | null {
  const back = directionOf(pair, silent);
  return back.packets === 0
    ? captureMayHide(quality, { protocol: PROTOCOL_ESP }, pair.low, pair.stack)
    : null;
}

function explain(outages: readonly Outage[], silent: string, live: string): string {
  const [{ run, kind, seconds, missing, sas }] = outages;
  const tunnel = sas
    ? ` (SPI ${spiText(sas.live.spi)}, answered by ${spiText(sas.silent.spi)}, beside other tunnels between them)`
    : '';
  const times =
    outages.length === 1
      ? `For ${secondsText(seconds)}`
      : `In ${outages.length} intervals, the first of ${secondsText(seconds)}`;
  const what = `${times} ${run.packets} ESP packets went from ${live} to ${silent}${tunnel} and none came back`;
  switch (kind) {
    case 'lost':
      return `${what}. The sequence numbers of ${silent} show that it sent ${missing} packets meanwhile: they were lost before the capture point.`;
    case 'not-sent':
      return `${what}; afterwards ${silent} goes on with the next sequence number, so it sent nothing: either the packets of ${live} did not reach it, or nothing behind it answered.`;
    case 'never-answered':
      return outages[0].severity === 'warning'
        ? `${what}, nor in the rest of the capture, while ${silent} goes on with IKE: they do not reach it, or it discards them, or sends nothing back. ` +
            'An application that wants no answer (syslog, heartbeats) looks the same.'
        : `${what}, nor in the rest of the capture. One-way applications look the same; whether answers are due, the capture cannot tell.`;
    case 'new-traffic':
      return `${what}. Most of these packets have lengths that ${live} did not send before, so this may be an application that wants no answer.`;
    case 'stopped':
      return `${what}, although ${silent} answers such packets in the rest of the capture.`;
  }
}

function cite(outages: readonly Outage[], silent: string, live: string): Citation[] {
  const citations: Citation[] = [];
  const add = (ref: FrameRef | null, summary: string): void => {
    if (ref) citations.push({ ...ref, summary });
  };
  for (const { run } of outages) {
    add(run.lastBack, `last ESP packet of ${silent} before the silence`);
    add(run.first, `first ESP packet of ${live} without an answer`);
    add(run.last, `last of ${run.packets} ESP packets of ${live} without an answer`);
    add(run.nextBack, `ESP of ${silent} comes back`);
  }
  return citations;
}
