import { bgpDroppedHere, cookedAtLocal } from '../../captures/cases/local-drops.js';
import { namedTimeline, PUBLIC_SITE, surroundings } from '../../captures/cases/sites.js';
import { TcpTalk } from '../../captures/cases/tcp-talk.js';
import { bgpKeepalive, bgpOpen, bgpRoute } from '../build/bgp.js';
import { hex } from '../build/bytes.js';
import { DNS_TYPE, dnsQuery, dnsResponse } from '../build/dns.js';
import { IP_PROTOCOL } from '../build/ip.js';
import { LINK_TYPE, linuxSll2 } from '../build/link.js';
import { type Endpoint, ping, type Timeline } from '../build/scenario.js';
import { tcp } from '../build/tcp.js';
import { atSite, type LookAlike, natively, request } from './table.js';

/*
 * Paths, hosts and routes that look odd from one capture point, and are well.
 */

const { local, peer, router } = PUBLIC_SITE;
const OTHER_ROUTER: Endpoint = { ...router, mac: '00:00:5e:00:53:fd' };
const LOCAL_6 = { ...local, address: '2001:db8:1::10' };

/** Eight requests; `out` and `back`: the routers of each direction, null where it does not pass the capture point. */
function requests(t: Timeline, out: Endpoint, back: Endpoint | null): void {
  for (let index = 0; index < 8; index++) {
    const client = { address: local.address, port: 46_000 + index };
    const server = { address: peer.address, port: 443 };
    const answers = back && natively(t, { ...peer, mac: back.mac }, local);
    request(t, 2 + index * 2, client, server, natively(t, local, out), answers);
  }
}

function otherWayBack(t: Timeline): void {
  requests(t, router, OTHER_ROUTER);
  ping(t, local, { ...peer, mac: OTHER_ROUTER.mac, ttl: 51 }, { at: 3, count: 15, identifier: 60 });
}

/** The IPv6 attempt stays without answer; 250 ms later the client tries IPv4 and gives the other up. */
function happyEyeballs(t: Timeline): void {
  const server6 = { ...router, address: '2001:db8:2::80' };
  for (let index = 0; index < 6; index++) {
    const at = 2 + index * 3;
    const ends = {
      source: LOCAL_6.address,
      destination: server6.address,
      sourcePort: 47_000 + index,
      destinationPort: 443,
    };
    t.sendIp(at, LOCAL_6, server6, IP_PROTOCOL.tcp, tcp({ ...ends, sequence: 1000 + index, flags: ['SYN'] }));
    const client = { address: local.address, port: 48_000 + index };
    const server = { address: peer.address, port: 443 };
    request(t, at + 0.25, client, server, natively(t, local, router), natively(t, peer, local));
  }
}

/** On the translator: each connection over IPv6 inside and over IPv4 outside. */
function nat64(t: Timeline): void {
  const inside = { ...router, address: '2001:db8:1::20', mac: '02:00:00:00:00:20', ttl: 64 };
  const mapped = { ...local, address: '64:ff9b::c633:6407' };
  for (let index = 0; index < 8; index++) {
    const at = 2 + index * 2;
    const question = { id: index, name: `v${index}.example`, type: DNS_TYPE.aaaa };
    const [asker, server] = [
      { ...inside, port: 40_000 + index },
      { ...local, address: '2001:db8:1::53', port: 53 },
    ];
    t.sendUdp(at, asker, server, dnsQuery(question));
    t.sendUdp(at + 0.002, server, asker, dnsResponse(question));
    const numbers = { client: t.random.next(), server: t.random.next() };
    const client = { address: inside.address, port: 49_000 + index };
    const outside = { address: local.address, port: 59_000 + index };
    const [web, web6] = [
      { address: peer.address, port: 443 },
      { address: mapped.address, port: 443 },
    ];
    request(t, at + 0.1, client, web6, natively(t, inside, mapped), natively(t, mapped, inside), numbers);
    request(t, at + 0.1001, outside, web, natively(t, local, router), natively(t, peer, local), numbers);
  }
}

/** A host behind two switches: its frames come from the address of either. */
function mlag(t: Timeline): void {
  for (let index = 0; index < 16; index++) {
    const near = index % 2 ? router : OTHER_ROUTER;
    ping(
      t,
      local,
      { ...peer, mac: near.mac },
      { at: 2 + index, count: 1, identifier: 61, firstSequence: index },
    );
  }
  requests(t, router, OTHER_ROUTER);
}

/** A balancer in front of servers that answer directly, or one whose answers leave below the capture point (XDP). */
function clientsAlone(): Timeline {
  const t = namedTimeline('director', (from, to, protocol, payload) => [
    linuxSll2({
      packetType: from.mac === local.mac ? 4 : to.mac === local.mac ? 0 : 1,
      address: from.mac,
      protocol,
      payload,
      interfaceIndex: 2,
    }),
  ]);
  surroundings(t, PUBLIC_SITE, 40);
  for (let index = 0; index < 8; index++) {
    const client = { address: peer.address, port: 45_000 + index };
    const server = { address: local.address, port: 443 };
    const talk = request(t, 2 + index * 2, client, server, natively(t, peer, local), null);
    for (const after of [0.5, 1.1, 2.3, 4.7]) talk.repeat(2 + index * 2 + after, 'client', hex('aabbccdd'));
  }
  return t;
}

