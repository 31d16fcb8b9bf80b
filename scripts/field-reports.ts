/** What somebody reported in public and had to find out: told in our own words, with the diagnoses that say so. */
export interface FieldReport {
  /** Where: project and number of the report, or a page. */
  readonly source: string;
  readonly seen: string;
  readonly cause: string;
  readonly ids: readonly string[];
}

export interface FieldKind {
  readonly name: string;
  readonly reports: readonly FieldReport[];
}

export const FIELD_KINDS: readonly FieldKind[] = [
  {
    name: 'Checksums',
    reports: [
      {
        source: 'projectcalico/calico 3145, 4865; flannel-io/flannel 1279; kubernetes-sigs/kubespray 8992',
        seen: 'Connections from a node to a service address take 63 s: the SYN is repeated six times, the last one is answered',
        cause:
          'The sender computes the outer UDP checksum of VXLAN wrongly (offload); the receiver drops exactly those datagrams',
        ids: ['packet.bad-checksum', 'tcp.syn-unanswered'],
      },
      {
        source: 'vyos/vyos-1x 5201; FreeRTOS 790',
        seen: 'VXLAN over IPv6 between two vendors: datagrams arrive and nothing comes out of the tunnel',
        cause:
          'The sender leaves the UDP checksum out, and the receiver does not permit that over IPv6 (udp6zerocsumrx)',
        ids: ['packet.bad-checksum', 'vxlan.no-return'],
      },
      {
        source: 'projectcalico/calico 9433, 4727',
        seen: 'Across nodes pings between pods work and nothing else does: no DNS, no connections',
        cause:
          'The virtual card of the node breaks the inner checksums of TCP and UDP in VXLAN (transmit offload)',
        ids: ['overlay.only-icmp-passes', 'packet.bad-checksum'],
      },
    ],
  },
  {
    name: 'Overlays: VXLAN, IPIP, GRE',
    reports: [
      {
        source: 'flannel-io/flannel 1795, 1788; rancher/rancher 21169',
        seen: 'After a node restarted, nothing reaches its pods',
        cause: 'The other nodes send to the MAC address that its VXLAN device had before',
        ids: ['vxlan.stale-mac', 'vxlan.no-return'],
      },
      {
        source: 'flannel-io/flannel 2388; projectcalico/calico 4727',
        seen: 'VXLAN leaves one node and never arrives at the other; ping and all else between the nodes work',
        cause: 'The virtual switch of the hypervisor takes UDP 8472 or 4789 for its own',
        ids: ['vxlan.blocked-in-path', 'vxlan.no-return'],
      },
      {
        source: 'projectcalico/calico 8953, 1709, 7651',
        seen: 'TLS to a pod hangs from one host: its large segments never appear in the tunnel, small ones do',
        cause: 'A stale path MTU of the route keeps full segments of the answer out of IPIP',
        ids: ['mtu.blackhole'],
      },
      {
        source: 'projectcalico/calicoctl 1377; cloudnativelabs/kube-router 421; facebookincubator/katran 24',
        seen: 'Pings reach the tunnel of the worker and disappear there',
        cause:
          'The way back to the inner source leads past the tunnel, so the reverse path filter drops what comes out of it',
        ids: ['overlay.asymmetric-encapsulation', 'ipip.no-return'],
      },
      {
        source: 'projectcalico/calico 4511',
        seen: 'SYNs in IPIP arrive at the other node; nothing comes out of its tunnel',
        cause: 'The firewall of that node drops IPIP from hosts that it does not know',
        ids: ['underlay.local-drop', 'ipip.no-return'],
      },
      {
        source: 'projectcalico/calico 1357, 1996, 888',
        seen: 'Pods of two nodes do not reach each other until a ping was sent the other way round too; later it is the same again',
        cause:
          'The host firewall has no rule for IPIP and lets it in only as an answer, while its connection tracking remembers',
        ids: ['overlay.opens-from-inside', 'ipip.no-return'],
      },
      {
        source: 'networkservicemesh/sdk 1148',
        seen: 'Through VXLAN only large pings fail, although all their fragments reach the far node',
        cause: 'The interface behind the far tunnel end takes no packet of full size',
        ids: ['underlay.ping-size-loss'],
      },
      {
        source: 'techbackground (page on GRE and path MTU, 2013); cloudius-systems/osv 372',
        seen: 'Downloads hang: the server repeats one full segment, and each time it is told that the path takes less',
        cause: 'GRE makes the path smaller, and the server ignores the ICMP message',
        ids: ['mtu.ptb-ignored', 'mtu.frag-needed'],
      },
    ],
  },
  {
    name: 'IKE and ESP',
    reports: [
      {
        source: 'libreswan/libreswan 1623',
        seen: 'The VPN works over Wi-Fi, over a mobile network the server logs IKE_SA_INIT and nothing more',
        cause: 'The provider filters UDP 4500, to which IKE moves behind a NAT',
        ids: ['ike.natt-4500-blocked'],
      },
      {
        source: 'trailofbits/algo 305',
        seen: 'Windows error 809: IKE_AUTH with certificates stays without answer',
        cause: 'It is longer than the MTU, and a router on the way drops IP fragments',
        ids: ['frag.filtered-in-path', 'frag.missing-rest', 'ike.v2-request-unanswered'],
      },
      {
        source: 'libreswan/libreswan 427; hwdsl2/setup-ipsec-vpn 55, 274',
        seen: 'Of two clients in one office only the one that connected last works',
        cause:
          'In transport mode both have one address and the same selectors at the server, which uses the newest SA',
        ids: ['esp.clients-share-nat', 'esp.one-way-spi'],
      },
      {
        source: 'openiked/openiked-portable 93',
        seen: 'IKE comes up and stays, every ping through the tunnel is lost',
        cause: 'The receiver has installed its SA with swapped UDP ports and finds none for what arrives',
        ids: ['esp.one-way-spi'],
      },
      {
        source: 'strongswan/strongswan 1815',
        seen: 'IKE_SA_INIT is answered each time and repeated all the same, until the daemon gives up',
        cause:
          'The answers reach the interface of the initiator, but a local firewall keeps them from the daemon',
        ids: ['ike.no-response', 'underlay.local-drop'],
      },
      {
        source: 'wl500g/wl500g 358',
        seen: 'Both phases complete, then the peer logs packets without non-ESP marker; no data passes',
        cause: 'The kernel of the router frames UDP 4500 as drafts before RFC 3948 did',
        ids: ['natt.marker-missing'],
      },
    ],
  },
  {
    name: 'OpenVPN and WireGuard',
    reports: [
      {
        source: 'kylemanna/docker-openvpn 374; backreference.org (multihome, 2009)',
        seen: 'TLS negotiation times out at the second address of a server, at the first one it works',
        cause: 'The server answers from its first address, and the client does not take that for an answer',
        ids: ['underlay.wrong-source-answer', 'openvpn.no-response'],
      },
      {
        source: 'OpenVPN/openvpn 831',
        seen: 'After an update the tunnel comes up and hangs with large packets',
        cause: 'The new default of mssfix makes datagrams that are larger than the path of the provider',
        ids: ['mtu.blackhole', 'openvpn.loss'],
      },
      {
        source: 'freifunk-gluon/community-packages 6',
        seen: 'A node behind NAT handshakes from a new port and never gets in',
        cause: 'The server keeps sending to the port that the NAT had before',
        ids: ['wireguard.endpoint-stale'],
      },
    ],
  },
  {
    name: 'Routing and liveness',
    reports: [
      {
        source: 'scionproto/scion 4019; netsec-ethz/scion 89',
        seen: 'BFD of a border router goes down under load, again and again, although the link works',
        cause: 'The packets of the peer arrive, and the loaded host drops them behind the capture point',
        ids: ['bfd.detect-expired'],
      },
      {
        source: 'FRRouting/frr 8600',
        seen: 'BGP comes up and its updates are never acknowledged; after 20 s it starts again',
        cause: 'Segments of full size do not reach the peer',
        ids: ['bgp.mtu', 'mtu.blackhole'],
      },
    ],
  },
  {
    name: 'Names',
    reports: [
      {
        source: 'cilium/cilium 9755',
        seen: 'Names with more than 24 addresses time out',
        cause: 'The second fragment of the answer is not translated and is dropped',
        ids: ['frag.missing-rest', 'dns.timeout'],
      },
    ],
  },
];
