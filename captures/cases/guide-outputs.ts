import { writePcap } from '../../test/build/capture-file.js';
import { ping } from '../../test/build/scenario.js';
import { asIn } from './as-in.js';
import type { SampleCapture } from './sample-capture.js';
import { captures as scion } from './scion.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

/* What the commands of the guides print where something is wrong with a host, and where nothing is. */

const { local, peer } = PUBLIC_SITE;

/** Two hosts that reach each other, and nothing else. */
function twoHosts(): Uint8Array {
  const t = siteTimeline('guide-outputs', PUBLIC_SITE, 12);
  ping(t, local, peer, { at: 2, count: 5, identifier: 0x4102 });
  return writePcap(t.frames());
}

const log = (file: string, content: string) => ({ log: [{ file, content }] });

const PING = `sg1# ping -c 3 198.51.100.30
PING 198.51.100.30 (198.51.100.30) 56(84) bytes of data.
64 bytes from 198.51.100.30: icmp_seq=1 ttl=61 time=8.42 ms
64 bytes from 198.51.100.30: icmp_seq=2 ttl=61 time=8.39 ms
64 bytes from 198.51.100.30: icmp_seq=3 ttl=61 time=8.51 ms

--- 198.51.100.30 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2003ms
rtt min/avg/max/mdev = 8.390/8.440/8.510/0.050 ms
sg1# ping -s 5000 198.51.100.30
PING 198.51.100.30 (198.51.100.30) 5000(5028) bytes of data.
^C
--- 198.51.100.30 ping statistics ---
8 packets transmitted, 0 received, 100% packet loss, time 7167ms

sg1# ping -M do -s 1472 203.0.113.40
PING 203.0.113.40 (203.0.113.40) 1472(1500) bytes of data.
From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)
ping: local error: message too long, mtu=1400
^C
--- 203.0.113.40 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1012ms
`;
const PING_WELL = `ubuntu@ubuntu-xenial:~$ ping 10.0.8.1
PING 10.0.8.1 (10.0.8.1) 56(84) bytes of data.
64 bytes from 10.0.8.1: icmp_seq=1 ttl=64 time=0.706 ms
64 bytes from 10.0.8.1: icmp_seq=2 ttl=64 time=0.829 ms
^C
--- 10.0.8.1 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 1038ms
rtt min/avg/max/mdev = 0.706/0.767/0.829/0.067 ms
`;

const DIG = (status: string, answers: number, ms: number) => `$ dig backend.apps.internal
; <<>> DiG 9.11.3-1ubuntu1.3-Ubuntu <<>> backend.apps.internal
;; global options: +cmd
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 17122
;; flags: qr aa rd ra; QUERY: 1, ANSWER: ${answers}, AUTHORITY: 0, ADDITIONAL: 0

;; QUESTION SECTION:
;backend.apps.internal.		IN	A

;; Query time: ${ms} msec
;; SERVER: 169.254.0.2#53(169.254.0.2)
;; WHEN: Fri Jan 25 01:58:30 UTC 2019
;; MSG SIZE  rcvd: 76
`;
const NSLOOKUP = `$ nslookup kubernetes.default
;; connection timed out; no servers could be reached
`;

