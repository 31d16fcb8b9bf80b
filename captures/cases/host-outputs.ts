import { writePcap } from '../../test/build/capture-file.js';
import { ping } from '../../test/build/scenario.js';
import { asIn } from './as-in.js';
import { captures as bgp } from './bgp.js';
import { captures as ikeV1 } from './ike-v1.js';
import { captures as openvpn } from './openvpn.js';
import { onCellA, silkTraffic } from './overlay-network.js';
import { captures as overlays } from './overlays.js';
import type { SampleCapture } from './sample-capture.js';
import { captures as scion } from './scion.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

/* Outputs of hosts and lines of daemons that say what packets do not show, or that say why. */

const { local, peer } = PUBLIC_SITE;

/** Two hosts that reach each other, and nothing else. */
function quietHosts(): Uint8Array {
  const t = siteTimeline('outputs-quiet', PUBLIC_SITE, 12);
  ping(t, local, peer, { at: 2, count: 5, identifier: 0x4101 });
  return writePcap(t.frames());
}

const log = (file: string, content: string) => ({ log: [{ file, content }] });

const IPTABLES = `# iptables -L -v -n
Chain INPUT (policy ACCEPT 9412 packets, 720K bytes)
 pkts bytes target     prot opt in     out     source               destination
  412 32960 ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0
   18  1764 DROP       udp  --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:4789
  100  9000 ACCEPT     udp  --  *      *       0.0.0.0/0            0.0.0.0/0            udp spt:500 dpt:500
`;
const IPTABLES_OPEN = `-P INPUT DROP
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p udp -m udp --dport 4789 -j ACCEPT
`;

/** As openvpn 2.6.14 writes it to syslog where nothing answers (the address is another one). */
const OPENVPN_LOG = `Nov 30 16:06:27 as-vm ovpn-client[17046]: TCP/UDP: Preserving recently used remote address: [AF_INET]${peer.address}:1194
Nov 30 16:06:27 as-vm ovpn-client[17046]: UDPv4 link local: (not bound)
Nov 30 16:06:27 as-vm ovpn-client[17046]: UDPv4 link remote: [AF_INET]${peer.address}:1194
Nov 30 16:07:27 as-vm ovpn-client[17046]: TLS Error: TLS key negotiation failed to occur within 60 seconds (check your network connectivity)
Nov 30 16:07:27 as-vm ovpn-client[17046]: TLS Error: TLS handshake failed
Nov 30 16:07:27 as-vm ovpn-client[17046]: SIGUSR1[soft,tls-error] received, process restarting
`;

const PLUTO_NO_CONNECTION = `Apr 24 11:14:25 sg2 pluto[2531]: packet from ${local.address}:500: initial Main Mode message received on ${peer.address}:500 but no connection has been authorized with policy=PSK
`;

/** strongSwan 5.9: what its sentence says of networks that differ. */
const CHARON_SELECTORS = `Apr 24 11:14:25 sg2 charon-systemd[813]: traffic selectors 10.2.0.0/16 === 10.1.0.0/24 unacceptable
Apr 24 11:14:25 sg2 charon-systemd[813]: no acceptable traffic selectors found
`;

/** Of openswan, on a host without iproute. */
const PLUTO_UPDOWN = `Apr 24 11:14:25 sg2 pluto[813]: "sg2--sg1-net" #2: up-client output: /usr/lib/ipsec/_updown.netkey: line 261: ip: command not found
Apr 24 11:14:25 sg2 pluto[813]: "sg2--sg1-net" #2: up-client command exited with status 127
`;

