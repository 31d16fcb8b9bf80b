/** What a troubleshooting guide tells its reader to look at. */
export interface GuideStatement {
  readonly statement: string;
  /** Ids of the diagnoses that check it. */
  readonly ids: readonly string[];
  /** Where no capture can show it (all of it, or the rest): why, or which file beside the capture does. */
  readonly elsewhere?: string;
}

export interface Guide {
  readonly name: string;
  readonly statements: readonly GuideStatement[];
}

function seen(statement: string, ids: string, elsewhere?: string): GuideStatement {
  return { statement, ids: ids.split(' '), ...(elsewhere === undefined ? {} : { elsewhere }) };
}

function unseen(statement: string, elsewhere: string): GuideStatement {
  return { statement, ids: [], elsewhere };
}

const ON_DISK = 'files of the host, never on the wire';
const HOST = 'state of the host, never on the wire';

const SCIONLAB: Guide = {
  name: 'SCIONLab',
  statements: [
    seen('The configuration archive is complete', 'scion.setup-incomplete', 'read from the listing'),
    seen(
      'Vagrant is new enough, port 8000 is free',
      'scion.setup-incomplete',
      'read from the output of vagrant',
    ),
    seen('Disk and memory suffice', 'host.resources', 'read from df and free'),
    seen(
      'tun0 is up and has an address; if not, UDP 1194 is filtered',
      'openvpn.no-response openvpn.port-unreachable openvpn.tls-stalled host.link-down underlay.host-filter',
    ),
    seen('The OpenVPN client logs timeouts', 'openvpn.failure-in-log openvpn.no-response'),
    seen('The address of tun0 is the public overlay address of the topology', 'scion.tun-address-mismatch'),
    seen(
      'After a change the access point needs minutes to follow',
      'scion.endpoint-mismatch',
      'said in its next steps',
    ),
    seen('All services run', 'scion.service-down scion.keepalive-missing scion.registration-silence'),
    seen('The AS of the topology is the AS of the host', 'scion.ia-mismatch'),
    seen('The sockets of the services exist', 'scion.setup-incomplete', 'read from the listings of /run/shm'),
    seen(
      'Paths are found',
      'scion.no-path scion.pcb-silence scion.registration-silence',
      'the query itself stays on the host',
    ),
    seen(
      'SCMP echo works, or fails although there are paths',
      'scion.echo-loss scion.scmp-error scion.path-expired',
    ),
    seen('The remote overlay address is the access point', 'scion.endpoint-mismatch'),
    seen('The access point answers ping', 'underlay.ping-loss underlay.unreachable underlay.ping-failed'),
    seen('The clocks of the ASes agree', 'time.scion-skew time.ntp-offset time.ntp-unsynchronised'),
    seen('Only two addresses speak on the link', 'scion.foreign-traffic'),
    seen(
      'One keepalive a second in each direction',
      'scion.keepalive-missing scion.keepalive-gap keepalive.gap keepalive.stopped keepalive.one-way keepalive.jitter',
    ),
    seen(
      'Beacons and registrations every few minutes',
      'scion.pcb-silence scion.registration-silence capture.too-short',
    ),
    seen('tcpdump dropped nothing', 'capture.kernel-drops'),
    seen(
      'The MTU of the link fits the tunnel',
      'scion.mtu-exceeded openvpn.outer-fragmentation mtu.blackhole',
    ),
  ],
};