const SETUP = `$ ls
README.md  run.sh  scion.service  scionupgrade.service
scionupgrade.sh  scionupgrade.timer  scion-viz.service  Vagrantfile
$ vagrant up
Vagrant cannot forward the specified ports on this VM, since they
would collide with some other application that is already listening
on these ports. The forwarded port to 8000 is already in use
on the host machine.
ubuntu@ubuntu-xenial:~$ ll /run/shm/dispatcher/
total 0
drwxr-xr-x 3 ubuntu ubuntu  80 Sep 28 09:32 ./
drwxrwxrwt 5 root   root   100 Sep 27 15:53 ../
drwxr-xr-x 2 ubuntu ubuntu  60 Sep 28 09:32 lwip/
ubuntu@ubuntu-xenial:~$ ./bin/scmp echo -local 17-ffaa:1:64,[127.0.0.1] -remote 17-ffaa:0:1101,[127.0.0.1]
^C
--- 17-ffaa:0:1101,[127.0.0.1] statistics ---
5 packets transmitted, 0 received, 100% packet loss, time 4.382946s
`;
const SETUP_WELL = `$ vagrant --version
Vagrant 2.1.1
$ ls
client.conf  gen  README.md  run.sh  scion.service  scionupgrade.service
scionupgrade.sh  scionupgrade.timer  scion-viz.service  Vagrantfile
ubuntu@ubuntu-xenial:~$ ll /run/shm/sciond/
total 0
drwxr-xr-x 2 ubuntu ubuntu  60 Sep 28 09:32 ./
drwxrwxrwt 5 root   root   100 Sep 27 15:53 ../
srwxr-xr-x 1 ubuntu ubuntu   0 Sep 28 09:32 default.sock=
ubuntu@ubuntu-xenial:~$ ./bin/scmp echo -local 17-ffaa:1:64,[127.0.0.1] -remote 17-ffaa:0:1101,[127.0.0.1]
120 bytes from 17-ffaa:0:1101,[127.0.0.1] scmp_seq=0 time=10.765ms
^C
--- 17-ffaa:0:1101,[127.0.0.1] statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2.382946s
`;

const MIDONET = `root@compute1:~# date
Thu Mar 26 13:24:34 JST 2015
root@compute2:~# date
Thu Mar 26 04:24:36 UTC 2015
root@compute2:~# lsmod | grep openvswitch
root@compute2:~# modinfo openvswitch
filename:       /lib/modules/3.13.0-48-generic/kernel/net/openvswitch/openvswitch.ko
license:        GPL
vermagic:       3.13.0-45-generic SMP mod_unload modversions
root@compute2:~# tail /var/log/midolman/midolman.log
2015.03.26 04:20:11.501 WARN  [nsdb-client] org.midonet.cluster.backend - ZooKeeper connection lost, trying again
2015.03.26 04:20:41.530 ERROR [midolman-akka] org.midonet.midolman.state - KeeperErrorCode = ConnectionLoss for /midonet/v5
2015.03.26 04:21:02.116 ERROR [simulation-2] org.midonet.midolman.simulation - port 7aa08012 not found
`;
const MIDONET_WELL = `root@compute1:~# date
Thu Mar 26 13:24:34 JST 2015
root@compute2:~# date
Thu Mar 26 13:24:36 JST 2015
root@compute2:~# lsmod | grep openvswitch
openvswitch            70743  0
vxlan                  37584  1 openvswitch
root@compute2:~# modinfo openvswitch
filename:       /lib/modules/3.13.0-48-generic/kernel/net/openvswitch/openvswitch.ko
vermagic:       3.13.0-48-generic SMP mod_unload modversions
`;

const VMS = (state: string) => `$ bosh vms
Deployment 'cf'

Instance                                          Process State       AZ  IPs          VM CID                                   VM Type
api/45e92d63-905b-4659-8400-3df97b97850b          running             z1  10.255.16.10 vm-bd55a96c-e4b4-4a33-53d0-7297e63d5bed  m3.large
diego-cell/4abb639b-33a9-4d8d-8a95-21c3863c7b0c   ${state.padEnd(18)}  z1  10.255.16.14 vm-323a3988-5671-4b0d-4939-622d1886185f  r3.xlarge
`;
const VTEP = `$ ip addr show silk-vtep
294: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1410 qdisc noqueue state UNKNOWN group default
    link/ether ee:ee:0a:ff:22:00 brd ff:ff:ff:ff:ff:ff
    inet 10.255.34.0/16 scope link silk-vtep
`;