/** On the host itself: the segments that it never acknowledges arrive with a wrong checksum. */
function damagedHere(): Timeline {
  const t = bgpDroppedHere('damaged-here', cookedAtLocal, (segment) => {
    segment[16] ^= 0x5a;
  });
  return t;
}

/** A port that mirrors: the peer's segments are repeated, what the host sends does not acknowledge them. */
function mirrorPort(t: Timeline): void {
  const talk = bgp(t, 2);
  talk.segment(5, 'client', ['PSH', 'ACK'], bgpKeepalive(), { isLost: true });
  for (const after of [0.3, 0.9]) talk.repeat(5 + after, 'client', bgpKeepalive());
  talk.repeat(7, 'client', bgpKeepalive(), false);
  talk.segment(7.01, 'server', ['ACK']);
}

const PREFIX = hex('0a6601');

function bgp(t: Timeline, at: number, port = 41_022): TcpTalk {
  const ends = {
    client: { address: local.address, port },
    server: { address: peer.address, port: 179 },
    roundTripSeconds: 0.012,
  };
  const talk = new TcpTalk(
    ends,
    (when, side, segment) => {
      const [from, to] = side === 'client' ? [local, peer] : [peer, local];
      t.sendIp(when, from, to, IP_PROTOCOL.tcp, segment);
    },
    { client: t.random.next(), server: t.random.next() },
  );
  const open = { as: 65_001, holdTime: 90, identifier: 1 };
  talk.handshake(at);
  talk.segment(at + 0.1, 'client', ['PSH', 'ACK'], bgpOpen(open));
  talk.segment(at + 0.2, 'server', ['PSH', 'ACK'], bgpOpen({ ...open, identifier: 2 }));
  talk.segment(at + 0.3, 'client', ['PSH', 'ACK'], bgpKeepalive());
  talk.segment(at + 0.4, 'server', ['PSH', 'ACK'], bgpKeepalive());
  return talk;
}

/** The routes of a session are announced again after each start; a graceful end between. */
function announcedAgain(t: Timeline): void {
  for (let session = 0; session < 4; session++) {
    const at = 2 + session * 20;
    const talk = bgp(t, at, 41_022 + session);
    for (const after of [1, 2]) {
      talk.segment(at + after, 'server', ['PSH', 'ACK'], bgpRoute(PREFIX, false, after));
      talk.segment(at + after + 0.01, 'client', ['ACK']);
    }
    talk.segment(at + 15, 'server', ['PSH', 'ACK'], bgpRoute(PREFIX, true));
    talk.close(at + 16);
  }
}

/** Metrics change ten times in one session. */
function attributesChange(t: Timeline): void {
  const talk = bgp(t, 2);
  for (let index = 0; index < 10; index++) {
    talk.segment(4 + index * 2, 'server', ['PSH', 'ACK'], bgpRoute(PREFIX, false, index + 1));
    talk.segment(4.01 + index * 2, 'client', ['PSH', 'ACK'], bgpKeepalive());
  }
}

export const underlay: readonly LookAlike[] = [
  { id: null, shows: 'asymmetric routing that works', build: atSite('asymmetric', 25, otherWayBack) },
  {
    id: 'tcp.syn-unanswered',
    shows: 'asymmetric routing, of which one way was captured',
    build: atSite('one-way', 25, (t) => requests(t, router, null)),
  },
  { id: null, shows: 'happy eyeballs', build: atSite('happy-eyeballs', 25, happyEyeballs) },
  { id: 'underlay.wrong-source-answer', shows: 'NAT64', build: atSite('nat64', 25, nat64) },
  { id: null, shows: 'MLAG pairs', build: atSite('mlag-underlay', 25, mlag) },
  {
    id: 'tcp.arrived-not-acknowledged',
    shows: 'bad checksum',
    build: damagedHere,
    linkType: LINK_TYPE.linuxSll2,
    allow: ['bgp.hold-expiry', 'packet.bad-checksum', 'tcp.half-open', 'tcp.retransmissions'],
  },
  {
    id: 'tcp.arrived-not-acknowledged',
    shows: 'DSR director, XDP',
    build: clientsAlone,
    linkType: LINK_TYPE.linuxSll2,
    allow: ['tcp.retransmissions'],
  },
  { id: 'tcp.arrived-not-acknowledged', shows: 'SPAN', build: atSite('span', 30, mirrorPort) },
  {
    id: 'bgp.route-flap',
    shows: 're-announcement after a session starts',
    build: atSite('announced-again', 90, announcedAgain),
    allow: ['bgp.flap'],
  },
  { id: 'bgp.route-flap', shows: 'changes of attributes', build: atSite('attributes', 30, attributesChange) },
];
