import { PUBLIC_SITE } from '../../captures/cases/sites.js';
import { ascii, concat, u8, u16, u32 } from '../build/bytes.js';
import { DHCP_TYPE, dhcp } from '../build/dhcp.js';
import { DNS_TYPE, dnsQuery, dnsResponse } from '../build/dns.js';
import { espExchange, type Timeline } from '../build/scenario.js';
import { espTunnelOf, ikev2Handshake, ikev2Liveness } from '../build/scenario-ike.js';
import { atSite, type LookAlike, natively, request, type Socket } from './table.js';

/*
 * Answers that come, or seem to come, from somewhere else than was asked, and questions that nobody answers.
 */

const { local, peer, router } = PUBLIC_SITE;
const at = (address: string, port: number, like = router): Socket => ({ ...like, address, port });
const here = (port: number): Socket => ({ ...local, port });

/** On a node with `-i any`: a pod asks the service address, and each packet is seen again with the address of the pod behind it. */
function serviceAddress(t: Timeline, isMasqueraded: boolean): void {
  const pod = { ...local, address: '10.244.1.5', mac: '02:00:0a:f4:01:05' };
  const node = { ...local, mac: '02:00:0a:f4:01:01' };
  for (let index = 0; index < 12; index++) {
    const asker = { ...pod, port: 40_000 + index };
    const [service, backend] = [at('10.96.0.10', 53, node), at('10.244.2.7', 53)];
    const left = isMasqueraded ? here(50_000 + index) : { ...asker, mac: local.mac };
    const question = { id: 100 + index, name: `s${index}.svc.cluster.local` };
    const [asked, answer] = [dnsQuery(question), dnsResponse({ ...question, addresses: ['10.0.0.9'] })];
    const when = 2 + index;
    t.sendUdp(when, asker, service, asked);
    t.sendUdp(when + 0.0001, left, backend, asked);
    t.sendUdp(when + 0.002, backend, left, answer);
    t.sendUdp(when + 0.0021, service, asker, answer);
  }
  for (let index = 0; index < 4; index++) {
    const asker = { ...pod, port: 41_000 + index };
    const left = isMasqueraded ? here(51_000 + index) : { ...asker, mac: local.mac };
    const [service, backend] = [at('10.96.0.1', 443, node), at('10.244.2.8', 6443)];
    const when = 3 + index * 2;
    // The same numbers on both legs.
    const numbers = { client: t.random.next(), server: t.random.next() };
    request(t, when, asker, service, natively(t, asker, service), natively(t, service, asker), numbers);
    request(t, when + 0.0001, left, backend, natively(t, left, backend), natively(t, backend, left), numbers);
  }
}

/** Blocks come from a port of the server's choice. */
function tftp(t: Timeline): void {
  for (let file = 0; file < 4; file++) {
    const [client, server] = [here(50_000 + file), at('192.0.2.9', 60_000 + file)];
    const when = 2 + file * 4;
    t.sendUdp(when, client, { ...server, port: 69 }, concat(u16(1), ascii(`image${file}\0octet\0`)));
    for (let block = 1; block <= 6; block++) {
      const last = when + block * 0.02;
      t.sendUdp(last, server, client, concat(u16(3), u16(block), t.random.bytes(block < 6 ? 512 : 90)));
      t.sendUdp(last + 0.001, client, server, concat(u16(4), u16(block)));
    }
  }
}

const GROUP_MAC = { ...router, mac: '01:00:5e:7f:ff:fa' };
const BROADCAST_MAC = { ...router, mac: 'ff:ff:ff:ff:ff:ff' };

/** Names asked of the whole network; one host answers each, from its own address. */
function nbns(t: Timeline): void {
  for (let index = 0; index < 6; index++) {
    const question = { id: 900 + index, name: 'CACACACACACACACACACACACACACACACA', type: 0x20 };
    const owner = at('192.0.2.31', 137, { ...router, mac: '02:00:00:00:00:31' });
    for (const after of [0, 0.75, 1.5]) {
      const when = 2 + index * 3 + after;
      t.sendUdp(when, here(137), at('192.0.2.255', 137, BROADCAST_MAC), dnsQuery(question));
      if (index % 2 === 0) t.sendUdp(when + 0.002, owner, here(137), dnsResponse(question));
    }
  }
}

