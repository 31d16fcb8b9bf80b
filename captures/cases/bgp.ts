import {
  bgpIpv6Update,
  bgpKeepalive,
  bgpNotification,
  bgpOpen,
  bgpRoute,
  bgpUpdate,
  md5Option,
  shutdownText,
} from '../../test/build/bgp.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import type { Timeline } from '../../test/build/scenario.js';
import { mssOption } from '../../test/build/tcp.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';
import { type Side, TcpTalk } from './tcp-talk.js';

const { local, peer } = PUBLIC_SITE;
const ROUND_TRIP_SECONDS = 0.012;
const HOLD_SECONDS = 15;
const KEEPALIVE_SECONDS = 5;
const FIRST_PORT = 43_102;
const LOCAL_AS = 64_500;
const PEER_AS = 4_200_000_010;
const LOCAL_ID = 0xc0000201;
const PEER_ID = 0xc6336407;

/** A session that the local host opens; every message is acknowledged half a round trip later. */
class Speakers {
  constructor(readonly talk: TcpTalk) {}

  message(at: number, from: Side, bytes: Uint8Array): this {
    const to = from === 'client' ? 'server' : 'client';
    this.talk.segment(at, from, ['PSH', 'ACK'], bytes);
    this.talk.segment(at + ROUND_TRIP_SECONDS / 2, to, ['ACK']);
    return this;
  }

  /** Handshake, both OPENs; `confirm`: KEEPALIVEs and a few routes each way. */
  open(at: number, { confirm = true, peerAs = PEER_AS } = {}): this {
    this.talk.handshake(at);
    const timers = { holdTime: HOLD_SECONDS };
    this.message(at + 0.02, 'client', bgpOpen({ as: LOCAL_AS, identifier: LOCAL_ID, ...timers }));
    this.message(at + 0.04, 'server', bgpOpen({ as: peerAs, identifier: PEER_ID, ...timers }));
    if (!confirm) return this;
    this.message(at + 0.06, 'client', bgpKeepalive());
    this.message(at + 0.08, 'server', bgpKeepalive());
    this.message(at + 1.1, 'client', concat(bgpUpdate({ announced: 3 }), bgpUpdate({})));
    return this.message(at + 1.14, 'server', bgpUpdate({ announced: 12, withdrawn: 1 }));
  }

  /** KEEPALIVEs of both sides, less up to 10 %; those of a side that `isSilent` are left out. */
  keepalives(
    t: Timeline,
    at: number,
    until: number,
    isSilent: (from: Side, at: number) => boolean = () => false,
  ): this {
    for (let now = at; now < until; now += KEEPALIVE_SECONDS * t.random.between(0.9, 1)) {
      if (!isSilent('client', now)) this.message(now, 'client', bgpKeepalive());
      if (!isSilent('server', now)) this.message(now + 0.4, 'server', bgpKeepalive());
    }
    return this;
  }
}

interface Given {
  readonly t: Timeline;
  /** A new connection of the local host to port 179 of the peer, or the other way round. */
  connect(opener?: 'local' | 'peer'): TcpTalk;
}

function scene(name: string, seconds: number, build: (given: Given) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    let port = FIRST_PORT;
    build({
      t,
      connect(opener = 'local') {
        port += 22;
        const [from, to] = opener === 'local' ? [local, peer] : [peer, local];
        return new TcpTalk(
          {
            client: { address: from.address, port },
            server: { address: to.address, port: 179 },
            roundTripSeconds: ROUND_TRIP_SECONDS,
          },
          (at, side, segment) => {
            const [source, destination] = side === 'client' ? [from, to] : [to, from];
            t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
          },
          { client: t.random.next(), server: t.random.next() },
        );
      },
    });
    return writePcap(t.frames());
  };
}

const healthy = scene('bgp-healthy', 60, ({ t, connect }) => {
  new Speakers(connect()).open(2).keepalives(t, 7, 60);
});

/** The capture begins long after the session. */
const fromTheMiddle = scene('bgp-from-the-middle', 60, ({ t, connect }) => {
  const speakers = new Speakers(connect());
  speakers.talk.segment(0.7, 'client', ['ACK']).segment(0.71, 'server', ['ACK']);
  speakers
    .keepalives(t, 1, 20)
    .message(22.3, 'server', bgpUpdate({ announced: 40 }))
    .keepalives(t, 24, 60);
});

const noSession = scene('bgp-no-session', 40, ({ connect }) => {
  connect().syns([2, 3, 5, 9]);
  connect().syns([14, 15, 17, 21]);
  connect().syns([26, 27, 29, 33]);
});

