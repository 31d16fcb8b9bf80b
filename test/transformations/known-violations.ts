/** A verdict that depends on the dress. The list is checked: what violates no longer must leave it. */
export interface KnownViolation {
  readonly capture: string;
  /** Names of the transformations. */
  readonly in: readonly string[];
  readonly id: string;
  readonly why: string;
}

const NOT_RENAMED = 'is named by what stands in the DHCP messages, which keep their names';
const ONE_FAULT =
  'other traffic in the capture decides whether no server at all is heard, or this capture saw a single port';

const NO_FRAME =
  'the reason of the drop stands behind the packet, where only a whole frame of the drop trace has it';
const DISPATCH_DROPPED =
  'a record of a dispatch trace that the capture dropped is taken for a node that was not passed';

export const KNOWN_VIOLATIONS: readonly KnownViolation[] = [
  {
    capture: 'dhcp-no-offer.pcap',
    in: ['among healthy traffic', 'inside VXLAN'],
    id: 'dhcp.no-offer',
    why: ONE_FAULT,
  },
  { capture: 'dhcp-no-offer.pcap', in: ['twice on other addresses'], id: 'dhcp.no-offer', why: NOT_RENAMED },
  { capture: 'dhcp-mtu.pcap', in: ['twice on other addresses'], id: 'dhcp.mtu', why: NOT_RENAMED },
  {
    capture: 'arp-unanswered.pcap',
    in: ['inside GRE', 'inside VXLAN'],
    id: 'arp.unanswered',
    why: 'inside a tunnel ARP is information: a broadcast is flooded to every end, a reply goes to one',
  },
  {
    capture: 'silk-gateway-mismatch.pcap',
    in: ['inside GRE', 'inside VXLAN'],
    id: 'silk.gateway-mismatch',
    why: 'the link of a container is looked for outside of tunnels only',
  },
  {
    capture: 'silk-unknown.pcap',
    in: ['inside GRE', 'inside VXLAN'],
    id: 'silk.port-access-unsupported',
    why: 'the address of the cell is looked for outside of tunnels only',
  },
  {
    capture: 'app-slow-response.pcap',
    in: ['shuffled within a millisecond'],
    id: 'app.slow-response',
    why: 'a request that stands behind its answer in the file is not paired with it',
  },
  {
    capture: 'openvpn-tcp-dead.pcap',
    in: ['cut to 64 bytes', 'cut to 128 bytes'],
    id: 'tcp.half-open',
    why: 'with the records of OpenVPN cut, what TCP shows of the dead connection is all that is wrong',
  },
  {
    capture: 'bgp-keepalive-gap.pcap',
    in: ['begun later'],
    id: 'bgp.keepalive-gap',
    why: 'without the OPEN the interval is not known, and no judgement says so',
  },
  {
    capture: 'ike-refused-in-log.pcap',
    in: ['begun later'],
    id: 'ike.mi3-unanswered',
    why: 'a session without its beginning is not judged, and no judgement says so',
  },
  {
    capture: 'mtu-blackhole-receiver.pcap',
    in: ['one direction'],
    id: 'mtu.blackhole',
    why: 'acknowledgments alone show that data is missing, but not that large ones are; no judgement says so',
  },
  {
    capture: 'vpp-drop-reasons.pcap',
    in: ['inside GRE', 'inside IP in IP', 'inside VXLAN'],
    id: 'vpp.drop',
    why: NO_FRAME,
  },
  {
    capture: 'vpp-drop-reasons.pcap',
    in: ['inside GRE', 'inside IP in IP', 'cut to 64 bytes'],
    id: 'tcp.syn-unanswered',
    why: NO_FRAME,
  },
  {
    capture: 'vxlan-loss.pcap',
    in: ['one frame in a hundred dropped'],
    id: 'underlay.ping-loss',
    why: 'where vxlan.loss cannot tell its loss from that of the capture, the pings inside speak, and they were lost',
  },
  {
    capture: 'vpp-mtu-drop.pcap',
    in: ['one frame in a hundred dropped'],
    id: 'vpp.cnat-miss',
    why: DISPATCH_DROPPED,
  },
  {
    capture: 'vpp-cnat-miss.pcap',
    in: ['one frame in a hundred dropped'],
    id: 'vpp.no-tx',
    why: DISPATCH_DROPPED,
  },
];