const STATUS = `ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$ ./scion.sh status
as17-ffaa_1_64:bs17-ffaa_1_64-1  FATAL     Exited too quickly (process log may have details)
ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$ ./bin/showpaths -srcIA 17-ffaa:1:64 -dstIA 17-ffaa:0:1101
Available paths to 17-ffaa:0:1101
ubuntu@ubuntu-xenial:~$ df -h
Filesystem      Size  Used Avail Use% Mounted on
udev            487M     0  487M   0% /dev
/dev/sda1       9.7G  9.1G  612M  94% /
ubuntu@ubuntu-xenial:~$ free -h
              total        used        free      shared  buff/cache   available
Mem:           2.0G        271M        1.2G        3.1M        499M        1.5G
`;
const STATUS_WELL = `ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$ ./scion.sh status
ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$ ./bin/showpaths -srcIA 17-ffaa:1:64 -dstIA 17-ffaa:0:1101
Available paths to 17-ffaa:0:1101
[ 0] Hops: [17-ffaa:1:64 1>16 17-ffaa:0:1107 1>4 17-ffaa:0:1101] Mtu: 1472
ubuntu@ubuntu-xenial:~$ df -h
Filesystem      Size  Used Avail Use% Mounted on
/dev/sda1       9.7G  4.9G  4.8G  51% /
`;

const CELL_LOG = `{"timestamp":"1548381510.1","source":"cfnetworking.vxlan-policy-agent","message":"cfnetworking.vxlan-policy-agent.poll-cycle","log_level":2,"data":{"error":"enforce-asg: cleaning up: iptables: Bad rule (does a matching rule exist in that chain?)"}}
{"timestamp":"1548381511.2","source":"cfnetworking.vxlan-policy-agent","message":"cfnetworking.vxlan-policy-agent.container-metadata","log_level":1,"data":{"message":"Container metadata is missing key policy_group_id. Check version of CloudController."}}
`;
const KERN_LOG = `Jan 25 01:58:30 cell kernel: [90690.1] DENY_C2C_53069156-e8cf-4ca5 IN=silk-vtep OUT=s-010255082067 MAC=ee:ee:0a:ff:52:00 SRC=10.255.144.63 DST=10.255.82.67 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40110 DPT=9090 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x5
`;

const SUMMARY = `# show ip bgp summary
BGP router identifier 192.0.2.1, local AS number 64500
Neighbor        V         AS MsgRcvd MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd
203.0.113.9     4 4200000010       0      14        0    0    0 00:04:11       Active
`;
const RUOK = `$ echo ruok | nc ${peer.address} 2181
This ZooKeeper instance is not currently serving requests
`;
const HOSTS = `Host: id=17ef018f-de8b-431b-89f0-b5472f176769
 name=compute2
 isAlive=false
 addresses:
   /192.0.2.77
 vport-host-if-bindings:
`;
const SILK_LINK = `$ ip addr show
64376: s-010255211040@if64375: <BROADCAST,MULTICAST,NOARP,UP,LOWER_UP> mtu 1410 qdisc noqueue state UP group default
    link/ether aa:aa:0a:ff:d3:29 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 169.254.0.1 peer 10.255.211.40/32 scope link s-010255211040
$ arp -a | grep 10.255.211.40
? (10.255.211.40) at ee:ee:0a:ff:d3:28 [ether] PERM on s-010255211040
`;
const LINKS = `2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc mq state DOWN mode DEFAULT group default qlen 1000
    link/ether 00:00:5e:00:53:01 brd ff:ff:ff:ff:ff:ff
    inet ${local.address}/24 scope global eth0
$ ip neigh show
198.51.100.30 dev eth0 FAILED
192.0.2.254 dev eth0 lladdr 00:00:5e:00:53:fe REACHABLE
`;

