import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeNoReturn, NO_RETURN_THRESHOLDS } from '../../overlay/shared/no-return.js';
import kind from '../tunnel.js';

export default defineDiagnosis({
  id: 'gre.no-return',
  title: 'GRE one way only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least 3 inner requests (pings, TCP connection attempts) over at least 2 s leave one end of a GRE tunnel and stay ' +
    'unanswered, and no GRE packet comes from the other end after the first of them; the inner host answered before, or at ' +
    'least two inner conversations fail, or the tunnel carries nothing at all from the other end (warning where a single TCP ' +
    'connection is all there is to judge by). Or: other GRE packets do come back, yet requests to at least two inner hosts ' +
    'fail and none in that direction was ever answered.',
  notWhen:
    'Some inner request of that direction is answered meanwhile (then the target or a policy is to blame). ' +
    'A single inner conversation fails that never worked, while other packets come back. Mirrored traffic (ERSPAN, or both directions of an inner conversation in one of the tunnel), PPTP, GRE keepalives and the flow state ' +
    'packets of MidoNet do not count. The reverse path does not pass the capture point.',
  causes: [
    'A firewall or NAT device on the path drops IP protocol 47, in one direction or both (it has no ports to translate)',
    'The other end has no tunnel for these addresses or this key, or its tunnel interface is down',
    'The other end has no route back to the inner source, or sends the answers outside the tunnel',
    'The underlay path to the other end is broken: then pings between the outer addresses fail too',
  ],
  nextSteps: [
    'Ping the outer address of the other end; then capture there: ip proto 47 and host THIS_END. Packets that arrive but are not answered are dropped on that host',
    'On both ends: ip -d link show type gre; ip -d link show type gretap: local, remote, key and checksum flags must mirror each other',
    'On the other end: ip -s link show TUNNEL (do the RX counters grow?), ip route get INNER_SOURCE, and iptables -L -v -n for protocol 47',
  ],
  ruledOut: {
    'lost-on-path': ['The other end has no tunnel', 'The other end has no route back'],
    arrives: ['A firewall or NAT device on the path', 'The underlay path'],
    'both-alive': ['The underlay path to the other end is broken'],
  },
  refutedBy: 'GRE packets with the inner answers in a capture taken at the other end, or on another path.',
  source: 'RFC 2784; RFC 2890; MidoNet guide (tunnel ports, underlay before overlay)',
  thresholds: NO_RETURN_THRESHOLDS,
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'mismatch', 'tunnel-one-way'],
  technology: 'gre',
  diagnose: (evidence) => judgeNoReturn(evidence, kind),
});