/** mDNS and LLMNR: the group is asked, a host answers; and names that nobody has. */
function multicastNames(t: Timeline): void {
  const groups = [at('224.0.0.251', 5353, GROUP_MAC), at('224.0.0.252', 5355, GROUP_MAC)];
  for (const [index, group] of groups.entries()) {
    const asker = here(group.port === 5353 ? 5353 : 50_100);
    for (let round = 0; round < 6; round++) {
      const question = {
        id: group.port === 5353 ? 0 : round,
        name: round < 3 ? 'printer.local' : 'wpad.local',
      };
      const when = 2 + round * 2 + index;
      for (const after of [0, 0.4]) t.sendUdp(when + after, asker, group, dnsQuery(question));
      const owner = at('192.0.2.40', group.port, { ...router, mac: '02:00:00:00:00:40' });
      if (round < 3)
        t.sendUdp(when + 0.01, owner, asker, dnsResponse({ ...question, addresses: ['192.0.2.40'] }));
    }
  }
}

function ssdp(t: Timeline): void {
  const search = ascii(
    'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n',
  );
  const found = ascii('HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.0.2.40/d.xml\r\n\r\n');
  for (let index = 0; index < 8; index++) {
    const asker = here(50_200);
    t.sendUdp(2 + index * 2, asker, at('239.255.255.250', 1900, GROUP_MAC), search);
    t.sendUdp(
      2.4 + index * 2,
      at('192.0.2.40', 41_000, { ...router, mac: '02:00:00:00:00:40' }),
      asker,
      found,
    );
  }
}

/** Two servers offer; the client takes one. */
function dhcpBroadcast(t: Timeline): void {
  const client = { ...local, address: '0.0.0.0', port: 68 };
  const everybody = at('255.255.255.255', 67, BROADCAST_MAC);
  const [first, second] = ['192.0.2.2', '192.0.2.3'];
  const lease = { transaction: 0x1234, clientMac: local.mac };
  const back = { ...everybody, port: 68 };
  t.sendUdp(2, client, everybody, dhcp({ ...lease, type: DHCP_TYPE.discover }));
  for (const [index, server] of [first, second].entries()) {
    const offer = dhcp({ ...lease, type: DHCP_TYPE.offer, server, yourAddress: local.address });
    t.sendUdp(2.02 + index / 100, at(server, 67), back, offer);
  }
  t.sendUdp(2.1, client, everybody, dhcp({ ...lease, type: DHCP_TYPE.request }));
  const ack = dhcp({ ...lease, type: DHCP_TYPE.ack, server: first, yourAddress: local.address });
  t.sendUdp(2.12, at(first, 67), back, ack);
}

function ikeFloats(t: Timeline): void {
  const nat = { inside: local.address, outside: '203.0.113.20', port500: 1027, port4500: 61_244 };
  const peers = { initiator: local, responder: peer, nat: { ...nat, capturedAt: 'inside' as const } };
  const session = ikev2Handshake(t, peers, { at: 2 });
  const spis = { toResponder: 0xc3a1107e, toInitiator: 0x2f0b9d34 };
  espExchange(t, espTunnelOf(peers, spis), { at: 2.2, seconds: 40, intervalMs: 900 });
  ikev2Liveness(t, session, 20, 'responder');
}

/** The client goes on from another address and port under the same connection id; or moves to the server's preferred address. */
function quicMigration(t: Timeline, isServerPreferred: boolean): void {
  const id = t.random.bytes(8);
  let [client, server] = [here(50_300), at('198.51.100.7', 443, peer)];
  const long = concat(u8(0xc3), u32(1), u8(8), id, u8(0), t.random.bytes(1180));
  t.sendUdp(2, client, server, long);
  t.sendUdp(2.02, server, client, long);
  for (let index = 0; index < 40; index++) {
    if (index === 20 && isServerPreferred) server = { ...server, address: '198.51.100.17' };
    else if (index === 20) client = { ...client, address: '192.0.2.77', port: 50_999 };
    const short = concat(u8(0x41), id, t.random.bytes(200));
    t.sendUdp(3 + index / 2, client, server, short);
    t.sendUdp(3.02 + index / 2, server, client, short);
  }
}

