import { writePcap } from '../../test/build/capture-file.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { arpExchange, type Endpoint } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import { asIn } from './as-in.js';
import { captures as bgp } from './bgp.js';
import { captures as clocks } from './clocks.js';
import { onCellA, silkTraffic } from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE } from './sites.js';

/* What hosts say of themselves, pasted into a file, beside captures that show the same or nothing of it. */

const { local, peer } = PUBLIC_SITE;

function showRun(ownAs: number, peerAs: number): string {
  return `# show run
Building configuration...

Current configuration:
!
hostname bgpd
!
router bgp ${ownAs}
 bgp router-id 192.0.2.1
 neighbor ${peer.address} remote-as ${peerAs}
 neighbor ${peer.address} timers 5 15
 neighbor ${peer.address} timers connect 10
!
line vty
!
end
`;
}

/** On the link of a container: its gateway answers in the name of a host outside. */
const CONTAINER: Endpoint = { address: '10.255.82.67', mac: 'ee:ee:0a:ff:52:43', ttl: 64 };
const GATEWAY: Endpoint = { address: '169.254.0.1', mac: 'aa:aa:0a:ff:52:43', ttl: 64 };
const OUTSIDE = '203.0.113.80';

function egressReject(): Uint8Array {
  const t = namedTimeline('silk-egress-reject');
  arpExchange(t, 0.2, CONTAINER, GATEWAY);
  for (let count = 0; count < 4; count += 1) {
    const at = 1 + count * 1.2;
    const ends = { source: CONTAINER.address, destination: OUTSIDE };
    const ports = { sourcePort: 51_000 + count, destinationPort: 5432 };
    const syn = tcp({ ...ends, ...ports, sequence: t.random.next(), flags: ['SYN'] });
    const packet = ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload: syn, ttl: 64, identification: count });
    t.sendIp(at, CONTAINER, { ...GATEWAY, address: OUTSIDE }, IP_PROTOCOL.tcp, syn);
    t.sendIp(at + 0.0001, GATEWAY, CONTAINER, IP_PROTOCOL.icmp, icmpError(3, 3, packet));
  }
  return writePcap(t.frames());
}

const STORE = `{
  "53069156-e8cf-4ca5-5a0a-838e": {
    "handle": "53069156-e8cf-4ca5-5a0a-838e",
    "ip": "10.255.82.67",
    "metadata": {
      "app_id": "1ee630fd-528a-4d80-97cd-dea170be759d",
      "space_id": "49dae64f-8231-4294-9882-1490c120f839",
      "policy_group_id": "1ee630fd-528a-4d80-97cd-dea170be759d"
    }
  }
}
`;

/** The namespace of the uplink: nothing but the questions of the speaker. */
function peerWithoutMac(): Uint8Array {
  const t = namedTimeline('arp-bgp-peer-silent');
  const speaker: Endpoint = { address: '192.0.2.29', mac: '00:00:5e:00:53:29', ttl: 64 };
  const neighbour: Endpoint = { address: '192.0.2.30', mac: '00:00:5e:00:53:30', ttl: 64 };
  for (let i = 0; i < 12; i += 1) arpExchange(t, 0.1 + i * 1.02, speaker, neighbour, { answered: false });
  return writePcap(t.frames());
}

function vtep(network: number, port: number): string {
  return `3: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1410 qdisc noqueue state UNKNOWN mode DEFAULT group default
    link/ether ee:ee:0a:ff:52:00 brd ff:ff:ff:ff:ff:ff promiscuity 0
    vxlan id ${network} local ${local.address} dev eth0 srcport 0 0 dstport ${port} nolearning ageing 300 gbp
`;
}

const NTPQ = (first: string): string => `# ntpq -pn
     remote           refid      st t when poll reach   delay   offset  jitter
==============================================================================
${first}192.0.2.123     .GPS.            1 u   41   64  377    0.412    2.713   0.608
 203.0.113.123   .INIT.          16 u    - 1024    0    0.000    0.000   0.000
`;

export const captures: readonly SampleCapture[] = [
  {
    file: 'bgp-configuration-mismatch.pcap',
    shows: 'a session is established, and by the configuration of this side the neighbour is in another AS',
    must: ['bgp.configuration-mismatch'],
    healthy: false,
    sideFiles: { log: [{ file: 'bgp-show-run-other-as.txt', content: showRun(64_500, 65_534) }] },
    write: asIn(bgp, 'bgp-healthy.pcap'),
  },
  {
    file: 'bgp-configuration-healthy.pcap',
    shows: 'the same session, as the configuration of this side says',
    must: [],
    healthy: true,
    sideFiles: { log: [{ file: 'bgp-show-run.txt', content: showRun(64_500, 4_200_000_010) }] },
    write: asIn(bgp, 'bgp-healthy.pcap'),
  },
  {
    file: 'silk-egress-reject.pcap',
    shows:
      'on the link of a container, its gateway rejects connections to a database outside: an egress security group',
    must: ['overlay.policy-reject'],
    healthy: false,
    allow: ['underlay.unreachable'],
    sideFiles: { store: [{ file: 'silk-store-egress.json', content: STORE }] },
    write: egressReject,
  },
  {
    file: 'arp-bgp-peer-silent.pcap',
    shows: 'nothing but a BGP speaker that asks for the MAC address of its neighbour, twelve times in vain',
    must: ['arp.unanswered'],
    healthy: false,
    write: peerWithoutMac,
  },
  {
    file: 'vxlan-device-other-port.pcap',
    shows:
      'two cells of silk, and the VXLAN device of one of them by ip -d link: another port and VNI than its packets',
    must: ['vxlan.port-mismatch', 'vxlan.vni-mismatch'],
    healthy: false,
    sideFiles: { log: [{ file: 'silk-vtep-4790.txt', content: vtep(2, 4790) }] },
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'vxlan-device-healthy.pcap',
    shows: 'the same cells, and a device with the port and the VNI of its packets',
    must: [],
    healthy: true,
    sideFiles: { log: [{ file: 'silk-vtep.txt', content: vtep(1, 4789) }] },
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'time-ntpq-no-peer.pcap',
    shows: 'a host whose ntpq -pn has no line with *: it follows none of its servers',
    must: ['time.ntp-unsynchronised'],
    healthy: false,
    sideFiles: { log: [{ file: 'ntpq-no-peer.txt', content: NTPQ(' ') }] },
    write: asIn(clocks, 'time-ntp-healthy.pcap'),
  },
  {
    file: 'time-ntpq-healthy.pcap',
    shows: 'the same host, which follows one server by its ntpq -pn while another one does not answer',
    must: [],
    healthy: true,
    sideFiles: { log: [{ file: 'ntpq-healthy.txt', content: NTPQ('*') }] },
    write: asIn(clocks, 'time-ntp-healthy.pcap'),
  },
];
