import { arp } from '../../test/build/arp.js';
import { writePcap } from '../../test/build/capture-file.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type Endpoint, ping, type Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  CELL_A,
  CELL_B,
  encapsulate,
  innerPing,
  onCellA,
  silkTraffic,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline } from './sites.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

function macMismatch(t: Timeline): void {
  silkTraffic(t);
  const wrong = { source: 'ee:ee:0a:ff:52:43' };
  innerPing(t, { ...APP_A, address: '10.255.82.99' }, APP_B, {
    at: 5.3,
    count: 4,
    identifier: 0x2f10,
    macs: wrong,
  });
}

/** A container of cell A has an address of the lease of cell B's neighbour. */
function leaseMismatch(t: Timeline): void {
  silkTraffic(t);
  const stranger = { ...APP_A, address: '10.255.31.9' };
  innerPing(t, stranger, APP_B, { at: 5.4, count: 8, identifier: 0x2f11, isAnswered: (i) => i < 8 });
}

function unexpectedArp(t: Timeline): void {
  silkTraffic(t);
  for (let i = 0; i < 5; i += 1) {
    const frame = ethernet({
      source: CELL_A.mac,
      destination: BROADCAST,
      etherType: ETHER_TYPE.arp,
      payload: arp({
        operation: 1,
        senderMac: CELL_A.mac,
        senderAddress: CELL_A.vtep,
        targetAddress: '10.255.201.0',
      }),
    });
    encapsulate(t, 6.2 + i, CELL_A, CELL_B, frame);
  }
}

/** On the host side of two containers' links, as a capture on all of them shows it. */
function gatewayMismatch(): Uint8Array {
  const t = namedTimeline('silk-gateway-mismatch');
  const gateway = '169.254.0.1';
  const good = { address: '10.255.82.67', mac: 'ee:ee:0a:ff:52:43', host: 'aa:aa:0a:ff:52:43' };
  const bad = { address: '10.255.82.70', mac: 'ee:ee:0a:ff:52:46', host: 'aa:aa:0a:ff:52:46' };
  const at = (from: string, to: string): [Endpoint, Endpoint] => [
    { mac: from, address: good.address, ttl: 64 },
    { mac: to, address: gateway, ttl: 64 },
  ];
  for (let i = 0; i < 4; i += 1) {
    const seconds = 1 + i * 9;
    const request = arp({
      operation: 1,
      senderMac: good.mac,
      senderAddress: good.address,
      targetAddress: gateway,
    });
    t.send(seconds, ...at(good.mac, good.host), ETHER_TYPE.arp, request);
    const reply = arp({
      operation: 2,
      senderMac: good.host,
      senderAddress: gateway,
      targetMac: good.mac,
      targetAddress: good.address,
    });
    t.send(seconds + 40e-6, ...at(good.host, good.mac), ETHER_TYPE.arp, reply);
  }
  for (let i = 0; i < 6; i += 1) {
    const request = arp({
      operation: 1,
      senderMac: bad.mac,
      senderAddress: bad.address,
      targetAddress: '10.255.82.1',
    });
    t.send(4.5 + i * 1.02, ...at(bad.mac, BROADCAST), ETHER_TYPE.arp, request);
  }
  return writePcap(t.frames());
}

/** Requests of a container and their answers on its link; no ARP, as silk sets the neighbours. */
function containerLink(name: string, octet: number): Uint8Array {
  const t = namedTimeline(name);
  const suffix = `0a:ff:52:${octet.toString(16).padStart(2, '0')}`;
  const container: Endpoint = { mac: `ee:ee:${suffix}`, address: '10.255.82.67', ttl: 64 };
  const server: Endpoint = { mac: `aa:aa:${suffix}`, address: '192.0.2.53', ttl: 57 };
  ping(t, container, server, { at: 1, count: 6, intervalSeconds: 1.01, identifier: 0x2f20 });
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'silk-mac-mismatch.pcap',
    shows: 'healthy silk traffic, and frames whose MAC address encodes a container instead of the cell',
    must: ['silk.mac-mismatch'],
    healthy: false,
    write: onCellA('silk-mac-mismatch', 22, macMismatch),
  },
  {
    file: 'silk-lease-mismatch.pcap',
    shows: 'healthy silk traffic, and packets of an address outside the lease of the cell that sends them',
    must: ['silk.lease-mismatch'],
    healthy: false,
    write: onCellA('silk-lease-mismatch', 22, leaseMismatch),
  },
  {
    file: 'silk-gateway-mismatch.pcap',
    shows:
      'links of two containers: one asks for 169.254.0.1, the other for a gateway that silk does not use',
    must: ['silk.gateway-mismatch'],
    healthy: false,
    allow: ['arp.unanswered'],
    write: gatewayMismatch,
  },
  {
    file: 'silk-unexpected-arp.pcap',
    shows: 'healthy silk traffic, and ARP broadcasts inside the tunnel',
    must: ['silk.unexpected-arp'],
    healthy: false,
    allow: ['arp.unanswered'],
    write: onCellA('silk-unexpected-arp', 22, unexpectedArp),
  },
  {
    file: 'silk-link-mac.pcap',
    shows:
      'the link of a container: both of its MAC addresses are made from another address than the container uses',
    must: ['silk.mac-mismatch'],
    healthy: false,
    write: () => containerLink('silk-link-mac', 68),
  },
  {
    file: 'silk-link-healthy.pcap',
    shows: 'the link of a container as silk sets it up, without ARP',
    must: [],
    healthy: true,
    write: () => containerLink('silk-link-healthy', 67),
  },
];
