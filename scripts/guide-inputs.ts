/**
 * Samples in `captures/` that show a statement, by its words. Without an entry the first sample of each diagnosis of the
 * row stands there; many an id has samples of other protocols, which show the diagnosis and not the statement.
 */
export const GUIDE_INPUTS: Readonly<Record<string, string>> = {
  // SCIONLab
  'tun0 is up and has an address; if not, UDP 1194 is filtered':
    'openvpn-no-response.pcap openvpn-failure-in-log.pcap openvpn-port-unreachable.pcap openvpn-tls-stalled.pcap',
  'The OpenVPN client logs timeouts': 'openvpn-failure-in-log.pcap',
  'All services run': 'scion-status.pcap scion-attachment-point-silent.pcap scion-child-silent-ipv6.pcap',
  'The AS of the topology is the AS of the host': 'scion-gen-ia.pcap scion-ia-mismatch.pcap',
  'The access point answers ping': 'scion-child-silent-ipv6.pcap ping-failed-output.pcap',
  'One keepalive a second in each direction':
    'scion-attachment-point-silent.pcap scion-keepalive-missing.pcap scion-child-silent-ipv6.pcap scion-keepalive-gap.pcap',
  'Beacons and registrations every few minutes': 'scion-control-silence.pcap',
  'The MTU of the link fits the tunnel':
    'scion-scmp-errors.pcap openvpn-outer-fragmentation.pcap openvpn-fragments-dropped.pcap',
  // Cloud Foundry silk
  'Applications stop when a security group names ICMP': 'silk-cell-logs.pcap silk-egress-reject.pcap',
  'Containers without policy group id must be restaged':
    'silk-cell-logs.pcap silk-unknown.pcap vxlan-gbp-untagged.pcap',
  'Policies follow an application through a blue-green deployment':
    'overlay-policy-reject.pcap vxlan-gbp-changed.pcap vxlan-gbp-untagged.pcap',
  'Policies cannot be created: the policy server logs why': 'silk-component-errors.pcap',
  'Creating containers fails': 'silk-component-errors.pcap',
  'Some traffic out fails while ssh and traffic in work':
    'silk-egress-reject.pcap silk-cell-logs.pcap dns-timeout.pcap',
  'Is there traffic on the port of the proxy?': 'silk-ssh-forward.pcap expect-no-traffic.pcap',
  'MAC addresses are aa:aa and ee:ee with the address of the container':
    'silk-interface.pcap silk-link-mac.pcap silk-mac-mismatch.pcap',
  'The gateway is 169.254.0.1': 'silk-container-route.pcap silk-gateway-mismatch.pcap',
  'The device has the right VNI, port and group policy flag':
    'vxlan-device-other-port.pcap overlay-device-mismatch.pcap vxlan-vni-mismatch.pcap vxlan-reserved-bits.pcap',
  'Cells reach each other on the underlay':
    'underlay-ping-loss.pcap underlay-unreachable.pcap ping-failed-output.pcap',
  'Overlay addresses of other cells answer': 'vxlan-no-return.pcap host-filter-vxlan.pcap',
  'Which of four places is slow: the asking application, DNS, the network, the answering one':
    'app-slow-response.pcap dns-slow.pcap tcp-high-rtt.pcap tcp-retransmissions.pcap tcp-zero-window.pcap',
  'dig answers, and how fast': 'dns-lookup-output.pcap dns-no-answer.pcap dns-slow.pcap dns-timeout.pcap',
  'A small app instead of one’s own tells whether the app is slow': 'app-slow-response.pcap',
  'By address instead of name, on the same cell instead of another': 'app-slow-response.pcap silk-known.pcap',
  // Calico/VPP
  'Nodes reach each other through VPP': 'underlay-ping-loss.pcap ping-failed-output.pcap',
  'The agent listens for BGP': 'vpp-node-failure.pcap bgp-refused.pcap',
  'The name of the API server resolves': 'dns-timeout.pcap dns-no-answer.pcap dns-lookup-output.pcap',
  // openswan
  'No message of the peer arrives':
    'ike-no-response.pcap ike-no-response-libreswan.pcap ike-port-unreachable.pcap',
  'Messages are repeated because authentication or port 4500 fails':
    'ike-mm2-stalled.pcap ike-mi3-unanswered.pcap ike-psk-mismatch-v1.pcap ike-4500-blocked.pcap',
  'Quick mode does not complete': 'ike-quick-stalled.pcap',
  'All completes and no traffic passes': 'esp-one-way.pcap esp-no-traffic.pcap natt-keepalive-missing.pcap',
  'The first message arrives and nobody answers': 'paths/local-drop ike-no-connection-in-log.pcap',
  'The first message does not arrive: firewall, or a NAT that nobody knows of':
    'paths/ike-500-blocked paths/nat',
  'One side logs first, about keys': 'ike-refused-in-log.pcap ike-psk-mismatch-v1.pcap',
  'Port 4500, changed addresses, fragments are variations':
    'ike-v2-healthy-nat.pcapng paths/nat ike-cert-fragments-dropped.pcap',
  'Certificates make messages that are fragmented; port filters hide the fragments':
    'ike-cert-fragments-dropped.pcap capture-filter.pcapng ike-fragments-incomplete.pcap',
  'Sending no certificate avoids fragments': 'ike-cert-fragments-dropped.pcap',
  'Port 4500 is closed': 'ike-4500-blocked.pcap paths/ike-4500-blocked',
  'The packet arrives and the daemon never sees it':
    'paths/ike-4500-local ike-4500-local.pcap host-filter-source-port.pcap',
  'A helpful NAT device, or forced encapsulation':
    'ike-nat-undetected-log.pcap ike-nat-undetected.pcap paths/esp-native-nat esp-mixed-encapsulation.pcap',
  'The updown script fails, the ip command is missing': 'ike-updown-in-log.pcap',
  // MidoNet
  'Hosts reach each other': 'host-no-route.pcap underlay-unreachable.pcap underlay-ping-loss.pcap',
  'Hosts of the tunnel zone are alive': 'midonet-outputs.pcap',
  'The tunnel port sends and receives, without errors or drops':
    'overlay-counter-one-way.pcap gre-no-return.pcap gre-key-mismatch.pcap gre-seq-loss.pcap',
  'The MTU of virtual machines fits the tunnel; DHCP hands it out':
    'dhcp-mtu.pcap gre-outer-fragments.pcap overlay-mtu-exceeded.pcap overlay-mss-too-large.pcap',
  'Security groups let the traffic through': 'midonet-flow-drop.pcap tcp-syn-unanswered.pcap',
  'BGP peers are reachable in their namespace': 'arp-bgp-peer-silent.pcap',
  'BGP messages on the uplink; keepalive 5, hold 15, connect 10 seconds':
    'bgp-timers-mismatch.pcap bgp-configuration-mismatch.pcap bgp-no-session-run.pcap bgp-hold-expiry.pcap',
  'Summary and routes of BGP': 'bgp-summary.pcap',
  'ruok is answered with imok': 'zk-not-ok.pcap midonet-outputs.pcap',
  'How far a packet from one machine to the other gets': 'paths/lost-between',
};
