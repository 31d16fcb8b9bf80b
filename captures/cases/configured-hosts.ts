import { writePcap } from '../../test/build/capture-file.js';
import { ping } from '../../test/build/scenario.js';
import { asIn } from './as-in.js';
import { captures as bgp } from './bgp.js';
import { captures as quality } from './capture-quality.js';
import { captures as ikeV1 } from './ike-v1.js';
import { onCellA, silkTraffic } from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

/* What hosts are configured to be, beside captures that are explained by it or agree with it. */

const { local, peer } = PUBLIC_SITE;
const log = (file: string, content: string) => ({ log: [{ file, content }] });

function quietHosts(): Uint8Array {
  const t = siteTimeline('tables-quiet', PUBLIC_SITE, 12);
  ping(t, local, peer, { at: 2, count: 5, identifier: 0x4102 });
  return writePcap(t.frames());
}

const SILK_LINK = `$ ip addr show
64376: s-010255082067@if64375: <BROADCAST,MULTICAST,NOARP,UP,LOWER_UP> mtu 1410 qdisc noqueue state UP group default
    link/ether aa:aa:0a:ff:52:43 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 169.254.0.1 peer 10.255.82.67/32 scope link s-010255082067
12: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1410 qdisc noqueue state UNKNOWN group default
    link/ether ee:ee:0a:ff:52:00 brd ff:ff:ff:ff:ff:ff
    inet 10.255.82.0/16 scope link silk-vtep
    vxlan id 1 local ${local.address} dev eth0 srcport 0 0 dstport 4789 nolearning ageing 300 gbp
`;
const OFFLOAD = `# ethtool -k eth0
Features for eth0:
tx-checksumming: on
tcp-segmentation-offload: on
generic-receive-offload: off
`;
const BGP_RUN = (hold: number): string => `# show run
router bgp 64500
 bgp router-id 192.0.2.1
 neighbor ${peer.address} remote-as 4200000010
 neighbor ${peer.address} timers 7 ${hold}
 neighbor ${peer.address} timers connect 10
`;
const ZONE = `midonet> tunnel-zone tzone0 list member
zone tzone0 host host0 address ${local.address}
zone tzone0 host host1 address ${peer.address}
midonet> list host
host host0 name host-a alive true
host host1 name host-b alive true
`;
const NATD_NONE = ` 004 "sg1--sg2-net" #797: STATE_QUICK_I2: sent QI2, IPsec SA established {ESP=>0xaa6fa19a <0xa2f3b68d xfrm=3DES_0-HMAC_SHA1 NATD=none DPD=enabled}
`;

export const captures: readonly SampleCapture[] = [
  {
    file: 'capture-offload-ethtool.pcap',
    shows: 'a TCP transfer with offload, and ethtool -k of the card, which says so',
    must: ['capture.offload'],
    healthy: true,
    sideFiles: log('ethtool-offload.txt', OFFLOAD),
    write: asIn(quality, 'capture-offload.pcap'),
  },
  {
    file: 'silk-interface-healthy.pcap',
    shows:
      'two cells of silk, and ip addr of one: the link of the container and the device are as they should be',
    must: [],
    healthy: true,
    sideFiles: log('silk-ip-addr-healthy.txt', SILK_LINK),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'bgp-no-session-run.pcap',
    shows: 'SYNs to port 179 that nobody answers, and the configuration that sends them',
    must: ['bgp.no-session'],
    healthy: false,
    allow: ['tcp.syn-unanswered'],
    sideFiles: log('bgp-show-run-connect.txt', BGP_RUN(15)),
    write: asIn(bgp, 'bgp-no-session.pcap'),
  },
  {
    file: 'bgp-timers-mismatch.pcap',
    shows: 'a session is established with another hold time than the configuration of this side has',
    must: ['bgp.configuration-mismatch'],
    healthy: false,
    sideFiles: log('bgp-show-run-timers.txt', BGP_RUN(21)),
    write: asIn(bgp, 'bgp-healthy.pcap'),
  },
  {
    file: 'midonet-zone-healthy.pcap',
    shows: 'two hosts, both alive members of a tunnel zone',
    must: [],
    healthy: true,
    sideFiles: log('midonet-zone.txt', ZONE),
    write: quietHosts,
  },
  {
    file: 'ike-nat-undetected-log.pcap',
    shows: 'native ESP through a NAT, and the log of pluto: NATD=none',
    must: ['ike.nat-undetected'],
    healthy: false,
    allow: ['esp.spi-mismatch'],
    sideFiles: log('pluto-natd-none.log', NATD_NONE),
    write: asIn(ikeV1, 'ike-nat-undetected.pcap'),
  },
];