/** Each answer comes from another instance: over another router, with another TTL. */
function anycastDns(t: Timeline): void {
  const sites = [peer, { ...peer, mac: '00:00:5e:00:53:fd', ttl: 49 }, { ...peer, ttl: 53 }];
  for (let index = 0; index < 30; index++) {
    const question = { id: 300 + index, name: `n${index}.example` };
    const server = at('198.51.100.53', 53, sites[index % 3]);
    t.sendUdp(2 + index / 2, here(42_000 + index), server, dnsQuery(question));
    t.sendUdp(
      2.01 + index / 2,
      server,
      here(42_000 + index),
      dnsResponse({ ...question, addresses: ['192.0.2.9'] }),
    );
  }
}

/** A and AAAA to three servers at once, the first answer is taken; the slowest server loses now and then. */
function musl(t: Timeline): void {
  const servers = ['198.51.100.53', '198.51.100.54', '198.51.100.55'].map((address) => at(address, 53, peer));
  for (let index = 0; index < 40; index++) {
    const asker = here(43_000 + index);
    for (const [which, server] of servers.entries()) {
      for (const [second, type] of [DNS_TYPE.a, DNS_TYPE.aaaa].entries()) {
        const question = { id: index * 2 + second, name: `m${index}.example`, type };
        const when = 2 + index + which * 0.00002 + second * 0.0001;
        t.sendUdp(when, asker, server, dnsQuery(question));
        const addresses = type === DNS_TYPE.a ? ['192.0.2.9'] : [];
        t.sendUdp(when + 0.002 * (which + 1), server, asker, dnsResponse({ ...question, addresses }));
      }
    }
  }
}

/** Answers A at once and AAAA never; the resolver asks again after its timer, and goes on without. */
function dropsAaaa(t: Timeline): void {
  for (let index = 0; index < 8; index++) {
    const [asker, server] = [here(44_000 + index), at('198.51.100.53', 53, peer)];
    const a = { id: index * 2, name: `q${index}.example`, type: DNS_TYPE.a };
    const aaaa = { id: index * 2 + 1, name: a.name, type: DNS_TYPE.aaaa };
    for (const after of [0, 5]) {
      t.sendUdp(2 + index * 12 + after, asker, server, dnsQuery(a));
      t.sendUdp(2.0001 + index * 12 + after, asker, server, dnsQuery(aaaa));
      t.sendUdp(2.002 + index * 12 + after, server, asker, dnsResponse({ ...a, addresses: ['192.0.2.9'] }));
    }
  }
}

const wrong = 'underlay.wrong-source-answer';

export const answers: readonly LookAlike[] = [
  {
    id: wrong,
    shows: '`-i any` on a kube-proxy node: both legs',
    build: atSite('kube-proxy', 20, (t) => serviceAddress(t, false)),
  },
  {
    id: wrong,
    shows: '`-i any` on a NAT node: both legs',
    build: atSite('nat-node', 20, (t) => serviceAddress(t, true)),
  },
  { id: wrong, shows: 'TFTP', build: atSite('tftp', 20, tftp) },
  { id: wrong, shows: 'broadcast questions (NBNS)', build: atSite('nbns', 24, nbns) },
  { id: wrong, shows: 'multicast questions (mDNS, LLMNR)', build: atSite('mdns', 20, multicastNames) },
  { id: wrong, shows: 'multicast questions (SSDP)', build: atSite('ssdp', 20, ssdp) },
  { id: wrong, shows: 'broadcast questions (DHCP)', build: atSite('dhcp', 10, dhcpBroadcast) },
  { id: wrong, shows: 'IKE 500 → 4500', build: atSite('ike-floats', 45, ikeFloats) },
  { id: wrong, shows: 'QUIC migration', build: atSite('quic', 25, (t) => quicMigration(t, false)) },
  {
    id: wrong,
    shows: 'QUIC, preferred address of the server',
    build: atSite('quic-server', 25, (t) => quicMigration(t, true)),
  },
  { id: wrong, shows: 'anycast DNS', build: atSite('anycast', 20, anycastDns) },
  { id: 'dns.pair-race', shows: 'musl asks all resolvers at once', build: atSite('musl', 44, musl) },
  {
    id: 'dns.pair-race',
    shows: 'servers that drop AAAA',
    build: atSite('aaaa', 100, dropsAaaa),
    allow: ['dns.timeout'],
  },
];
