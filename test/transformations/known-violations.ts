import { KNOWN_OF_TUNNELS } from './known-of-tunnels.js';
import { ASKS_AGAIN, type KnownViolation, NOTHING_BACK, WRAPS } from './known-violation.js';

/* Of captures that ship, and of real tunnels. */

const NOT_RENAMED = 'is named by what stands in the DHCP messages, which keep their names';
const ONE_FAULT =
  'other traffic in the capture decides whether no server at all is heard, or this capture saw a single port';
const NO_FRAME =
  'the reason of the drop stands behind the packet, where only a whole frame of the drop trace has it';
const DISPATCH_DROPPED =
  'a record of a dispatch trace that the capture dropped is taken for a node that was not passed';
const ONE_DIRECTION = ['one direction', 'the other direction'] as const;
const OF_END =
  'this dress says on which of the hosts it was captured, and what comes in there and is not acknowledged is dropped there';
const FLOODED =
  'inside a tunnel ARP is information: a broadcast is flooded to every end, a reply goes to one';
const OF_CONTAINERS = 'the link of a container is looked for outside of tunnels only';
const REFUSED = 'a client that asks again says the same whether it is refused or not heard';

export const KNOWN_VIOLATIONS: readonly KnownViolation[] = [
  ...KNOWN_OF_TUNNELS,
  // Other traffic, other links.
  {
    captures: ['dhcp-no-offer.pcap'],
    in: ['among healthy traffic', 'inside VXLAN'],
    id: 'dhcp.no-offer',
    why: ONE_FAULT,
  },
  {
    captures: ['dhcp-no-offer.pcap'],
    in: ['twice on other addresses'],
    id: 'dhcp.no-offer',
    why: NOT_RENAMED,
  },
  { captures: ['dhcp-mtu.pcap'], in: ['twice on other addresses'], id: 'dhcp.mtu', why: NOT_RENAMED },
  {
    captures: ['esp-decapsulated-view.pcap'],
    in: ['among healthy traffic'],
    id: 'esp.decapsulated-view',
    why: 'nothing but time and number joins cleartext to its ESP, and other cleartext goes one way too; a remark',
  },
  {
    captures: ['arp-unanswered.pcap'],
    in: ['inside GRE', 'inside VXLAN'],
    id: 'arp.unanswered',
    why: FLOODED,
  },
  { captures: ['arp-bgp-peer-silent.pcap'], in: ['inside GRE'], id: 'arp.unanswered', why: FLOODED },
  {
    captures: ['silk-link-mac.pcap'],
    in: ['inside GRE', 'inside VXLAN'],
    id: 'silk.mac-mismatch',
    why: OF_CONTAINERS,
  },
  {
    captures: ['silk-gateway-mismatch.pcap'],
    in: ['inside GRE', 'inside VXLAN'],
    id: 'silk.gateway-mismatch',
    why: OF_CONTAINERS,
  },
  {
    captures: ['silk-unknown.pcap'],
    in: ['inside GRE', 'inside VXLAN'],
    id: 'silk.port-access-unsupported',
    why: 'the address of the cell is looked for outside of tunnels only',
  },
  { captures: ['silk-egress-reject.pcap'], in: WRAPS, id: 'overlay.policy-reject', why: OF_CONTAINERS },
  {
    captures: ['silk-egress-reject.pcap'],
    in: ['inside GRE', 'inside IP in IP'],
    id: 'underlay.unreachable',
    why: OF_CONTAINERS,
  },
  {
    captures: ['tcp-dropped-here.pcap'],
    in: ['raw IP'],
    id: 'tcp.arrived-not-acknowledged',
    why: 'on which host the capture ran is told by Ethernet and by checksums that its network card had yet to fill in',
  },
  {
    captures: ['packet-corrupted.pcap'],
    in: ['captured on any'],
    id: 'packet.corrupted',
    why: 'the capture of one of the ends says which packets left there, and a wrong checksum that leaves may yet be filled in',
  },
  {
    captures: ['time-capture-clock.pcap'],
    in: ['among healthy traffic'],
    id: 'time.ntp-offset',
    why: 'the servers of the other traffic agree with the clock of the capture; a remark',
  },
  {
    captures: ['app-slow-response.pcap'],
    in: ['shuffled within a millisecond'],
    id: 'app.slow-response',
    why: 'a request that stands behind its answer in the file is not paired with it',
  },
  {
    captures: ['tcp-dropped-elsewhere.pcap'],
    in: ['captured on any'],
    id: 'bgp.hold-expiry',
    why: OF_END,
  },
  {
    captures: ['tcp-dropped-elsewhere.pcap'],
    in: ['captured on any'],
    id: 'tcp.arrived-not-acknowledged',
    why: OF_END,
  },
  {
    captures: ['wireguard-client-off.pcap'],
    in: ['on other ports'],
    id: 'wireguard.no-response',
    why: 'which end serves, and which one may be switched off, is told by the well-known port',
  },
  // Captures that show less.
  {
    captures: ['bgp-keepalive-gap.pcap'],
    in: ['begun later'],
    id: 'bgp.keepalive-gap',
    why: 'without the OPEN the interval is not known, and no judgement says so',
  },
  {
    captures: ['underlay-port-bucket-loss.pcap'],
    in: ['ended earlier', 'one direction'],
    id: 'tcp.syn-unanswered',
    why: 'with fewer connections no group of ports stands out, and of those that are left none was answered',
  },
  {
    captures: ['vpp-drop-reasons.pcap'],
    in: [...WRAPS, 'over IPv6'],
    id: 'vpp.drop',
    why: NO_FRAME,
  },
  {
    captures: ['vpp-drop-reasons.pcap'],
    in: ['inside GRE', 'inside IP in IP', 'over IPv6', 'cut to 64 bytes'],
    id: 'tcp.syn-unanswered',
    why: NO_FRAME,
  },
  {
    captures: ['vxlan-loss.pcap'],
    in: ['one frame in a hundred dropped'],
    id: 'underlay.ping-loss',
    why: 'where vxlan.loss cannot tell its loss from that of the capture, the pings inside speak, and they were lost',
  },
  {
    captures: ['vpp-mtu-drop.pcap'],
    in: ['one frame in a hundred dropped'],
    id: 'vpp.cnat-miss',
    why: DISPATCH_DROPPED,
  },
  {
    captures: ['vpp-cnat-miss.pcap'],
    in: ['one frame in a hundred dropped'],
    id: 'vpp.no-tx',
    why: DISPATCH_DROPPED,
  },
  // One direction, of which no packet shows that there is another one.
  {
    captures: ['mtu-blackhole-receiver.pcap'],
    in: ['one direction'],
    id: 'mtu.blackhole',
    why: 'acknowledgments alone show that data is missing, but not that large ones are; no judgement says so',
  },
  {
    captures: ['capture-too-short.pcap', 'gre-outer-fragments.pcap', 'ipip-healthy.pcap'],
    in: ['one direction'],
    id: 'underlay.ping-loss',
    why: NOTHING_BACK,
  },
  { captures: ['gre-outer-fragments.pcap'], in: ['one direction'], id: 'gre.no-return', why: NOTHING_BACK },
  {
    captures: ['overlay-idle-healthy.pcap'],
    in: ['one direction'],
    id: 'vxlan.no-return',
    why: NOTHING_BACK,
  },
  {
    captures: ['dns-healthy.pcap'],
    in: ['one direction'],
    id: 'dns.timeout',
    why: 'some resolvers ask once: what was asked once may have been answered or not; the finding is unsure of itself',
  },
  {
    captures: [
      'scion-2018-healthy.pcap',
      'scion-endpoint-mismatch.pcap',
      'scion-gen-ia-healthy.pcap',
      'scion-gen-ia.pcap',
      'scion-ia-mismatch.pcap',
      'scion-setup-healthy.pcap',
      'scion-setup.pcap',
      'scion-status-healthy.pcap',
      'scion-status.pcap',
      'scion-topology-healthy.pcap',
      'scion-tun-address-mismatch.pcap',
    ],
    in: ONE_DIRECTION,
    id: 'scion.keepalive-missing',
    why: 'keepalives of 2018 answer nothing: who sends them may hear the other side or not',
  },
  {
    captures: ['scion-foreign-traffic.pcap'],
    in: ['one direction'],
    id: 'scion.keepalive-missing',
    why: 'keepalives of 2018 answer nothing: who sends them may hear the other side or not',
  },
  {
    captures: [
      'time-capture-clock.pcap',
      'time-ntp-healthy.pcap',
      'time-ntp-private-healthy.pcap',
      'time-ntp-starting-healthy.pcap',
      'time-ntpq-healthy.pcap',
      'time-ntpq-no-peer.pcap',
    ],
    in: ['one direction'],
    id: 'time.ntp-no-response',
    why: 'requests that leave the originate timestamp empty say nothing of answers; with it the client proves to hear the server',
  },
  {
    captures: ['silk-egress-reject.pcap', 'tcp-refused.pcap'],
    in: ['one direction'],
    id: 'tcp.syn-unanswered',
    why: REFUSED,
  },
  { captures: ['bgp-refused.pcap'], in: ['one direction'], id: 'bgp.no-session', why: REFUSED },
  {
    captures: ['bfd-admin-down.pcap'],
    in: ['one direction'],
    id: 'bfd.session-down',
    why: 'that the session is down by order is what the other side says',
  },
  { captures: ['ike-version-mismatch.pcap'], in: ['one direction'], id: 'ike.no-response', why: ASKS_AGAIN },
  {
    captures: ['underlay-wrong-source-answer.pcap'],
    in: ['one direction'],
    id: 'openvpn.no-response',
    why: ASKS_AGAIN,
  },
  // OpenVPN with a static key has no format: its port is all that names it, and no packet tells that another one was due.
  {
    captures: ['openvpn-static-key-one-way.pcap', 'openvpn-static-key-stops-ipv6.pcap'],
    in: ['on other ports'],
    id: 'openvpn.one-way-data',
    why: 'without opcodes nothing but the registered port says what it is',
  },
  {
    captures: ['openvpn-static-key-stops-ipv6.pcap'],
    in: ['over IPv6'],
    id: 'openvpn.one-way-data',
    why: 'the tunnel is IPv6 already, and only what is around it is moved',
  },
  {
    captures: ['openvpn-static-key-healthy.pcap'],
    in: ['one direction'],
    id: 'openvpn.one-way-data',
    why: 'without a handshake nothing tells a tunnel of which one direction was captured from one that goes one way: low confidence',
  },
  {
    captures: ['wireguard-handshake-loop.pcap'],
    in: ['one direction'],
    id: 'wireguard.no-response',
    why: ASKS_AGAIN,
  },
  {
    captures: ['esp-taken-as-ike.pcap'],
    in: ['the other direction'],
    id: 'ike.notify',
    why: 'that the notifies answer ESP is seen by the ESP that was sent',
  },
];
