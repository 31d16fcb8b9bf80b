import { arp } from '../../test/build/arp.js';
import { writePcap } from '../../test/build/capture-file.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { arpExchange, type Endpoint, ping, type Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline } from './sites.js';

const host = (last: number, mac: string): Endpoint => ({
  address: `192.0.2.${last}`,
  mac: `00:00:5e:00:53:${mac}`,
  ttl: 64,
});
const CLIENT = host(10, '0a');
const ROUTER = host(254, 'fe');
const SERVER = host(20, '14');
const CLONE = host(20, '15');
const ABSENT = host(30, '1e');
const ALL = 'ff:ff:ff:ff:ff:ff';

function neighbourhood(t: Timeline): void {
  for (const other of [ROUTER, SERVER]) arpExchange(t, 0.2, CLIENT, other);
  ping(t, CLIENT, ROUTER, { at: 1, count: 20, identifier: 0x3c01, roundTripSeconds: 0.0005 });
  ping(t, CLIENT, SERVER, { at: 1.4, count: 3, identifier: 0x3c02, roundTripSeconds: 0.0004 });
}

function capture(name: string, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = namedTimeline(name);
    neighbourhood(t);
    build(t);
    return writePcap(t.frames());
  };
}

function unanswered(t: Timeline): void {
  for (let i = 0; i < 6; i += 1) arpExchange(t, 4.1 + i * 1.02, CLIENT, ABSENT, { answered: false });
}

/** The requests of somebody else, whose replies a switch would not send to this port. */
function othersAsk(t: Timeline): void {
  for (let i = 0; i < 6; i += 1) arpExchange(t, 4.1 + i * 1.02, host(40, '28'), ABSENT, { answered: false });
}

function announce(t: Timeline, at: number, owner: Endpoint): void {
  const { mac, address } = owner;
  const payload = arp({ operation: 1, senderMac: mac, senderAddress: address, targetAddress: address });
  t.send(at, owner, { ...owner, mac: ALL }, ETHER_TYPE.arp, payload);
}

function duplicate(t: Timeline): void {
  for (let i = 0; i < 4; i += 1) {
    arpExchange(t, 5 + i * 3, CLIENT, SERVER);
    arpExchange(t, 5.0003 + i * 3, CLIENT, CLONE);
  }
}

/** The address moves to another host once. */
function takeover(t: Timeline): void {
  announce(t, 8, CLONE);
  announce(t, 9, CLONE);
  for (let i = 0; i < 3; i += 1) arpExchange(t, 10 + i * 3, CLIENT, CLONE);
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'arp-unanswered.pcap',
    shows: 'a host asks six times for the MAC address of an absent neighbour; others answer it',
    must: ['arp.unanswered'],
    healthy: false,
    write: capture('arp-unanswered', unanswered),
  },
  {
    file: 'arp-others-ask.pcap',
    shows: 'ARP broadcasts of another host, as a switch port shows them: without their replies',
    must: [],
    healthy: true,
    write: capture('arp-others-ask', othersAsk),
  },
  {
    file: 'arp-duplicate-ip.pcap',
    shows: 'every request for a server is answered by two MAC addresses',
    must: ['arp.duplicate-ip'],
    healthy: false,
    write: capture('arp-duplicate-ip', duplicate),
  },
  {
    file: 'arp-takeover.pcap',
    shows: 'a failover: an address moves to another MAC address, once',
    must: [],
    healthy: true,
    write: capture('arp-takeover', takeover),
  },
];
