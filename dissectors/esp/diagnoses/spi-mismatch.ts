import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { originText } from '../../../src/side-files/origin.js';
import { ike } from '../../isakmp/correlator.js';
import ikeLogs, { type LoggedSa } from '../../isakmp/side-files/ike-log.js';
import type { EspDirection, EspPair, EspSa } from '../session.js';
import { directionOf, espFilter, judgedPairs, spiText } from '../shared/sa-pairs.js';

const PACKETS_MIN = 10;
const OVERLAP_SECONDS = 10;
const ANSWERED_SHARE_MIN = 0.5;

export default defineDiagnosis({
  id: 'esp.spi-mismatch',
  title: 'ESP SPI does not match the log',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'The log of a gateway is given (--log). One SPI of a pair of SAs that it installed is on the wire; in the other direction the log says one SPI and the ' +
    'packets carry another one that no SA of the log has: at least 10 packets each way, over at least 10 s, of which at least half are answered under that SPI.',
  notWhen:
    'Neither SPI of the log is on the wire (the log of another tunnel or another time). Several tunnels run between the gateways. ' +
    'IKE sets up a new SA in the capture after those of the log.',
  causes: [
    'The peer kept an SA of an earlier negotiation and sends with it: its delete was lost, or it restarted only half',
    'Two gateways share an address (failover), and only one of them has the new SA',
  ],
  nextSteps: [
    'Compare the SPIs that both sides have installed: ip xfrm state; ipsec auto --status',
    'Renegotiate: ipsec auto --replace CONN; ipsec auto --up CONN (swanctl --rekey --child NAME)',
  ],
  refutedBy: 'A log of the time of the capture, or ip xfrm state on the gateway, that has the SPI.',
  source: 'Openswan guide, situation D (compare SPIs with the log); RFC 4301, section 4.4.2',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'a few packets may cross a rekey'],
    overlap: [OVERLAP_SECONDS, 's', 'a rekey moves both directions within seconds'],
    answeredShare: [ANSWERED_SHARE_MIN, 'share', 'packets that answer belong to the same tunnel'],
  },
  fault: 'mismatch',
  technology: 'ipsec',
  *diagnose(evidence) {
    const logged = evidence.side
      .of(ikeLogs)
      .flatMap(({ sas }) => sas.filter(({ protocol }) => protocol === 'esp'));
    if (logged.length === 0) return;
    for (const pair of judgedPairs(evidence)) {
      const judgement = judge(evidence, pair, logged);
      if (judgement) yield judgement;
    }
  },
});

/** A logged pair of SAs, laid upon the wire: the log is that of `host`. */
interface Placed {
  readonly logged: LoggedSa;
  readonly host: string;
  readonly outbound: EspSa | null;
  readonly inbound: EspSa | null;
}

function judge(evidence: Evidence, pair: EspPair, logged: readonly LoggedSa[]): Judgement | null {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  const placed = logged.flatMap((one) => place(pair, one));
  if (placed.length === 0) {
    const isNamed = logged.some(({ peer }) => peer === null || peer === pair.low || peer === pair.high);
    if (!isNamed) return null;
    return insufficientData(
      subject,
      `None of the SPIs between ${pair.low} and ${pair.high} is in the log: it is that of another tunnel or another time; give the log that covers the capture.`,
    );
  }
  const half = placed.find(({ outbound, inbound }) => outbound === null || inbound === null);
  if (placed.some(({ outbound, inbound }) => outbound && inbound) || !half)
    return { result: 'healthy', subject };
  return judgeHalf(evidence, pair, half, logged, subject);
}

/** Where one SPI of the log is on the wire, and on which side that puts the log. */
function place(pair: EspPair, logged: LoggedSa): Placed[] {
  return [pair.low, pair.high].flatMap((host) => {
    const peer = host === pair.low ? pair.high : pair.low;
    const outbound = directionOf(pair, host).sas.find(({ spi }) => spi === logged.outboundSpi) ?? null;
    const inbound = directionOf(pair, peer).sas.find(({ spi }) => spi === logged.inboundSpi) ?? null;
    return outbound || inbound ? [{ logged, host, outbound, inbound }] : [];
  });
}

