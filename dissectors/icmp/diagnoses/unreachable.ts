import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { isTraceroutePort } from '../../../src/wire/transport.js';
import type { IcmpError } from '../icmp-errors.js';
import { judgeReachability, LASTING_COUNT } from '../shared/reachability.js';
import { judgeOfRefusal } from '../shared/refusals.js';

export default defineDiagnosis({
  id: 'underlay.unreachable',
  title: 'Router or host reports unreachable',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'An ICMP destination unreachable (network, host, port or protocol; ICMPv6: no route, address, port) quotes a packet ' +
    'of the pair. Error where the pair are the ends of a tunnel, warning where the hosts talk little else, information otherwise. Fewer ' +
    'than 3 errors: warning between the ends of a tunnel if the destination is not heard again, else information.',
  notWhen:
    'The protocol of the quoted packet judges its refusals itself: datagrams to a port of IKE (ike.port-unreachable) or VXLAN (vxlan.port-mismatch), those of ' +
    'OpenVPN (openvpn.port-unreachable), on whatever port it was recognised, ESP and AH refused by protocol (esp.proto-unreachable), GRE refused by protocol or port (gre.proto-unreachable). The port is one of those that traceroute probes. The quoted source is not the ' +
    'receiver of the error. Information only: the quoted packets answer a program of the destination that asked first and ' +
    'has ended (port unreachable for less than 10 s).',
  causes: [
    'The service on the quoted port is not running or not bound to that address (port unreachable)',
    'A route to the destination is missing, withdrawn, or points to a dead next hop',
    'The destination is down: the last router gets no answer to ARP or neighbour discovery',
    'A firewall rejects with an ICMP error (iptables REJECT answers port unreachable by default)',
  ],
  nextSteps: [
    'On the source: ip route get DESTINATION; ping the reporter and the hop before it',
    'On the reporter (the source address of the ICMP error): its routing table and its neighbour table (ip neigh) for the destination',
    'For port unreachable: ss -lunp and ss -ltnp on the destination, and iptables -L -v -n for REJECT rules',
  ],
  ruledOut: {
    'both-alive': ['The destination is down', 'A route to the destination is missing'],
  },
  refutedBy: 'The quoted packet is answered, in this capture or in one taken at the destination.',
  source:
    'RFC 792 (destination unreachable), RFC 1122 section 3.2.2.1, RFC 4443 section 3.1; MidoNet guide, underlay',
  thresholds: {
    lastingCount: [LASTING_COUNT, 'errors', 'fewer may be a moment of a route change'],
  },
  // A router asks by ARP three times, a second apart, before it says so.
  noticedAfterSeconds: 3,
  fault: 'unreachable',
  explicitSignal: true,
  diagnose: (evidence) => judgeReachability(evidence, { accepts, severity: 'error' }),
});

function accepts(error: IcmpError, quality: CaptureQuality): boolean {
  const { meaning, quoted } = error;
  switch (meaning) {
    case 'network-unreachable':
    case 'host-unreachable':
      return true;
    case 'protocol-unreachable':
      return judgeOfRefusal(quality, error) === null;
    case 'port-unreachable':
      if (quoted?.protocol === PROTOCOL_UDP && isTraceroutePort(quoted.destinationPort)) return false;
      return judgeOfRefusal(quality, error) === null;
    default:
      return false;
  }
}