const SILK: Guide = {
  name: 'Cloud Foundry silk',
  statements: [
    seen(
      'Applications stop when a security group names ICMP',
      'silk.agent-failure overlay.policy-reject tcp.syn-unanswered',
      'the rule itself is in a log',
    ),
    seen('NSX takes UDP 4789 for itself', 'vxlan.blocked-in-path vxlan.no-return underlay.host-filter'),
    seen(
      'Containers without policy group id must be restaged',
      'silk.metadata-missing silk.agent-failure vxlan.gbp-untagged',
    ),
    seen('Containers cannot reach others by the port of their cell', 'silk.port-access-unsupported'),
    seen(
      'Policies follow an application through a blue-green deployment',
      'overlay.policy-reject vxlan.gbp-changed vxlan.gbp-untagged',
    ),
    unseen('iptables logging does not work everywhere', HOST),
    unseen('Where the logs are, how to raise their level', ON_DISK),
    seen('Policies cannot be created: the policy server logs why', 'silk.agent-failure', 'read from its log'),
    seen('ssh is allowed for the space and the app', 'silk.agent-failure', 'read from cf ssh-enabled'),
    seen('Creating containers fails', 'silk.agent-failure overlay.policy-reject', 'the cause is in a log'),
    seen(
      'Some traffic out fails while ssh and traffic in work',
      'overlay.policy-reject silk.denied-in-log tcp.syn-unanswered dns.timeout dns.no-answer dns.error',
    ),
    seen(
      'Is there traffic on the port of the proxy?',
      'silk.ssh-forward expect.no-traffic tcp.syn-unanswered tcp.refused',
    ),
    seen(
      'MAC addresses are aa:aa and ee:ee with the address of the container',
      'silk.mac-mismatch arp.unanswered arp.duplicate-ip',
    ),
    seen('The gateway is 169.254.0.1', 'silk.gateway-mismatch'),
    seen('Network namespaces have the right inode', 'silk.namespace-mismatch', 'read from ls -l and lsns'),
    seen('The overlay does not overlap with other networks', 'overlay.subnet-overlap'),
    seen(
      'A deployment with such an overlay hangs at a cell that does not answer',
      'silk.cell-unresponsive',
      'read from bosh vms and the output of the deployment',
    ),
    seen(
      'The device has the right VNI, port and group policy flag',
      'vxlan.port-mismatch vxlan.vni-mismatch vxlan.reserved-bits overlay.device-mismatch',
    ),
    seen(
      'Cells reach each other on the underlay',
      'underlay.ping-loss underlay.unreachable underlay.ping-failed',
    ),
    seen(
      'Overlay addresses of other cells answer',
      'vxlan.no-return underlay.ping-loss underlay.ping-failed',
    ),
    seen('One request and one reply on each cell', 'vxlan.no-return vxlan.loss vxlan.blocked-in-path'),
    seen(
      'What leaves one cell and does not reach the other was blocked: change the port',
      'vxlan.blocked-in-path',
    ),
    seen(
      'The policy tag of the packet belongs to the application',
      'vxlan.gbp-unknown-tag silk.tag-ip-mismatch',
    ),
    seen(
      'The address belongs to a container, of this cell or another',
      'silk.unknown-container',
      'names come from store.json',
    ),
    seen('A capture on every interface shows packets more than once', 'capture.duplicates'),
    seen('Wrong checksums of outgoing packets mean offload', 'capture.offload'),
    seen(
      'Which of four places is slow: the asking application, DNS, the network, the answering one',
      'latency.breakdown app.slow-response tcp.high-rtt tcp.retransmissions tcp.zero-window dns.slow',
    ),
    seen(
      'How long requests of each kind take',
      'app.slow-response',
      'a database only where its packets are captured',
    ),
    seen('dig answers, and how fast', 'dns.no-answer dns.slow dns.timeout dns.lookup-failed'),
    seen(
      'A small app instead of one’s own tells whether the app is slow',
      'app.slow-response latency.breakdown',
    ),
    seen('By address instead of name, on the same cell instead of another', 'latency.breakdown'),
  ],
};