const NAMESPACES = (netnsid: number) => `$ ip addr show | grep -B2 10.255.211.40
64376: s-010255211040@if64375: <BROADCAST,MULTICAST,NOARP,UP,LOWER_UP> mtu 1410 qdisc noqueue state UP group default
    link/ether aa:aa:0a:ff:d3:28 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 169.254.0.1 peer 10.255.211.40/32 scope link s-010255211040
$ ls -l /proc/17675/ns/net /proc/17702/ns/net
lrwxrwxrwx 1 vcap vcap 0 Jan 25 01:58 /proc/17675/ns/net -> 'net:[4026533012]'
lrwxrwxrwx 1 vcap vcap 0 Jan 25 01:58 /proc/17702/ns/net -> 'net:[4026533012]'
$ lsns -l -t net | egrep 'NETNSID|4026533012'
        NS TYPE NPROCS   PID USER NETNSID NSFS COMMAND
4026533012 net       4 17675 vcap       ${netnsid}      /tmp/garden-init
`;

const KUBERNETES = `$ kubectl -n calico-vpp-dataplane get pods
NAME                    READY   STATUS             RESTARTS   AGE
calico-vpp-node-7xk2p   1/2     CrashLoopBackOff   7          18m
$ calivppctl log -agent myk8node1
time="2021-06-30T12:00:01Z" level=fatal msg="listen tcp4 0.0.0.0:179: bind: address already in use" component=calico-vpp-agent
$ kubectl -n calico-vpp-dataplane describe pod/calico-vpp-node-7xk2p
  Warning  FailedScheduling  2m  default-scheduler  0/3 nodes are available: 3 Insufficient hugepages-2Mi.
$ dmesg | tail -1
[ 4711.2] vpp_main[17675]: segfault at 0 ip 00007f2a sp 00007ffd error 4 in libvnet.so
`;
const KUBERNETES_WELL = `$ kubectl -n calico-vpp-dataplane get pods
NAME                    READY   STATUS    RESTARTS   AGE
calico-vpp-node-7xk2p   2/2     Running   0          18m
`;

const SSH_OFF = `$ cf ssh-enabled myapp
ssh support is disabled for 'myapp'
`;

const POLICY_ERROR = `{"timestamp":"1548381510.1","source":"cfnetworking.policy-server","message":"cfnetworking.policy-server.create-policies.failed-creating-policies","log_level":2,"data":{"error":"database create: dial tcp 10.0.16.6:3306: connect: connection refused"}}
{"timestamp":"1548381512.4","source":"cfnetworking.silk-cni","message":"cfnetworking.silk-cni.add.failed","log_level":2,"data":{"error":"creating veth pair: file exists"}}
`;
const POLICY_WELL = `{"timestamp":"1548381510.1","source":"cfnetworking.policy-server","message":"cfnetworking.policy-server.created-policies","log_level":1,"data":{"policies":[]}}
`;

const AUDIT = `type=AVC msg=audit(1612345678.123:456): avc:  denied  { name_bind } for  pid=2531 comm="pluto" src=4500 scontext=system_u:system_r:ipsec_t:s0 tcontext=system_u:object_r:port_t:s0 tclass=udp_socket permissive=0
Feb  3 10:47:58 sg2 kernel: audit: type=1400 audit(1612345679.1:457): apparmor="DENIED" operation="open" profile="/usr/lib/ipsec/charon" name="/opt/keys/sg2.pem" pid=813 comm="charon" requested_mask="r" denied_mask="r" fsuid=0 ouid=0
`;
const AUDIT_WELL = `type=AVC msg=audit(1612345678.123:456): avc:  denied  { read } for  pid=99 comm="rsyslogd" name="x" permissive=0
type=AVC msg=audit(1612345678.124:457): avc:  denied  { name_bind } for  pid=2531 comm="pluto" src=4500 permissive=1
`;