const refused = scene('bgp-refused', 45, ({ connect }) => {
  for (const at of [2, 12, 22, 32]) {
    connect()
      .segment(at, 'client', ['SYN'])
      .segment(at + 0.012, 'server', ['RST', 'ACK']);
  }
});

/** The peer expects another AS. */
const openRejected = scene('bgp-open-rejected', 45, ({ connect }) => {
  for (const at of [2, 12, 22]) {
    const { talk } = new Speakers(connect())
      .open(at, { confirm: false, peerAs: 65_010 })
      .message(at + 0.06, 'server', bgpNotification(2, 2, Uint8Array.of(0xfb, 0xf4)));
    talk.segment(at + 0.07, 'server', ['FIN', 'ACK']).segment(at + 0.08, 'client', ['FIN', 'ACK']);
    talk.segment(at + 0.09, 'server', ['ACK']);
  }
});

/** The local host announces more prefixes than it may. */
const tooManyPrefixes = scene('bgp-notification', 40, ({ t, connect }) => {
  const { talk } = new Speakers(connect())
    .open(2)
    .keepalives(t, 7, 20)
    .message(20.5, 'client', bgpUpdate({ announced: 200 }))
    .message(20.53, 'server', bgpNotification(6, 1, concat(zeros(3), Uint8Array.of(1, 0, 0, 0, 100))));
  talk.close(20.56);
});

const shutdown = scene('bgp-shutdown', 40, ({ t, connect }) => {
  const { talk } = new Speakers(connect())
    .open(2)
    .keepalives(t, 7, 20)
    .message(
      20.5,
      'server',
      bgpNotification(6, 2, shutdownText('maintenance of the border router, back at 23:00')),
    );
  talk.close(20.53);
});

/** The peer's process hangs; its kernel goes on acknowledging. */
const holdExpiry = scene('bgp-hold-expiry', 60, ({ t, connect }) => {
  const { talk } = new Speakers(connect())
    .open(2)
    .keepalives(t, 7, 35, (from, at) => from === 'server' && at > 19)
    .message(36.1, 'client', bgpNotification(4, 0));
  talk.segment(36.11, 'client', ['FIN', 'ACK']).segment(36.12, 'server', ['ACK']);
});

/** Two keepalives of the peer do not come, then it goes on. */
const keepaliveGap = scene('bgp-keepalive-gap', 75, ({ t, connect }) => {
  new Speakers(connect()).open(2).keepalives(t, 7, 75, (from, at) => from === 'server' && at > 40 && at < 46);
});

/** The peer's daemon crashes twice and is started again. */
const flap = scene('bgp-flap', 100, ({ t, connect }) => {
  for (const at of [2, 34, 66]) {
    const { talk } = new Speakers(connect()).open(at).keepalives(t, at + 5, at + 25);
    if (at < 66) talk.segment(at + 26, 'server', ['RST', 'ACK']);
  }
});

/** Only the local side has a password. */
const md5Mismatch = scene('bgp-md5-mismatch', 45, ({ connect }) => {
  const signed = { options: concat(mssOption(1460), md5Option()) };
  for (const at of [2, 9, 19, 29]) {
    connect('local').segment(at, 'client', ['SYN'], zeros(0), signed);
    connect('peer').segment(at + 3.3, 'client', ['SYN'], zeros(0), { options: mssOption(1460) });
  }
});

/** A full UPDATE does not fit through the path; the KEEPALIVEs behind it wait for it. */
const mtu = scene('bgp-mtu', 60, ({ t, connect }) => {
  const speakers = new Speakers(connect()).open(2).keepalives(t, 7, 14);
  const { talk } = speakers;
  const routes = bgpUpdate({ announced: 350 });
  talk.segment(15, 'client', ['PSH', 'ACK'], routes, { isLost: true });
  for (const at of [15.2, 15.6, 16.4, 18, 21.2, 27.6]) talk.repeat(at, 'client', routes);
  for (const at of [16.9, 21.6, 26.4]) talk.segment(at, 'server', ['PSH', 'ACK'], bgpKeepalive());
  talk.segment(29.8, 'server', ['PSH', 'ACK'], bgpNotification(4, 0));
  talk.segment(29.81, 'server', ['FIN', 'ACK']);
});

