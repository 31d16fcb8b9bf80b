import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import type { FlowDirection } from '../../../src/correlate/flow-registry.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, isNonEmpty, mostBy, type NonEmpty } from '../../../src/moment.js';
import type { ProtectedNetworks } from '../../../src/side-files/configuration.js';
import { isWithin } from '../../../src/side-files/networks.js';
import { originText } from '../../../src/side-files/origin.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import type { EspPair } from '../session.js';
import { directionOf, isCapturedAtReceiver, isCapturedAtSender, judgedPairs } from '../shared/sa-pairs.js';

const PACKETS_MIN = 3;
/** ESP beside the cleartext, in packets of ESP for each of cleartext, from which it may be the same packets before encryption. */
const ESP_SHARE_MIN = 0.5;
/** Captures on all interfaces of a host: Linux cooked, versions 1 and 2. */
const LINKTYPES_ANY: readonly number[] = [113, 276];

export default defineDiagnosis({
  id: 'esp.plaintext-leak',
  title: 'Protected traffic leaves unencrypted',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule:
    'Gateways and the networks behind them are configured (--config, ipsec), ESP runs between the gateways, the capture was taken on one of them, and at least 3 cleartext packets ' +
    'go from the network behind it to that behind the peer, in no tunnel, with less than half as many ESP packets of that gateway at the same time.',
  notWhen:
    'The cleartext comes from the peer: a Linux gateway shows what it has decrypted (esp.decapsulated-view). The capture has several interfaces, of which one may be the inside. ' +
    'As much ESP leaves at the same time: a gateway with one interface shows each packet before and after encryption.',
  causes: [
    'No policy covers these addresses: the subnets in the connection do not match those in use',
    'The SA is down and no policy blocks the traffic meanwhile (failureshunt, trap policies)',
    'Source NAT on the gateway changes the packets before IPsec sees them',
  ],
  nextSteps: [
    'On the gateway: ip xfrm policy; ip route get REMOTE from LOCAL; iptables -t nat -L POSTROUTING -v -n',
    'Exempt the tunnel from NAT: iptables -t nat -I POSTROUTING -m policy --dir out --pol ipsec -j ACCEPT',
    'Block what must not leave in clear: start the connection with auto=route (trap policy)',
  ],
  refutedBy: 'A capture on the way to the peer that does not hold the cited packets.',
  source: 'RFC 4301, section 5.1 (outbound processing); Openswan guide, situation D',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'the first packets may leave before the SA is up'],
    espShare: [
      ESP_SHARE_MIN,
      'share',
      'with as much ESP the cleartext may be the same packets before encryption',
    ],
  },
  fault: 'mismatch',
  technology: 'ipsec',
  *diagnose(evidence) {
    const networks = evidence.side.configuration?.ipsec ?? [];
    if (networks.length === 0) return;
    const pairs = judgedPairs(evidence).filter(({ stack }) => stack === 0);
    for (const one of networks) yield judge(evidence, one, pairs);
  },
});

/** Cleartext packets from one protected network to the other. */
interface Clear {
  readonly from: string;
  readonly to: string;
  readonly counted: FlowDirection;
}

function judge(evidence: Evidence, networks: ProtectedNetworks, pairs: readonly EspPair[]): Judgement {
  const { gateways } = networks;
  const subject = { kind: 'tunnel', endpoints: [...gateways] };
  const own = pairs.filter(({ low, high }) => gateways.includes(low) && gateways.includes(high));
  if (own.length === 0) {
    const reason = `No ESP runs between ${gateways.join(' and ')} in the capture; capture on the external interface of one of them.`;
    return insufficientData(subject, reason);
  }
  const clear = [clearOf(evidence.quality, networks, 0), clearOf(evidence.quality, networks, 1)];
  if (clear[0].length + clear[1].length === 0) return { result: 'healthy', subject };
  const local = gateways.findIndex((gateway) => isLocal(evidence.quality, own, gateway));
  if (local < 0) {
    const reason = `Cleartext runs between the protected networks, and whether it leaves or was decrypted here depends on the capture point; say which host captured with --local.`;
    return insufficientData(subject, reason);
  }
  const leaving = clear[local];
  const packets = leaving.reduce((sum, { counted }) => sum + counted.packets, 0);
  if (packets < PACKETS_MIN || !isNonEmpty(leaving)) return { result: 'healthy', subject };
  const esp = espBeside(own, gateways[local], leaving);
  if (seesInside(evidence.quality) || esp >= packets * ESP_SHARE_MIN) {
    const reason = `Cleartext leaves the network behind ${gateways[local]}, and the capture may show it before encryption; capture on the external interface alone.`;
    return insufficientData(subject, reason);
  }
  return problemOf(networks, leaving, { local, packets, esp, decrypted: clear[1 - local].length }, subject);
}