export const captures: readonly SampleCapture[] = [
  {
    file: 'ping-failed-output.pcap',
    shows: 'two hosts, and pings of others: small ones pass and large ones do not, or a router names its MTU',
    must: ['underlay.ping-failed'],
    healthy: false,
    sideFiles: log('ping-large.txt', PING),
    write: twoHosts,
  },
  {
    file: 'dns-lookup-output.pcap',
    shows: 'two hosts, dig that is answered without an address, and nslookup that no server answers',
    must: ['dns.lookup-failed'],
    healthy: false,
    sideFiles: log('dig-empty.txt', `${DIG('NOERROR', 0, 2)}${NSLOOKUP}`),
    write: twoHosts,
  },
  {
    file: 'scion-setup.pcap',
    shows:
      'a healthy link, and a machine whose set-up lacks files and a socket, whose port is taken and whose SCMP echoes fail',
    must: ['scion.setup-incomplete', 'scion.echo-loss'],
    healthy: false,
    sideFiles: log('scion-setup.txt', SETUP),
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
  {
    file: 'scion-setup-healthy.pcap',
    shows: 'the same link, and a machine that is set up',
    must: [],
    healthy: true,
    sideFiles: log('scion-setup-healthy.txt', SETUP_WELL),
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
  {
    file: 'midonet-host-setup.pcap',
    shows:
      'two hosts; by their outputs they are in different time zones, the module of one does not fit its kernel, and its agent loses ZooKeeper',
    must: ['host.module-missing', 'midonet.agent-errors', 'time.zone-shift'],
    healthy: false,
    sideFiles: log('midonet-host.txt', MIDONET),
    write: twoHosts,
  },
  {
    file: 'silk-cell-unresponsive.pcap',
    shows: 'two hosts; by bosh vms a cell does not answer, and its address lies in the network of silk-vtep',
    must: ['silk.cell-unresponsive'],
    healthy: false,
    sideFiles: log('bosh-vms.txt', `${VMS('unresponsive agent')}${VTEP}`),
    write: twoHosts,
  },
  {
    file: 'silk-namespaces.pcap',
    shows: 'two hosts; by lsns the processes of a container are not in the namespace of its interface',
    must: ['silk.namespace-mismatch'],
    healthy: false,
    sideFiles: log('silk-namespaces.txt', NAMESPACES(3)),
    write: twoHosts,
  },
  {
    file: 'silk-ssh-disabled.pcap',
    shows: 'two hosts; cf says that ssh to an app is off',
    must: ['silk.agent-failure'],
    healthy: false,
    sideFiles: log('cf-ssh-enabled.txt', SSH_OFF),
    write: twoHosts,
  },
  {
    file: 'silk-component-errors.pcap',
    shows: 'two hosts; the policy server and silk-cni of a cell log errors',
    must: ['silk.agent-failure'],
    healthy: false,
    sideFiles: log('cfnetworking-errors.log', POLICY_ERROR),
    write: twoHosts,
  },
  {
    file: 'host-access-denied.pcap',
    shows: 'two hosts; SELinux and AppArmor deny something to IKE daemons',
    must: ['host.access-denied'],
    healthy: false,
    sideFiles: log('audit.log', AUDIT),
    write: twoHosts,
  },
  {
    file: 'vpp-node-failure.pcap',
    shows:
      'two hosts; by kubectl and logs VPP does not run on a node: hugepages, a port that is taken, a crash',
    must: ['vpp.node-failure'],
    healthy: false,
    sideFiles: log('calico-vpp-node.txt', KUBERNETES),
    write: twoHosts,
  },
  {
    file: 'guide-outputs-healthy.pcap',
    shows: 'two hosts, and the same outputs where all is well',
    must: [],
    healthy: true,
    sideFiles: {
      log: [
        { file: 'ping-well.txt', content: PING_WELL },
        { file: 'dig-well.txt', content: DIG('NOERROR', 1, 2) },
        { file: 'midonet-host-well.txt', content: MIDONET_WELL },
        { file: 'bosh-vms-well.txt', content: VMS('running') },
        { file: 'silk-namespaces-well.txt', content: NAMESPACES(0) },
        { file: 'cfnetworking-well.log', content: POLICY_WELL },
        { file: 'audit-well.log', content: AUDIT_WELL },
        { file: 'calico-vpp-node-well.txt', content: KUBERNETES_WELL },
      ],
    },
    write: twoHosts,
  },
];
