import { ping } from '../../test/build/scenario.js';
import { keepalives, rawFraming, registrations } from '../../test/build/scenario-scion.js';
import type { SampleCapture, SampleSideFile } from './sample-capture.js';
import { CHILD, CHILD_PHASE, healthyLink, PARENT, path, rawFile } from './scion.js';
import { namedTimeline } from './sites.js';

/** Keepalives of the beacon service, as it sends them since April 2018. */
function attachmentPointSilent(): Uint8Array {
  const t = namedTimeline('scion-attachment-point-silent', rawFraming);
  const until = 40;
  keepalives(t, { from: CHILD, to: PARENT, at: CHILD_PHASE, until, isOneHop: true });
  registrations(t, { from: CHILD, to: PARENT, at: 3.1, until }, path(t));
  return rawFile(t);
}

/** Over IPv6, with the lower port at the attachment point: the child sends no keepalives, and its pings are lost as well. */
function childSilent(): Uint8Array {
  const t = namedTimeline('scion-child-silent-ipv6', rawFraming);
  const child = { isdAs: CHILD.isdAs, socket: { ...CHILD.socket, address: 'fd00:8::8', port: 50_015 } };
  const parent = { isdAs: PARENT.isdAs, socket: { ...PARENT.socket, address: 'fd00:8::1', port: 50_000 } };
  keepalives(t, { from: parent, to: child, at: CHILD_PHASE, until: 40, isOneHop: true });
  ping(t, child.socket, parent.socket, { at: 9.2, count: 5, identifier: 0x3b12, answered: false });
  return rawFile(t);
}

/** The topology of the child, as its border router has it. */
function topology(isdAs: string, local: string, remote: string): SampleSideFile {
  const link = { underlay: { local, remote }, isd_as: PARENT.isdAs, link_to: 'parent', mtu: 1472 };
  const router = { internal_addr: '127.0.0.17:30001', interfaces: { '1': link } };
  const text = { isd_as: isdAs, mtu: 1472, border_routers: { 'br-1': router } };
  const name = [isdAs, local, remote].join(' ').replace(/[^0-9a-f]+/g, '-');
  return { file: `scion-topology-${name}.json`, content: `${JSON.stringify(text, null, 2)}\n` };
}

/** Of the link as `healthyLink` has it. */
export const childTopology = topology(CHILD.isdAs, '10.0.8.8:50000', '10.0.8.1:50015');

const TUN_ADDRESS = {
  file: 'scion-tun0.txt',
  content:
    '4: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UNKNOWN\n    inet 10.0.8.8/24 scope global tun0\n',
};

/** The healthy link, held against topologies that are and are not its own. */
export const captures: readonly SampleCapture[] = [
  {
    file: 'scion-topology-healthy.pcap',
    shows: 'a link of 2018 whose topology names the endpoints and ASes that speak',
    must: [],
    healthy: true,
    sideFiles: { topology: [childTopology], log: [TUN_ADDRESS] },
    write: healthyLink,
  },
  {
    file: 'scion-endpoint-mismatch.pcap',
    shows: 'the topology names another port of the attachment point than the one in use',
    must: ['scion.endpoint-mismatch'],
    healthy: false,
    sideFiles: { topology: [topology(CHILD.isdAs, '10.0.8.8:50000', '10.0.8.1:50202')] },
    write: healthyLink,
  },
  {
    file: 'scion-attachment-point-silent.pcap',
    shows:
      'the border router of the attachment point sends nothing; the keepalives of the child, on tun0, have a path of one hop, and the topology names another port',
    must: ['scion.keepalive-missing'],
    healthy: false,
    allow: ['scion.endpoint-mismatch'],
    sideFiles: { topology: [topology(CHILD.isdAs, '10.0.8.8:50000', '10.0.8.1:50202')] },
    write: attachmentPointSilent,
  },
  {
    file: 'scion-child-silent-ipv6.pcap',
    shows:
      'over IPv6 the child sends no keepalives to the attachment point, which has the lower port, and its pings are lost too',
    must: ['scion.keepalive-missing'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    write: childSilent,
  },
  {
    file: 'scion-ia-mismatch.pcap',
    shows: 'the configuration of another AS was unpacked: the packets name theirs',
    must: ['scion.ia-mismatch'],
    healthy: false,
    sideFiles: { topology: [topology('17-ffaa:1:99', '10.0.8.8:50000', '10.0.8.1:50015')] },
    write: healthyLink,
  },
  {
    file: 'scion-tun-address-mismatch.pcap',
    shows: 'tun0 has another address than the topology',
    must: ['scion.tun-address-mismatch'],
    healthy: false,
    allow: ['scion.endpoint-mismatch'],
    sideFiles: { topology: [topology(CHILD.isdAs, '10.0.8.77:50000', '10.0.8.1:50015')], log: [TUN_ADDRESS] },
    write: healthyLink,
  },
];
