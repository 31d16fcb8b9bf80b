import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeReachability, LASTING_COUNT } from '../shared/reachability.js';

export default defineDiagnosis({
  id: 'underlay.admin-prohibited',
  lines: 'suffice',
  title: 'A filter says it blocks the traffic',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'An ICMP error "administratively prohibited" (3/9, 3/10, 3/13; ICMPv6 1/1, 1/5) quotes a packet of the pair. Error ' +
    'where the pair are the ends of a tunnel, warning where the hosts talk little else, information otherwise.',
  notWhen:
    'The quoted source is not the receiver of the error: then NAT changed one header only, or it is forged.',
  causes: [
    'An access list of the router or firewall that sent the error denies the quoted packet',
    'A host firewall with REJECT --reject-with icmp-admin-prohibited (firewalld does so by default)',
    'A source address policy on the path (ICMPv6 1/5)',
  ],
  nextSteps: [
    'Ask the owner of the address that sent the error for the rule that matches the quoted addresses, protocol and ports',
    'If it is a host: iptables -L -v -n, nft list ruleset, firewall-cmd --list-all on it, and watch the counters while repeating the test',
  ],
  refutedBy: 'The quoted packet is answered, or arrives at the destination in a capture taken there.',
  source: 'RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1; MidoNet guide, firewall',
  thresholds: {
    lastingCount: [LASTING_COUNT, 'errors', 'fewer may be a moment of a change of rules'],
  },
  fault: 'policy',
  explicitSignal: true,
  diagnose: (evidence) =>
    judgeReachability(evidence, {
      accepts: ({ meaning }) => meaning === 'admin-prohibited',
      severity: 'error',
    }),
});