const CALICO_VPP: Guide = {
  name: 'Calico/VPP',
  statements: [
    seen(
      'kubelet, swap, hugepages and pods are as they should be',
      'vpp.node-failure',
      'read from kubectl, systemctl and logs',
    ),
    seen('Nodes reach each other through VPP', 'underlay.ping-loss underlay.ping-failed'),
    seen('The agent listens for BGP', 'vpp.node-failure bgp.refused bgp.no-session'),
    seen(
      'The name of the API server resolves',
      'dns.timeout dns.no-answer vpp.punt-missing dns.lookup-failed',
    ),
    seen('Error counters and buffers', 'vpp.error-counter vpp.no-buffers vpp.interface-loss'),
    seen(
      'Which interface belongs to which container',
      'vpp.interface-loss',
      'read from show ip fib and show tun; the names stand beside addresses',
    ),
    seen('Capture at three places: pod, VPP, the other pod', 'path.lost-between'),
    seen(
      'A trace shows receive, lookup, translation, rewrite and transmit',
      'vpp.drop vpp.mtu-drop vpp.cnat-miss vpp.no-tx',
    ),
    seen('Choose the right input node; the buffer holds 500 packets', 'vpp.trace-incomplete'),
    seen('Traffic for the host is handed to its tap', 'vpp.punt-missing'),
    seen(
      'VPP crashed',
      'vpp.node-failure',
      'read from the kernel log; what follows shows as loss of BFD, BGP and keepalives',
    ),
    seen(
      'Neighbours notice: sessions between nodes',
      'bfd.session-down bfd.detect-expired bfd.flap bgp.hold-expiry bgp.keepalive-gap bgp.flap',
    ),
  ],
};

const OPENSWAN: Guide = {
  name: 'openswan',
  statements: [
    seen('No message of the peer arrives', 'ike.no-response ike.port-unreachable underlay.host-filter'),
    seen(
      'Messages are repeated because authentication or port 4500 fails',
      'ike.mm2-stalled ike.mi3-unanswered ike.auth-failure ike.natt-4500-blocked ike.v2-request-unanswered',
    ),
    seen('Quick mode does not complete', 'ike.quick-stalled ike.no-proposal'),
    seen(
      'All completes and no traffic passes',
      'esp.one-way-spi esp.no-traffic esp.loss esp.stale-spi mtu.blackhole natt.keepalive-missing',
    ),
    seen(
      'Each packet that leaves one gateway arrives at the other',
      'underlay.path-loss underlay.selective-loss',
    ),
    seen(
      'Do not capture on every interface, nor your own ssh session',
      'capture.duplicates capture.self-traffic',
    ),
    unseen('Filters fail on PPPoE', 'capan reads PPPoE; filters are the capture tool’s'),
    seen('The first message arrives and nobody answers', 'underlay.local-drop ike.no-response'),
    seen(
      'The first message does not arrive: firewall, or a NAT that nobody knows of',
      'underlay.selective-loss underlay.nat-in-path',
    ),
    seen('One side logs first, about keys', 'ike.auth-failure ike.refused-in-log'),
    seen(
      'What the three exchanges look like when they work',
      'ike.notify ike.version-mismatch ike.retry-loop ike.dpd-unanswered',
      'healthy exchanges are listed as tunnels',
    ),
    seen(
      'Port 4500, changed addresses, fragments are variations',
      'ike.nat-detected underlay.nat-in-path frag.missing-first frag.missing-rest frag.overlap',
    ),
    seen(
      'Certificates make messages that are fragmented; port filters hide the fragments',
      'frag.missing-rest capture.filter ike.fragments-incomplete',
    ),
    seen('Fragments in reverse order are harmless', 'frag.reverse-order'),
    seen(
      'Nothing leaves because of a local filter or DF',
      'ike.mi3-never-sent mtu.ptb-ignored mtu.frag-needed',
    ),
    seen(
      'Providers filter fragments; large pings show it',
      'frag.filtered-in-path underlay.ping-size-loss underlay.ping-failed',
    ),
    seen('Sending no certificate avoids fragments', 'frag.missing-rest', 'a next step'),
    seen('Port 4500 is closed', 'ike.natt-4500-blocked underlay.host-filter'),
    seen('The packet arrives and the daemon never sees it', 'ike.natt-4500-local'),
    seen(
      'Why the last exchange fails is in the logs',
      'ike.refused-in-log ike.quick-stalled',
      'read with --log',
    ),
    seen('Look at the inner interface', 'esp.no-traffic esp.decapsulated-view'),
    seen(
      'With NETKEY one side shows cleartext',
      'esp.decapsulated-view',
      'taken into account, never a fault',
    ),
    seen('A helpful NAT device, or forced encapsulation', 'ike.nat-undetected esp.mixed-encapsulation'),
    seen('SPIs of one side’s log are those of the other’s', 'esp.one-way-spi esp.spi-mismatch'),
    seen(
      'Traffic in one direction only: look at the inner side, then swap roles',
      'esp.one-way-spi path.lost-between',
    ),
    seen('The updown script fails, the ip command is missing', 'ike.refused-in-log', 'read from the log'),
  ],
};

