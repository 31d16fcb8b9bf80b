import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import type { EspPair, EspSa } from '../session.js';
import { type Outage, outagesOf } from '../shared/outages.js';
import { directionOf, judgedPairs, saFilter, spiText } from '../shared/sa-pairs.js';

/** The gateway puts the traffic of the first client into the newest SA at once. */
const TAKEOVER_SECONDS = 5;
/** Packets that show that both clients are there, and that the second one gets answers. */
const PACKETS_MIN = 10;

interface Takeover {
  readonly outage: Outage;
  /** The first client, the answers that it had, and the answers of the second client. */
  readonly first: EspSa;
  readonly stopped: EspSa;
  readonly second: EspSa;
}

export default defineDiagnosis({
  id: 'esp.clients-share-nat',
  title: 'A second client behind the same NAT takes over the answers of the first',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Two clients with one address and different UDP ports (a NAT) have ESP with a gateway. Within 5 s of the first packet that the ' +
    'gateway sends to the second client, it stops sending to the first one, which goes on (at least 10 packets over at least 10 s) and had ' +
    'answers until then.',
  notWhen:
    'Both clients get answers; the first client falls silent as well; it goes on from another port (a NAT mapping that expired).',
  causes: [
    'Transport mode (L2TP/IPsec): both clients have the same traffic selectors at the gateway (address of the NAT, UDP 1701), and its ' +
      'kernel sends everything with the newest SA',
    'The gateway takes the second client for the first one (same identity, uniqueids) and replaces its SA',
  ],
  nextSteps: [
    'On the gateway: ip xfrm policy and ip xfrm state: do both clients have the same selector and reqid?',
    'Use tunnel mode with an address for each client (IKEv2 or XAUTH) instead of L2TP over transport mode',
    'With libreswan on Linux: overlapip=yes and sareftrack do not help with NETKEY; with strongSwan: uniqueids=never, and the connmark plugin for L2TP',
  ],
  refutedBy: 'ESP of the gateway to both ports at once in a capture at the gateway, while both clients send',
  source: 'RFC 3948, sections 5.1 and 5.2 (conflicts of clients behind one NAT)',
  thresholds: {
    takeover: [TAKEOVER_SECONDS, 's', 'a kernel uses a new SA from the next packet on'],
    packets: [PACKETS_MIN, 'packets', 'to each client: both tunnels worked'],
  },
  fault: 'addressing',
  consequenceOf: ['path-loss'],
  technology: 'ipsec',
  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      for (const address of [pair.low, pair.high]) {
        const judged = judge(evidence.quality, pair, address);
        if (judged) yield judged;
      }
    }
  },
});

/** Null where no two clients use that address. */
function judge(quality: CaptureQuality, pair: EspPair, address: string): Judgement | null {
  const clients = directionOf(pair, address).sas.filter(({ udpPackets }) => udpPackets >= PACKETS_MIN);
  if (new Set(clients.map(({ sourcePort }) => sourcePort)).size < 2) return null;
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], behindNat: address };
  for (const outage of outagesOf(pair, quality)) {
    const takeover = takeoverOf(pair, address, outage);
    if (takeover) return { ...problemOf(pair, takeover), subject };
  }
  return { result: 'healthy', subject };
}

function takeoverOf(pair: EspPair, address: string, outage: Outage): Takeover | null {
  const { run, sas } = outage;
  if (!sas || run.from !== address || run.nextBack !== null || outage.severity === 'info') return null;
  const { live, silent } = sas;
  const second = directionOf(pair, run.to).sas.find(
    (sa) =>
      sa !== silent &&
      sa.udpPackets >= PACKETS_MIN &&
      sa.destinationPort !== live.sourcePort &&
      sa.first.frame > live.first.frame &&
      Math.abs(secondsBetween(silent.last, sa.first)) <= TAKEOVER_SECONDS,
  );
  return second ? { outage, first: live, stopped: silent, second } : null;
}

function problemOf(pair: EspPair, { outage, first, stopped, second }: Takeover): Problem {
  const { run, seconds } = outage;
  return {
    result: 'problem',
    subject: { kind: 'tunnel', endpoints: [pair.low, pair.high] },
    confidence: 'high',
    explanation:
      `Two clients reach ${run.to} through the NAT ${run.from}, from ports ${first.sourcePort} and ${second.destinationPort}. ` +
      `When ${run.to} began to send to port ${second.destinationPort} (SPI ${spiText(second.spi)}), it stopped sending to port ` +
      `${first.sourcePort} (SPI ${spiText(stopped.spi)}), from where ${run.packets} ESP packets came in the ${secondsText(seconds)} since.`,
    pair: [pair.low, pair.high],
    where: 'receiver',
    first: run.first,
    last: run.last,
    lastGood: run.lastBack,
    ongoingAtEnd: true,
    counts: { packets: run.packets, answersBefore: stopped.packets, answersToSecond: second.packets },
    evidence: [
      { ...stopped.last, summary: `last packet to port ${first.sourcePort}, SPI ${spiText(stopped.spi)}` },
      {
        ...second.first,
        summary: `first packet to port ${second.destinationPort}, SPI ${spiText(second.spi)}`,
      },
      { ...run.first, summary: `first packet from port ${first.sourcePort} without an answer` },
      { ...run.last, summary: `last of ${run.packets} such packets` },
    ],
    displayFilter: saFilter([first, stopped, second]),
    packetClass: 'esp',
  };
}
