import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { ErrorPair } from '../shared/error-pairs.js';
import { judgeReachability } from '../shared/reachability.js';
import { isTraceroute } from '../traceroute.js';

const REPORTS_MIN = 3;

export default defineDiagnosis({
  id: 'underlay.ttl-exceeded',
  title: 'Routing loop or TTL exhausted',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 2,
  rule:
    'At least 3 ICMP errors "TTL exceeded in transit" (11/0; ICMPv6 3/0) quote packets of the pair. Error where the pair ' +
    'are the ends of a tunnel, warning where the hosts talk little else, information otherwise.',
  notWhen:
    'The packets are those of a traceroute: echo requests, UDP to ports 33434 to 33690, or three and more routers report ' +
    'for one pair.',
  causes: [
    'A routing loop between the router that reports and its neighbour',
    'The route to the tunnel peer points into the tunnel itself (recursive routing)',
    'The sender uses too small a TTL (a TTL option of the tunnel, multicast settings)',
  ],
  nextSteps: [
    'traceroute -n DESTINATION from the source: two addresses that alternate are the loop',
    'On the reporting router: its route to the destination, and whether it leads back to where the packet came from',
    'On a tunnel endpoint: ip route get PEER must leave by the underlay interface, not by the tunnel',
  ],
  refutedBy: 'The quoted packets are answered: then only some of them, sent with a small TTL, expire.',
  source: 'RFC 792 (time exceeded), RFC 4443 section 3.3',
  thresholds: {
    reports: [REPORTS_MIN, 'errors', 'single ones accompany every change of routes'],
  },
  fault: 'unreachable',
  explicitSignal: true,
  diagnose: (evidence) =>
    judgeReachability(evidence, {
      accepts: ({ meaning }) => meaning === 'ttl-exceeded',
      isHarmless: (pair) => isFew(pair) || isTraceroute(pair),
      severity: 'error',
    }),
});

function isFew({ count }: ErrorPair): boolean {
  return count < REPORTS_MIN;
}
