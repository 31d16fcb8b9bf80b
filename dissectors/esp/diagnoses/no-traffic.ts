import { captureMayHide, tooLittleAfter } from '../../../src/correlate/gates.js';
import { watchedSecondsAfter } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  thresholdOf,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { PROTOCOL_ESP, PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { plural } from '../../../src/wording/counts.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { secondsText } from '../../../src/wording/durations.js';
import { ahPairs } from '../../ah/correlator.js';
import { type Gateways, gatewaysOf } from '../gateways.js';

const ID = 'esp.no-traffic';
const SILENT_SECONDS = 30;

export default defineDiagnosis({
  id: ID,
  title: 'SA established but no ESP',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule: 'IKE establishes a CHILD_SA (quick mode) in the capture, and for more than 30 s after it no ESP is seen between the gateways in either direction.',
  notWhen:
    'The capture ends sooner, its filter hides ESP (udp port 500 or udp port 4500 hides protocol 50), or AH carries the traffic.',
  causes: [
    'Nobody sent traffic for the tunnel while the capture ran: an idle tunnel is healthy',
    'Policy or route is missing on the gateway: the traffic leaves unencrypted or not at all',
    'A firewall on the inside of the gateway drops the traffic before IPsec',
  ],
  nextSteps: [
    'Send traffic from a host behind the gateway: ping -I <inside address> <remote inside address>',
    'On the gateway: ip xfrm policy, ip route get <remote inside address> from <inside address>; look for errors of updown in the log',
    'On KLIPS: tcpdump -n -i ipsec0; with NETKEY capture on the inside interface instead',
  ],
  refutedBy: 'ESP between the gateways in a capture without a filter',
  source: 'OSW guide, situation D (tunnel completes, no traffic)',
  thresholds: {
    silent: [SILENT_SECONDS, 's', 'time for somebody to send something after the tunnel is up', 'adjustable'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'mismatch',
    'key-exchange',
    'tunnel-down',
    'tunnel-one-way',
  ],
  technology: 'ipsec',

  *diagnose(evidence) {
    const withAh = new Set<string>();
    for (const { directions } of evidence.sessions(ahPairs)) {
      withAh
        .add(`${directions[0].from} ${directions[0].to}`)
        .add(`${directions[0].to} ${directions[0].from}`);
    }
    for (const gateways of gatewaysOf(evidence)) {
      const children = gateways.ike.flatMap(({ childEstablished }) => childEstablished);
      const [first] = children.sort((a, b) => a.frame - b.frame);
      if (!first || withAh.has(gateways.endpoints.join(' '))) continue;
      yield judge(gateways, first, children.length, evidence);
    }
  },
});

function judge(gateways: Gateways, child: FrameRef, children: number, evidence: Evidence): Judgement {
  const { endpoints, ike } = gateways;
  const { quality } = evidence;
  const subject = { kind: 'tunnel', endpoints: [...endpoints].sort() };
  if (gateways.esp.length > 0) return { result: 'healthy', subject };
  const shortage = tooLittleAfter(quality, child, thresholdOf(evidence, ID, 'silent', SILENT_SECONDS));
  if (shortage) {
    return insufficientData(subject, shortage);
  }
  const inUdp = ike.some(({ usesPort4500 }) => usesPort4500);
  const limit = captureMayHide(
    quality,
    inUdp ? { protocol: PROTOCOL_UDP, port: PORT_NAT_TRAVERSAL } : { protocol: PROTOCOL_ESP },
    endpoints[0],
    gateways.stack,
  );
  if (limit) return insufficientData(subject, limit);
  const messages = ike.reduce(
    (sum, { messageCount }) => sum + messageCount.initiator + messageCount.responder,
    0,
  );
  const end = quality.window(child.segment)?.last ?? child;
  return {
    result: 'problem',
    subject,
    confidence: 'low',
    explanation:
      `IKE between ${endpoints[0]} and ${endpoints[1]} established ${plural(children, 'CHILD_SA')}, but ` +
      `no ESP was seen in the ${secondsText(watchedSecondsAfter(quality, child))} to the end of the capture.`,
    pair: endpoints,
    first: child,
    last: end,
    lastGood: child,
    ongoingAtEnd: true,
    counts: { childSas: children, espPackets: 0, ikeMessages: messages },
    evidence: [
      { ...child, summary: 'CHILD_SA established' },
      ...ike.map(({ last }) => ({ ...last, summary: 'last IKE message' })),
    ],
    displayFilter: `isakmp && ${pairFilter(...endpoints)}`,
    packetClass: 'esp',
  };
}
