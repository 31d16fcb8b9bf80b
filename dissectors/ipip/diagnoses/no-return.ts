import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeNoReturn, NO_RETURN_THRESHOLDS } from '../../overlay/shared/no-return.js';
import kind from '../tunnel.js';

export default defineDiagnosis({
  id: 'ipip.no-return',
  title: 'IP in IP one way only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least 3 inner requests (pings, or TCP connection attempts that are repeated) over at least 2 s leave one end of an IP-in-IP tunnel and stay ' +
    'unanswered, and no IP-in-IP packet comes from the other end after the first of them; the inner host answered before, or at ' +
    'least two inner conversations fail. Or: other IP-in-IP packets do come back, yet requests to at least two inner hosts ' +
    'fail and none in that direction was ever answered. Warning where the only sign are connection attempts to one host that never answered.',
  notWhen:
    'The answer is seen outside the tunnel, or the inner asker does not ask again: one way by design (IPVS in tunnel mode, direct server return). Some inner request of that ' +
    'direction is answered meanwhile (then the target or a policy is to blame). A single inner conversation fails that never worked. ' +
    'Both directions of an inner conversation come through one direction of the tunnel (mirrored traffic). The reverse path does not ' +
    'pass the capture point.',
  causes: [
    'A firewall, security group or cloud network drops IP protocol 4 (or 41) in one direction',
    'The host firewall of the other end drops it after it has arrived: its list of tunnel peers lacks this address',
    'The reverse path filter of the other end drops what comes out of the tunnel: its route to the inner source goes another way',
    'The other end has no tunnel device for this address, or it is down',
  ],
  nextSteps: [
    'Capture at the other end: (ip proto 4 or ip proto 41) and host THIS_END. Packets that arrive and are not answered are dropped on that host',
    'On the other end: iptables -L -v -n (Calico: cali-INPUT), ip -d link show type ipip, nstat -az TcpExtIPReversePathFilter',
    'On the other end: ip route get INNER_SOURCE must lead into the tunnel; sysctl net.ipv4.conf.all.rp_filter',
  ],
  ruledOut: {
    'lost-on-path': [
      'The host firewall of the other end',
      'The reverse path filter of the other end',
      'The other end has no tunnel device',
    ],
    arrives: ['A firewall, security group or cloud network drops'],
  },
  refutedBy:
    'IP-in-IP packets with the inner answers in a capture taken at the other end, or on another path.',
  source: 'RFC 2003; RFC 4213; RFC 3704 (reverse path filters)',
  thresholds: NO_RETURN_THRESHOLDS,
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'mismatch', 'tunnel-one-way'],
  technology: 'ipip',
  diagnose: (evidence) => judgeNoReturn(evidence, kind),
});
