import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { IcmpError } from '../icmp-errors.js';
import { judgeReachability, LASTING_COUNT } from '../reachability.js';
import { isTraceroutePort } from '../traceroute.js';

const PROTOCOL_UDP = 17;
const PROTOCOL_GRE = 47;
const PROTOCOL_ESP = 50;
const PROTOCOL_AH = 51;
/** IKE ports: `ike.port-unreachable` speaks of them. */
const IKE_PORTS: ReadonlySet<number> = new Set([500, 4500]);
/** `openvpn.port-unreachable` speaks of it. */
const OPENVPN_PORT = 1194;
/** VXLAN and VXLAN-GPE as destination: `vxlan.port-mismatch` speaks of them. */
const VXLAN_PORTS: ReadonlySet<number> = new Set([4789, 4790]);

export default defineDiagnosis({
  id: 'underlay.unreachable',
  title: 'Router or host reports unreachable',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'An ICMP destination unreachable (network, host, port or protocol; ICMPv6: no route, address, port) quotes a packet ' +
    'of the pair. Error where the pair are the ends of a tunnel, warning in a small capture, information otherwise. Fewer ' +
    'than 3 errors: warning between the ends of a tunnel if the destination is not heard again, else information.',
  notWhen:
    'A more specific diagnosis owns the quoted packet: UDP 500 and 4500 (ike.port-unreachable), 1194 (openvpn.port-unreachable), 4789 and 4790 (vxlan.port-mismatch), ESP and AH refused by ' +
    'protocol (esp.proto-unreachable), GRE refused by protocol or port (gre.proto-unreachable). The port is one of those that traceroute probes. The quoted source is not the ' +
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
  refutedBy: 'The quoted packet is answered, in this capture or in one taken at the destination.',
  source:
    'RFC 792 (destination unreachable), RFC 1122 section 3.2.2.1, RFC 4443 section 3.1; MidoNet guide, underlay',
  thresholds: {
    lastingCount: { value: LASTING_COUNT, unit: 'errors', why: 'fewer may be a moment of a route change' },
  },
  fault: 'unreachable',
  consequenceOf: [],
  ownWord: true,
  diagnose: (evidence) => judgeReachability(evidence, { accepts, severity: 'error' }),
});

function accepts({ meaning, quoted }: IcmpError): boolean {
  const isRefusal = meaning === 'protocol-unreachable' || meaning === 'port-unreachable';
  // Linux refuses GRE that matches no tunnel by port unreachable.
  if (isRefusal && quoted?.protocol === PROTOCOL_GRE) return false;
  switch (meaning) {
    case 'network-unreachable':
    case 'host-unreachable':
      return true;
    case 'protocol-unreachable':
      return quoted?.protocol !== PROTOCOL_ESP && quoted?.protocol !== PROTOCOL_AH;
    case 'port-unreachable': {
      if (quoted?.protocol !== PROTOCOL_UDP) return true;
      const { sourcePort, destinationPort } = quoted;
      return (
        !IKE_PORTS.has(destinationPort) &&
        !IKE_PORTS.has(sourcePort) &&
        destinationPort !== OPENVPN_PORT &&
        sourcePort !== OPENVPN_PORT &&
        !VXLAN_PORTS.has(destinationPort) &&
        !isTraceroutePort(destinationPort)
      );
    }
    default:
      return false;
  }
}
