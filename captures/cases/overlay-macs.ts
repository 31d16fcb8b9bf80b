import type { Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  type Container,
  innerConnection,
  innerPing,
  innerSyns,
  onCellA,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

const STALE = '52:54:00:ab:01:02';
const OTHER_APP_B: Container = { ...APP_B, address: '10.255.144.64' };
const SILENT_APP_B: Container = { ...APP_B, address: '10.255.144.65' };

/** The tunnel device of cell B was made anew; cell A goes on sending to the address that it had before. */
export function staleMac(t: Timeline): void {
  const macs = { destination: STALE };
  innerPing(t, APP_A, APP_B, { at: 2, count: 16, identifier: 0x2f30, macs, isAnswered: () => false });
  innerSyns(t, APP_A, APP_B, { at: 4.2, clientPort: 58_060, serverPort: 8080, macs });
  // What cell B asks arrives; the answers go to the old address too.
  innerPing(t, OTHER_APP_B, APP_A, { at: 2.4, count: 15, identifier: 0x2f31, reply: { macs } });
}

/**
 * A distributed router: packets come from the address of the router port in the subnet that they enter, and go to that of
 * the host. One port of the host is closed by policy.
 */
export function distributedRouter(t: Timeline): void {
  const [routerA, routerB] = ['0a:00:00:00:00:0a', '0a:00:00:00:00:0b'];
  const [hostA, hostB] = ['0a:00:00:00:01:01', '0a:00:00:00:02:01'];
  const forth = { source: routerB, destination: hostB };
  const back = { source: routerA, destination: hostA };
  innerSyns(t, APP_A, APP_B, { at: 3, clientPort: 58_060, serverPort: 9090, macs: forth });
  for (let i = 0; i < 4; i += 1) {
    const ports = { clientPort: 40_100 + i, serverPort: 8080 };
    innerConnection(t, APP_B, APP_A, { at: 2.2 + i * 3, ...ports, macs: back, reply: { macs: forth } });
  }
}

/** A host that does not exist is asked by its address, while another one behind the same endpoint talks. */
export function silentHost(t: Timeline): void {
  innerPing(t, APP_A, SILENT_APP_B, {
    at: 2,
    count: 12,
    identifier: 0x2f32,
    macs: { destination: STALE },
    isAnswered: () => false,
  });
  innerPing(t, APP_A, APP_B, { at: 2.4, count: 12, identifier: 0x2f33 });
  innerPing(t, OTHER_APP_B, APP_A, { at: 2.6, count: 12, identifier: 0x2f34 });
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'vxlan-stale-mac.pcap',
    shows:
      'inner packets for a cell go to a MAC address that it had before: requests and answers are dropped there, its own requests come from the new one',
    must: ['vxlan.stale-mac'],
    healthy: false,
    allow: ['vxlan.no-return', 'underlay.ping-loss', 'tcp.syn-unanswered'],
    write: onCellA('vxlan-stale-mac', 22, staleMac),
  },
  {
    file: 'vxlan-distributed-router.pcap',
    shows:
      'a distributed router sends from its own MAC addresses and receives at those of the hosts; one port is closed',
    must: [],
    healthy: true,
    allow: ['tcp.syn-unanswered'],
    write: onCellA('vxlan-distributed-router', 18, distributedRouter),
  },
];
