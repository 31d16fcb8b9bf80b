import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { judgePort4500 } from '../port-4500.js';
import { type Stall, TRANSMISSIONS_MIN, transmissionsOf } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.natt-4500-blocked',
  title: 'UDP 4500 is blocked',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'The exchange worked on port 500, moved to port 4500, and at least two sendings there (MI3, IKE_AUTH) stay without ' +
    'an answer on any port. With captures of both ends: the sendings leave one end and none arrives at the other, or the ' +
    'answers leave there and none comes back.',
  notWhen:
    'Any packet of the responder came from or to port 4500; the unanswered message travels in IP fragments (frag.*); the ' +
    'peer answered by an informational (ike.auth-failure).',
  causes: [
    'A firewall on the way lets UDP 500 pass and drops UDP 4500',
    'Firewall rules demand port 4500 (or 500) on both sides, while a NAT gives the initiator another source port',
    'The firewall of the responder has no rule for port 4500',
  ],
  nextSteps: [
    'Allow UDP with source port 4500 or destination port 4500: iptables -A INPUT -p udp --dport 4500 -j ACCEPT and the same with --sport',
    "Capture at the responder: tcpdump -ni IFACE -w sg2.pcap 'host PEER and not port 22', to see whether port 4500 arrives",
    'If it does not arrive, ask the provider and whoever runs the firewalls on the way',
  ],
  refutedBy: 'A packet from the responder on port 4500 in a capture of the same time at the initiator.',
  source: 'Openswan guide, "Port-4500 is closed"; RFC 3947 section 4, RFC 7296 section 2.23',
  thresholds: {
    transmissions: { value: TRANSMISSIONS_MIN, unit: 'sendings', why: 'a single one may be lost by chance' },
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'fragments'],
  consequenceOfIds: ['ike.fragments-incomplete', 'ike.natt-4500-local'],
  technology: 'ipsec',
  judgePair: (pair) => judgePort4500(pair, 'ike.natt-4500-blocked'),
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'natt-4500-blocked',
      applies: ({ usesPort4500 }) => usesPort4500,
      describe,
    }),
});

function describe({ initiator, responder }: IkePair, stalls: readonly Stall[], quality: CaptureQuality) {
  return {
    explanation:
      `IKE between ${initiator} and ${responder} worked on UDP 500 and moved to port 4500. There ${initiator} sent ` +
      `${sendingText(stalls)} without an answer, and nothing at all came from ${responder} on port 4500. ` +
      watchedText(stalls, quality),
    counts: stallCounts(stalls),
    packets: {
      of: ['udp/4500'],
      lost: transmissionsOf(stalls.flatMap(({ waiting }) => waiting)),
      delivered: 0,
    },
    where: 'path' as const,
  };
}