/** A link behind the peer comes and goes: IPv4 and IPv6 routes over it with it. */
const routeFlap = scene('bgp-route-flap', 70, ({ t, connect }) => {
  const speakers = new Speakers(connect()).open(2);
  for (let at = 9; at < 60; at += 11) {
    speakers.message(at, 'server', bgpRoute(hex('0b0003'), true));
    speakers.message(at + 0.1, 'server', bgpIpv6Update(hex('20010db8 0003'), true));
    speakers.keepalives(t, at + 2, at + 3);
    speakers.message(at + 4, 'server', bgpRoute(hex('0b0003'), false));
    speakers.message(at + 4.1, 'server', bgpIpv6Update(hex('20010db8 0003'), false));
    speakers.keepalives(t, at + 6.5, at + 10);
  }
});

/** The metric of a route changes every few seconds; another route goes and comes back once. */
const routeMetric = scene('bgp-route-metric', 60, ({ t, connect }) => {
  const speakers = new Speakers(connect()).open(2);
  for (let at = 7; at < 55; at += 4.6) {
    speakers.message(at, 'server', bgpRoute(hex('0b0003'), false, Math.round(at)));
    if (at < 12) speakers.message(at + 0.2, 'server', bgpRoute(hex('0b0004'), true));
    else speakers.message(at + 0.2, 'server', bgpRoute(hex('0b0004'), false, 1));
    speakers.keepalives(t, at + 2, at + 3);
  }
});

export const captures: readonly SampleCapture[] = [
  {
    file: 'bgp-healthy.pcap',
    shows: 'a BGP session that comes up and stays: hold time 15 s, a KEEPALIVE every 5 s',
    must: [],
    healthy: true,
    write: healthy,
  },
  {
    file: 'bgp-from-the-middle.pcap',
    shows: 'a BGP session that stood before the capture began',
    must: [],
    healthy: true,
    write: fromTheMiddle,
  },
  {
    file: 'bgp-no-session.pcap',
    shows: 'SYNs to port 179 that nobody answers',
    must: ['bgp.no-session'],
    healthy: false,
    allow: ['tcp.syn-unanswered'],
    write: noSession,
  },
  {
    file: 'bgp-refused.pcap',
    shows: 'no BGP daemon listens: RST every ten seconds',
    must: ['bgp.refused'],
    healthy: false,
    allow: ['tcp.refused'],
    write: refused,
  },
  {
    file: 'bgp-open-rejected.pcap',
    shows: 'the peer expects another AS and says so',
    must: ['bgp.open-rejected'],
    healthy: false,
    write: openRejected,
  },
  {
    file: 'bgp-notification.pcap',
    shows: 'more prefixes than the peer allows',
    must: ['bgp.notification'],
    healthy: false,
    write: tooManyPrefixes,
  },
  {
    file: 'bgp-shutdown.pcap',
    shows: 'an administrative shutdown with a message',
    must: ['bgp.notification'],
    healthy: true,
    write: shutdown,
  },
  {
    file: 'bgp-hold-expiry.pcap',
    shows: 'the peer’s process hangs: the hold timer expires although TCP acknowledges',
    must: ['bgp.hold-expiry'],
    healthy: false,
    write: holdExpiry,
  },
  {
    file: 'bgp-keepalive-gap.pcap',
    shows: 'keepalives of the peer pause for more than half of the hold time',
    must: ['bgp.keepalive-gap'],
    healthy: false,
    write: keepaliveGap,
  },
  {
    file: 'bgp-flap.pcap',
    shows: 'the peer’s daemon crashes and comes back, twice',
    must: ['bgp.flap'],
    healthy: false,
    allow: ['tcp.reset'],
    write: flap,
  },
  {
    file: 'bgp-route-flap.pcap',
    shows: 'a session in which two prefixes are withdrawn and announced again, five times',
    must: ['bgp.route-flap'],
    healthy: false,
    write: routeFlap,
  },
  {
    file: 'bgp-route-metric.pcap',
    shows: 'a route whose metric changes all the time, and one that goes and comes back once',
    must: [],
    healthy: true,
    write: routeMetric,
  },
  {
    file: 'bgp-md5-mismatch.pcap',
    shows: 'a TCP-MD5 password on one side only',
    must: ['bgp.md5-mismatch'],
    healthy: false,
    allow: ['bgp.no-session', 'tcp.syn-unanswered'],
    write: md5Mismatch,
  },
  {
    file: 'bgp-mtu.pcap',
    shows: 'a full UPDATE that the path does not carry, until the hold timer expires',
    must: ['bgp.mtu'],
    healthy: false,
    allow: ['bgp.hold-expiry', 'mtu.blackhole', 'tcp.retransmissions', 'tcp.half-open'],
    write: mtu,
  },
];