export const captures: readonly SampleCapture[] = [
  {
    file: 'host-filter-vxlan.pcap',
    shows:
      'requests into VXLAN get no answer, and iptables -L -v -n of a cell has a rule that drops UDP 4789',
    must: ['underlay.host-filter'],
    healthy: false,
    allow: ['vxlan.no-return', 'vxlan.port-mismatch'],
    sideFiles: log('iptables-drop-4789.txt', IPTABLES),
    write: asIn(overlays, 'vxlan-no-return.pcap'),
  },
  {
    file: 'host-filter-healthy.pcap',
    shows: 'two cells of silk, and the rules of one that accept UDP 4789',
    must: [],
    healthy: true,
    sideFiles: log('iptables-open.txt', IPTABLES_OPEN),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'openvpn-failure-in-log.pcap',
    shows: 'the VPN client asks and gets no answer; its syslog says so too',
    must: ['openvpn.failure-in-log', 'openvpn.no-response'],
    healthy: false,
    sideFiles: log('ovpn-client.log', OPENVPN_LOG),
    write: asIn(openvpn, 'openvpn-no-response.pcap'),
  },
  {
    file: 'ike-no-connection-in-log.pcap',
    shows: 'MI1 stays without answer, and the log of the responder says that no connection is authorized',
    must: ['ike.no-response'],
    healthy: false,
    sideFiles: log('sg2-no-connection.log', PLUTO_NO_CONNECTION),
    write: asIn(ikeV1, 'ike-no-response.pcap'),
  },
  {
    file: 'ike-selectors-in-log.pcap',
    shows: 'nothing of IKE in the capture; the log says that the protected networks differ',
    must: ['ike.refused-in-log'],
    healthy: false,
    sideFiles: log('sg2-selectors.log', CHARON_SELECTORS),
    write: quietHosts,
  },
  {
    file: 'ike-updown-in-log.pcap',
    shows: 'nothing of IKE in the capture; the log says that the updown script found no ip command',
    must: ['ike.refused-in-log'],
    healthy: false,
    sideFiles: log('sg2-updown.log', PLUTO_UPDOWN),
    write: quietHosts,
  },
  {
    file: 'scion-status.pcap',
    shows:
      'a healthy link, and a host of which the beacon service does not run, no path is found and the disk is full',
    must: ['scion.service-down', 'scion.no-path', 'host.resources'],
    healthy: false,
    sideFiles: log('scion-status.txt', STATUS),
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
  {
    file: 'scion-status-healthy.pcap',
    shows: 'the same link, with services, paths and disk as they should be',
    must: [],
    healthy: true,
    sideFiles: log('scion-status-healthy.txt', STATUS_WELL),
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
  {
    file: 'silk-cell-logs.pcap',
    shows:
      'two cells of silk, the log of the policy agent with rules that it cannot apply, and kern.log with a denied connection',
    must: ['silk.agent-failure', 'silk.denied-in-log'],
    healthy: false,
    sideFiles: {
      log: [
        { file: 'vxlan-policy-agent.log', content: CELL_LOG },
        { file: 'kern.log', content: KERN_LOG },
      ],
    },
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'silk-interface.pcap',
    shows:
      'the host side of a container link has the MAC address of another container, by ip addr of the cell',
    must: ['silk.mac-mismatch'],
    healthy: false,
    sideFiles: log('silk-ip-addr.txt', SILK_LINK),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'midonet-outputs.pcap',
    shows:
      'two hosts that reach each other; the agent of a third one is not alive, and ZooKeeper does not serve',
    must: ['midonet.host-down', 'zk.not-ok'],
    healthy: false,
    sideFiles: {
      log: [
        { file: 'mm-ctl-hosts.txt', content: HOSTS },
        { file: 'zookeeper-stat.txt', content: RUOK },
      ],
    },
    write: quietHosts,
  },
  {
    file: 'bgp-summary.pcap',
    shows: 'one session is established, and by show ip bgp summary another one is not',
    must: ['bgp.no-session'],
    healthy: false,
    sideFiles: log('bgp-summary.txt', SUMMARY),
    write: asIn(bgp, 'bgp-healthy.pcap'),
  },
  {
    file: 'host-link-down.pcap',
    shows:
      'ip addr of the host says that its interface has no carrier, and ip neigh that a neighbour did not answer',
    must: ['host.link-down', 'arp.unanswered'],
    healthy: false,
    sideFiles: log('ip-addr-no-carrier.txt', LINKS),
    write: quietHosts,
  },
];