const MIDONET: Guide = {
  name: 'MidoNet',
  statements: [
    seen('Links are up', 'host.link-down host.link-errors', 'read from ip addr, ip -s link and ethtool'),
    seen(
      'Hosts reach each other',
      'host.no-route underlay.unreachable underlay.ping-loss underlay.ping-failed',
    ),
    seen(
      'Neither firewall nor SELinux stops them',
      'host.access-denied underlay.admin-prohibited underlay.host-filter underlay.local-drop tcp.syn-unanswered',
    ),
    seen(
      'The kernel module is loaded and has the right version',
      'host.module-missing',
      'read from lsmod and modinfo',
    ),
    seen(
      'Clocks are synchronised',
      'time.ntp-offset time.ntp-unsynchronised capture.time-anomaly time.capture-skew',
    ),
    seen('Time zones agree', 'time.zone-shift'),
    seen('Hosts of the tunnel zone are alive', 'midonet.host-down vxlan.unknown-vtep'),
    seen(
      'The tunnel port sends and receives, without errors or drops',
      'overlay.counter-one-way vxlan.no-return gre.no-return gre.key-mismatch gre.seq-loss',
    ),
    seen(
      'Statistics of the datapath, flows, bindings',
      'midonet.datapath-loss midonet.flow-drop',
      'read from mm-dpctl',
    ),
    seen(
      'The MTU of virtual machines fits the tunnel; DHCP hands it out',
      'overlay.mtu-exceeded overlay.mss-too-large dhcp.mtu mtu.blackhole mtu.mismatch',
    ),
    seen('The agent logs errors', 'midonet.agent-errors', 'read from midolman.log'),
    seen(
      'ZooKeeper and Cassandra are reachable',
      'nsdb.unreachable midonet.agent-errors underlay.ping-failed',
    ),
    seen('Security groups let the traffic through', 'tcp.syn-unanswered midonet.flow-drop'),
    unseen('How to raise log levels', ON_DISK),
    seen('BGP peers are reachable in their namespace', 'arp.unanswered'),
    seen(
      'BGP messages on the uplink; keepalive 5, hold 15, connect 10 seconds',
      'bgp.configuration-mismatch bgp.no-session bgp.open-rejected bgp.notification bgp.hold-expiry bgp.keepalive-gap bgp.md5-mismatch bgp.mtu',
      'timers are compared with --log of the configuration',
    ),
    seen(
      'Summary and routes of BGP',
      'bgp.no-session',
      'read from show ip bgp summary; routes are tables of the router',
    ),
    seen('ruok is answered with imok', 'zk.not-ok'),
    unseen('Contents of ZooKeeper', HOST),
    seen('How far a packet from one machine to the other gets', 'path.lost-between tcp.syn-unanswered'),
    seen('Counters of taps', 'midonet.datapath-loss host.link-errors', 'read from mm-dpctl and ip -s link'),
    unseen('Simulated packets (mm-trace)', 'a next step'),
  ],
};

export const GUIDES: readonly Guide[] = [SCIONLAB, SILK, CALICO_VPP, OPENSWAN, MIDONET];
