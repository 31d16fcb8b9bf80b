import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';

/*
 * Outputs and logs of hosts on which all is well, and which hold the very words that mean trouble elsewhere: nothing loud may
 * come of them.
 */

const OUTPUTS: Readonly<Record<string, string>> = {
  'dig for IPv6 of a name that has IPv4 alone': `$ dig backend.apps.internal AAAA
; <<>> DiG 9.18.28 <<>> backend.apps.internal AAAA
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 17122
;; flags: qr aa rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 1
;; Query time: 2 msec
;; SERVER: 169.254.0.2#53(169.254.0.2) (UDP)
`,
  'dig for the name of an address': `$ dig -x 10.255.3.7
; <<>> DiG 9.18.28 <<>> -x 10.255.3.7
;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 17122
;; flags: qr aa rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 1
;; Query time: 2 msec
;; SERVER: 169.254.0.2#53(169.254.0.2) (UDP)
`,
  'nslookup of busybox, which asks for IPv6 as well': `/ # nslookup kubernetes.default.svc.cluster.local
Server:\t\t10.96.0.10
Address:\t10.96.0.10:53

Name:\tkubernetes.default.svc.cluster.local
Address: 10.96.0.1

*** Can't find kubernetes.default.svc.cluster.local: No answer

`,
  'nslookup with a search list': `/ # nslookup kubernetes.default
Server:\t\t10.96.0.10
Address:\t10.96.0.10:53

** server can't find kubernetes.default.default.svc.cluster.local: NXDOMAIN

Name:\tkubernetes.default.svc.cluster.local
Address: 10.96.0.1
`,
  'ping in search of the limit': `$ ping -M do -s 1472 198.51.100.30
PING 198.51.100.30 (198.51.100.30) 1472(1500) bytes of data.
From 192.0.2.1 icmp_seq=1 Frag needed and DF set (mtu = 1450)
--- 198.51.100.30 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2003ms

$ ping -M do -s 1422 198.51.100.30
PING 198.51.100.30 (198.51.100.30) 1422(1450) bytes of data.
1430 bytes from 198.51.100.30: icmp_seq=1 ttl=61 time=8.42 ms
1430 bytes from 198.51.100.30: icmp_seq=2 ttl=61 time=8.39 ms
1430 bytes from 198.51.100.30: icmp_seq=3 ttl=61 time=8.51 ms
--- 198.51.100.30 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2003ms
`,
  'ping that is larger than any Ethernet frame': `$ ping -M do -s 1473 198.51.100.30
PING 198.51.100.30 (198.51.100.30) 1473(1501) bytes of data.
ping: local error: message too long, mtu=1500
--- 198.51.100.30 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2003ms
`,
  'kubelet that is allowed to swap': `[WARNING Swap]: running with swap on is not supported. Please disable swap
/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml --fail-swap-on=false
`,
  'a node of VPP that starts': `$ kubectl -n calico-vpp-dataplane get pods -w
NAME                    READY   STATUS     RESTARTS   AGE
calico-vpp-node-7xk2p   0/2     Pending    0          1s
calico-vpp-node-7xk2p   0/2     Init:0/1   0          4s
calico-vpp-node-7xk2p   2/2     Running    0          31s
`,
  'the network of a pod that goes': `time="2021-06-30T12:00:01Z" level=info msg="Cannot find interface of pod, nothing to delete: Link not found" component=calico-vpp-agent
`,
  'a kubelet that was restarted': `$ service kubelet status
kubelet.service - kubelet: The Kubernetes Node Agent
   Active: activating (auto-restart) (Result: exit-code) since Wed 2021-06-30 12:00:01 UTC; 2s ago
$ service kubelet status
kubelet.service - kubelet: The Kubernetes Node Agent
   Active: active (running) since Wed 2021-06-30 12:00:13 UTC; 9s ago
`,
  'namespaces of all processes of a cell': Array.from(
    { length: 12 },
    (_, index) =>
      `lrwxrwxrwx 1 vcap vcap 0 Jan 25 01:58 /proc/${17_000 + index}/ns/net -> 'net:[${4_026_533_012 + (index >> 2)}]'\n`,
  ).join(''),
  'a file that charon may not read, and a port that another program of Java may not take': `Feb  3 10:47:58 sg2 kernel: audit: type=1400 audit(1612345679.1:457): apparmor="DENIED" operation="open" profile="/usr/lib/ipsec/charon" name="/etc/ssl/openssl.cnf" pid=813 comm="charon" requested_mask="r" denied_mask="r" fsuid=0 ouid=0
type=AVC msg=audit(1612345678.123:456): avc:  denied  { name_bind } for  pid=2531 comm="java" src=8081 scontext=system_u:system_r:tomcat_t:s0 tcontext=system_u:object_r:port_t:s0 tclass=tcp_socket permissive=0
`,
  'df of Ubuntu, whose snaps are full by design': `$ df -h
Filesystem      Size  Used Avail Use% Mounted on
/dev/root        29G  9.1G   20G  32% /
tmpfs           3.9G     0  3.9G   0% /dev/shm
/dev/loop0       64M   64M     0 100% /snap/core20/1974
/dev/sda15      105M  6.1M   99M   6% /boot/efi
`,
  'free of a host whose memory is used as cache': `$ free -m
              total        used        free      shared  buff/cache   available
Mem:           7961        1801         210          12        5949        5893
Swap:             0           0           0
`,
  'free in MiB, without its command': `              total        used        free      shared  buff/cache   available
Mem:           7961        1801         210          12        5949        5893
`,
  'ip addr of a host with bridges that nobody uses': `$ ip addr
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    inet 127.0.0.1/8 scope host lo
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default
    link/ether 02:42:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
4: virbr0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN group default qlen 1000
    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    inet 192.168.122.1/24 brd 192.168.122.255 scope global virbr0
5: eth1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
`,
  'ip route of a node of Calico, which drops what its own network has no pod for': `$ ip route
default via 192.0.2.254 dev eth0 proto dhcp metric 100
blackhole 10.244.219.64/26 proto bird
10.244.219.65 dev cali1a2b3c4d5e6 scope link
10.244.90.128/26 via 198.51.100.7 dev tunl0 proto bird onlink
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1
`,
  'ip neigh with hosts that are long gone': `$ ip neigh
192.0.2.254 dev eth0 lladdr 02:00:00:00:00:fe REACHABLE
192.0.2.77 dev eth0  FAILED
192.0.2.78 dev eth0  INCOMPLETE
`,
  'arp of a host that was scanned': `$ arp -a
? (192.0.2.254) at 02:00:00:00:00:fe [ether] on eth0
? (192.0.2.77) at <incomplete> on eth0
`,
  'ethtool of two ports, one of them without a cable': `$ ethtool eno1
Settings for eno1:
\tSpeed: 10000Mb/s
\tDuplex: Full
\tLink detected: yes
$ ethtool eno2
Settings for eno2:
\tSupported ports: [ TP ]
\tSpeed: Unknown!
\tDuplex: Unknown! (255)
\tLink detected: no
`,
  'iptables of a node of Kubernetes': `$ iptables -S
-P INPUT ACCEPT
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-A INPUT -j KUBE-FIREWALL
-A KUBE-FIREWALL -m comment --comment "kubernetes firewall for dropping marked packets" -m mark --mark 0x8000/0x8000 -j DROP
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A cali-INPUT -p udp -m comment --comment "Drop IPv4 VXLAN packets from non-allowed hosts" -m multiport --dports 4789 -m addrtype --dst-type LOCAL -j DROP
`,
  'iptables -L of a host that allows its tunnels first': `# iptables -L -v -n
Chain INPUT (policy DROP 12 packets, 720 bytes)
 pkts bytes target     prot opt in     out     source               destination
 9123 1.2M ACCEPT     udp  --  *      *       0.0.0.0/0            0.0.0.0/0            multiport dports 500,4500
 8123 1.1M ACCEPT     esp  --  *      *       0.0.0.0/0            0.0.0.0/0
   14   840 DROP       tcp  --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:23
`,
  'ip -s link with a few drops since the start': `$ ip -s link show eth0
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
    RX: bytes  packets  errors  dropped missed  mcast
    912345678  1234567  0       12      0       0
    TX: bytes  packets  errors  dropped carrier collsns
    812345678  1134567  0       0       0       0
`,
  'ntpq with peers that are not asked any more': `$ ntpq -pn
     remote           refid      st t when poll reach   delay   offset  jitter
==============================================================================
*192.0.2.123     .GPS.            1 u   33   64  377    0.412    0.021   0.013
+198.51.100.123  192.0.2.123      2 u   12   64  377    1.412    0.121   0.113
 203.0.113.123   .INIT.          16 u    - 1024    0    0.000    0.000   0.000
`,
  'swanctl and pluto lines of a tunnel that came up at the second try': `Jan  1 00:00:01 sg1 charon: 10[IKE] retransmit 1 of request with message ID 0
Jan  1 00:00:03 sg1 charon: 11[IKE] IKE_SA sg2[1] established between 192.0.2.1[sg1]...198.51.100.7[sg2]
Jan  1 00:00:03 sg1 charon: 11[IKE] CHILD_SA net{1} established with SPIs c8a417e9_i 4f62b01d_o and TS 10.1.0.0/16 === 10.2.0.0/16
`,
  'OpenVPN that reconnected once': `Mon Mar  2 22:13:05 2026 TLS: Initial packet from [AF_INET]198.51.100.7:1194, sid=1 2
Mon Mar  2 22:13:06 2026 WARNING: this configuration may cache passwords in memory
Mon Mar  2 22:13:06 2026 Initialization Sequence Completed
`,
};

const capture = resolve(import.meta.dirname, '../captures/esp-healthy.pcap');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-outputs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('outputs of hosts on which all is well', () => {
  it.each(Object.keys(OUTPUTS))('%s', async (name) => {
    const file = join(folder, 'output.txt');
    writeFileSync(file, OUTPUTS[name] ?? '');
    const { findings } = await analyze([capture], { threads: 0, sideFiles: { log: [file] } });
    const loud = findings.filter(({ severity }) => severity !== 'info');
    expect(loud.map(({ id, explanation }) => `${id}: ${explanation}`)).toEqual([]);
  });
});