function clearOf({ flows }: CaptureQuality, { gateways, networks }: ProtectedNetworks, side: 0 | 1): Clear[] {
  const found: Clear[] = [];
  const isBehind = (address: string, index: 0 | 1): boolean =>
    !gateways.includes(address) && networks[index].some((network) => isWithin(address, network));
  flows.forEachConversation((flow) => {
    if (flows.stack(flow) !== 0) return;
    for (const direction of [0, 1]) {
      if (flows.packetCount(flow, direction) === 0) continue;
      const { from, to } = flows.addresses(flow, direction);
      if (!isBehind(from, side) || !isBehind(to, side === 0 ? 1 : 0)) continue;
      found.push({ from, to, counted: flows.direction(flow, direction) });
    }
  });
  return found;
}

function isLocal({ local }: CaptureQuality, pairs: readonly EspPair[], gateway: string): boolean {
  return pairs.some((pair) => {
    const peer = pair.low === gateway ? pair.high : pair.low;
    const sent = directionOf(pair, gateway).sas;
    const received = directionOf(pair, peer).sas;
    return (
      isCapturedAtSender(sent, local) || isCapturedAtReceiver(received, local) || local.includes(gateway)
    );
  });
}

/** ESP packets of the gateway in SAs that were in use while the cleartext ran. */
function espBeside(pairs: readonly EspPair[], gateway: string, clear: NonEmpty<Clear>): number {
  const [earliest, latest] = spanOf(clear);
  return pairs
    .filter(({ segment }) => segment === earliest.segment)
    .flatMap((pair) => directionOf(pair, gateway).sas)
    .filter(({ first, last }) => first.timeNs <= latest.timeNs && last.timeNs >= earliest.timeNs)
    .reduce((sum, sa) => sum + sa.packets, 0);
}

function spanOf(clear: NonEmpty<Clear>): readonly [FrameRef, FrameRef] {
  const first = mostBy(clear, ({ counted }) => -counted.firstFrame).counted;
  const last = mostBy(clear, ({ counted }) => counted.lastFrame).counted;
  return [
    { frame: first.firstFrame, timeNs: first.firstNs, segment: first.firstSegment },
    { frame: last.lastFrame, timeNs: last.lastNs, segment: last.lastSegment },
  ];
}

function seesInside({ interfaces, captures }: CaptureQuality): boolean {
  return (
    interfaces.length > 1 ||
    captures.some(({ linkTypes }) => linkTypes.some((one) => LINKTYPES_ANY.includes(one)))
  );
}

function problemOf(
  { gateways, origin, name }: ProtectedNetworks,
  leaving: NonEmpty<Clear>,
  seen: {
    readonly local: number;
    readonly packets: number;
    readonly esp: number;
    readonly decrypted: number;
  },
  subject: { readonly kind: string; readonly endpoints: string[] },
): Judgement {
  const [first, last] = spanOf(leaving);
  const [{ from, to }] = leaving;
  const [gateway, peer] = [gateways[seen.local], gateways[1 - seen.local]];
  const flows = [...new Set(leaving.map((one) => `(${addressFilter(one.from, one.to)})`))];
  return {
    result: 'problem',
    subject,
    confidence: seen.esp === 0 ? 'high' : 'medium',
    explanation:
      `${seen.packets} packets leave ${gateway} in clear, such as from ${from} to ${to}, although only IPsec may carry them to ${peer} ` +
      `(${originText(origin)}${name === null ? '' : `, ${name}`}); ${seen.esp === 0 ? 'no ESP leaves' : `${seen.esp} ESP packets leave`} at the same time.`,
    pair: [gateway, peer],
    direction: { from: gateway, to: peer },
    where: 'sender',
    first,
    last,
    ongoingAtEnd: true,
    counts: {
      packets: seen.packets,
      conversations: leaving.length,
      espPackets: seen.esp,
      decryptedConversations: seen.decrypted,
    },
    evidence: leaving
      .slice(0, 4)
      .flatMap(({ counted, ...ends }) => [
        {
          frame: counted.firstFrame,
          timeNs: counted.firstNs,
          segment: counted.firstSegment,
          summary: `${ends.from} to ${ends.to} in clear`,
        },
        {
          frame: counted.lastFrame,
          timeNs: counted.lastNs,
          segment: counted.lastSegment,
          summary: `${ends.from} to ${ends.to} in clear, last one`,
        },
      ])
      .sort((a, b) => a.frame - b.frame),
    displayFilter: flows.slice(0, 8).join(' || '),
    packetClass: 'esp',
  };
}
