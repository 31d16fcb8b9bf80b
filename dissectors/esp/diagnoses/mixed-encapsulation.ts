import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, secondsBetween } from '../../../src/moment.js';
import type { EspDirection, EspPair } from '../session.js';
import { espFilter, judgedPairs } from '../shared/sa-pairs.js';

const PACKETS_MIN = 3;
const TOGETHER_SECONDS = 60;

export default defineDiagnosis({
  id: 'esp.mixed-encapsulation',
  title: 'ESP native one way, UDP the other',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Between two addresses all ESP of one direction is native (protocol 50) and all of the other is in UDP, at least ' +
    '3 packets each, within the same minute.',
  notWhen:
    'A direction changed its encapsulation (a new IKE exchange found the NAT), or one direction has no packets.',
  causes: [
    'The two sides disagree on whether there is a NAT: one detected it, the other did not',
    'UDP encapsulation is forced on one side only',
    'A NAT device that "helps" with IPsec (IPsec pass-through) changed what one side sees',
  ],
  nextSteps: [
    'Force UDP encapsulation on both sides: forceencaps=yes (openswan, libreswan: encapsulation=yes), encap = yes (strongSwan)',
    'Switch IPsec pass-through off in the NAT device, then renegotiate: ipsec auto --replace CONN; ipsec auto --up CONN',
    'Compare what both daemons log about NAT: NATD=, "remote host is behind NAT"',
  ],
  refutedBy: 'Answers to packets of both encapsulations on the inside of both gateways',
  source: 'OSW guide, situation D (NAT that is not detected); RFC 3948, section 3; RFC 7296, section 2.23',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'each direction, so that a stray packet decides nothing'],
    together: [TOGETHER_SECONDS, 's', 'encapsulations of different times may belong to different SAs'],
  },
  fault: 'mismatch',
  consequenceOfIds: ['ike.nat-undetected'],
  technology: 'ipsec',

  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      const [there, back] = pair.directions;
      if (there.packets > 0 && back.packets > 0) yield judge(pair, there, back);
    }
  },
});

function judge(pair: EspPair, there: EspDirection, back: EspDirection): Judgement {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  const native = [there, back].find(
    ({ udpPackets, nativePackets }) => udpPackets === 0 && nativePackets >= PACKETS_MIN,
  );
  const inUdp = [there, back].find(
    ({ udpPackets, nativePackets }) => nativePackets === 0 && udpPackets >= PACKETS_MIN,
  );
  if (!native?.first || !native.last || !inUdp?.first || !inUdp.last) return { result: 'healthy', subject };
  const apart = Math.max(secondsBetween(native.last, inUdp.first), secondsBetween(inUdp.last, native.first));
  if (!(apart <= TOGETHER_SECONDS)) return { result: 'healthy', subject };
  const later = native.first.frame > inUdp.first.frame ? native : inUdp;
  const evidence: [FrameRef, string][] = [
    [native.first, `native ESP of ${native.from}`],
    [inUdp.first, `ESP in UDP of ${inUdp.from}`],
    [native.last, `last native ESP of ${native.from}`],
    [inUdp.last, `last ESP in UDP of ${inUdp.from}`],
  ];
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation:
      `${native.from} sends ESP natively (${native.nativePackets} packets of protocol 50), ${inUdp.from} sends it in ` +
      `UDP (${inUdp.udpPackets} packets): each side drops what the other one sends.`,
    pair: [pair.low, pair.high],
    where: 'sender',
    first: later.first ?? pair.first,
    last: pair.last,
    ongoingAtEnd: true,
    counts: { nativePackets: native.nativePackets, udpPackets: inUdp.udpPackets },
    evidence: evidence.map(([ref, summary]) => ({ ...ref, summary })),
    displayFilter: espFilter(pair.low, pair.high),
    packetClass: 'esp',
  };
}