function judgeHalf(
  evidence: Evidence,
  pair: EspPair,
  { logged, host, outbound, inbound }: Placed,
  all: readonly LoggedSa[],
  subject: { readonly kind: string; readonly endpoints: string[] },
): Judgement {
  const peer = host === pair.low ? pair.high : pair.low;
  const known = outbound ?? inbound;
  const way = directionOf(pair, outbound ? host : peer);
  const back = directionOf(pair, outbound ? peer : host);
  const expected = outbound ? logged.inboundSpi : logged.outboundSpi;
  const stranger = strangerAmong(back, known, all);
  const insufficient = (reason: string): Judgement => insufficientData(subject, reason);
  if (!known || back.packets === 0) {
    return insufficient(
      `ESP of the log goes one way only, so that the SPI of the other direction cannot be compared.`,
    );
  }
  if (!stranger || way.sas.length > 1 || back.sas.length > 1) {
    return insufficient(
      'More SAs are on the wire than the log has, and which of them belong together is not known; give a log that covers the whole capture.',
    );
  }
  if (isRekeyed(evidence, pair, known) || answeredShare(way) < ANSWERED_SHARE_MIN) {
    return insufficient(
      `${back.from} sends with SPI ${spiText(stranger.spi)} where the log has ${spiText(expected)}, but it may be that of a newer SA or of another tunnel; give the log up to the end of the capture.`,
    );
  }
  return {
    result: 'problem',
    subject: { ...subject, spi: spiText(stranger.spi) },
    confidence: 'medium',
    explanation:
      `${host} installed SPI ${spiText(logged.outboundSpi)} to send with and ${spiText(logged.inboundSpi)} to receive (${originText(logged.origin)}); ` +
      `${spiText(known.spi)} is on the wire, but ${back.from} sends with ${spiText(stranger.spi)} instead of ${spiText(expected)}.`,
    pair: [pair.low, pair.high],
    direction: { from: back.from, to: back.to },
    where: 'sender',
    first: stranger.first,
    last: stranger.last,
    ongoingAtEnd: true,
    counts: { packets: stranger.packets, packetsOfLog: known.packets },
    evidence: [
      { ...known.first, summary: `${known.from} sends with SPI ${spiText(known.spi)}, as the log says` },
      {
        ...stranger.first,
        summary: `${stranger.from} sends with SPI ${spiText(stranger.spi)}, which the log does not have`,
      },
      { ...stranger.last, summary: `${stranger.from} still sends with SPI ${spiText(stranger.spi)}` },
    ],
    displayFilter: espFilter(pair.low, pair.high),
    packetClass: 'esp',
  };
}

/** The SA of the other direction that no log has, in use beside the known one for long enough. */
function strangerAmong(back: EspDirection, known: EspSa | null, all: readonly LoggedSa[]): EspSa | null {
  if (!known || known.packets < PACKETS_MIN) return null;
  const isLogged = (sa: EspSa): boolean =>
    all.some(({ outboundSpi, inboundSpi }) => sa.spi === outboundSpi || sa.spi === inboundSpi);
  const found = back.sas.find((sa) => {
    const from = sa.first.timeNs > known.first.timeNs ? sa.first : known.first;
    const to = sa.last.timeNs < known.last.timeNs ? sa.last : known.last;
    return !isLogged(sa) && sa.packets >= PACKETS_MIN && secondsBetween(from, to) >= OVERLAP_SECONDS;
  });
  return found ?? null;
}

/** IKE completed an SA in the capture after the known one began. */
function isRekeyed(evidence: Evidence, pair: EspPair, known: EspSa): boolean {
  const ends = [pair.low, pair.high];
  return evidence
    .sessions(ike)
    .filter(({ paths }) =>
      paths.some((path) => ends.includes(path.initiator) && ends.includes(path.responder)),
    )
    .some(({ childEstablished }) => childEstablished.some(({ frame }) => frame > known.first.frame));
}

function answeredShare({ sizes }: EspDirection): number {
  const packets = sizes.reduce((sum, one) => sum + one.packets, 0);
  return packets === 0 ? 0 : sizes.reduce((sum, one) => sum + one.answered, 0) / packets;
}
