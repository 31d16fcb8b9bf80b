import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeNoReturn, NO_RETURN_THRESHOLDS } from '../../overlay/shared/no-return.js';
import kind from '../tunnel.js';

export default defineDiagnosis({
  id: 'geneve.no-return',
  title: 'Geneve one way only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least 3 inner requests (pings, or TCP connection attempts that are repeated) over at least 2 s leave one end of a Geneve tunnel and stay ' +
    'unanswered, and no Geneve packet comes from the other end after the first of them; the inner host answered before, or at ' +
    'least two inner conversations fail. Or: other Geneve packets do come back, yet requests to at least two inner hosts ' +
    'fail and none in that direction was ever answered. Warning where the only sign are connection attempts to one host that never answered.',
  notWhen:
    'The answer is seen outside the tunnel, or the inner asker does not ask again: one way by design (gateways that inspect traffic). Some inner request of that ' +
    'direction is answered meanwhile (then the target or a policy is to blame). A single inner conversation fails that never worked. ' +
    'Both directions of an inner conversation come through one direction of the tunnel (mirrored traffic). The reverse path does not ' +
    'pass the capture point.',
  causes: [
    'A firewall, security group or network policy drops UDP 6081 in one direction',
    'The tunnel endpoint of the peer is down, or its address changed',
    'The peer drops the packets: another VNI, or an option that it must know and does not (critical options)',
    'The underlay path to the other end is broken: then pings between the outer addresses fail too',
  ],
  nextSteps: [
    'Ping the outer address of the other end; then capture there: udp port 6081 and host THIS_END. Packets that arrive and are not answered are dropped on that host',
    'On both ends: ip -d link show type geneve, or ovs-vsctl show and ovs-appctl ofproto/trace',
    'On the other end: iptables -L -v -n for UDP 6081',
  ],
  ruledOut: {
    'lost-on-path': ['The tunnel endpoint of the peer is down', 'The peer drops the packets'],
    arrives: ['A firewall, security group or network policy drops', 'The underlay path'],
    'both-alive': ['The underlay path to the other end is broken'],
  },
  refutedBy: 'Geneve packets with the inner answers in a capture taken at the other end, or on another path.',
  source: 'RFC 8926',
  thresholds: NO_RETURN_THRESHOLDS,
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'mismatch', 'tunnel-one-way'],
  technology: 'geneve',
  diagnose: (evidence) => judgeNoReturn(evidence, kind),
});
