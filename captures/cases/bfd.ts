import { BFD_PORT, BFD_STATE, type BfdControl, bfdControl } from '../../test/build/bfd.js';
import { writePcap } from '../../test/build/capture-file.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const { adminDown, down, init, up } = BFD_STATE;
const FAST = 300_000;
const SLOW = 1_000_000;
const TIME_EXPIRED = 1;
const NEIGHBOR_DOWN = 3;
const ADMINISTRATIVE = 7;
/** An initiator of seamless BFD sets the Demand bit (RFC 7880, section 7.3.2). */
const DEMAND = 0x02;

interface System extends Endpoint {
  readonly port: number;
  readonly discriminator: number;
}

/** Directly connected: single-hop packets arrive with TTL 255. */
const LOCAL: System = { ...PUBLIC_SITE.local, ttl: 255, port: 49_152, discriminator: 0x5a01_0007 };
const PEER: System = { ...PUBLIC_SITE.router, ttl: 255, port: 49_160, discriminator: 0x1c44_9e02 };

type Said = Pick<BfdControl, 'state' | 'diagnostic' | 'flags'> & { readonly heard?: boolean };

/** One packet: slow timers while not Up (RFC 5880 section 6.8.3). */
function say(t: Timeline, at: number, from: System, to: System, { heard = true, ...said }: Said): void {
  const interval = said.state === up ? FAST : SLOW;
  const packet = bfdControl({
    ...said,
    mine: from.discriminator,
    yours: heard ? to.discriminator : 0,
    desiredMinTx: interval,
    requiredMinRx: interval,
  });
  t.sendUdp(at, from, { ...to, port: BFD_PORT.singleHop }, packet);
}

/** Packets at the interval of the state less up to 25 % (RFC 5880 section 6.8.7). */
function keepSaying(t: Timeline, at: number, until: number, from: System, to: System, said: Said): void {
  const interval = (said.state === up ? FAST : SLOW) / 1e6;
  for (let now = at; now < until; now += interval * t.random.between(0.76, 1)) say(t, now, from, to, said);
}

/** Down, Init, Up: the local system begins, the peer joins at `at`. */
function comeUp(t: Timeline, at: number, diagnostic = 0): void {
  say(t, at, PEER, LOCAL, { state: down, diagnostic, heard: false });
  say(t, at + 0.0004, LOCAL, PEER, { state: init, diagnostic });
  say(t, at + 0.0009, PEER, LOCAL, { state: up, flags: 0x20 });
  say(t, at + 0.0013, LOCAL, PEER, { state: up, flags: 0x10 });
}

function bothUp(t: Timeline, at: number, until: number): void {
  keepSaying(t, at + 0.2, until, LOCAL, PEER, { state: up });
  keepSaying(t, at + 0.25, until, PEER, LOCAL, { state: up });
}

function start(name: string, until: number): Timeline {
  const t = siteTimeline(name, PUBLIC_SITE, until);
  keepSaying(t, 1, 2.5, LOCAL, PEER, { state: down, heard: false });
  comeUp(t, 2.9);
  return t;
}

function healthy(): Uint8Array {
  const t = start('bfd-healthy', 30);
  bothUp(t, 2.9, 30);
  return writePcap(t.frames());
}

/** What the peer sends from `at` on is lost for `seconds`; the local system notices, and the peer is told. */
function outage(t: Timeline, at: number, seconds: number): void {
  const expired = { state: down, diagnostic: TIME_EXPIRED, heard: false };
  keepSaying(t, at + 0.2, at + 0.88, LOCAL, PEER, { state: up });
  keepSaying(t, at + 0.9, at + seconds, LOCAL, PEER, expired);
  comeUp(t, at + seconds + 0.1, NEIGHBOR_DOWN);
}

function detectExpired(): Uint8Array {
  const t = start('bfd-detect-expired', 45);
  bothUp(t, 2.9, 20);
  outage(t, 20, 4.5);
  bothUp(t, 24.6, 45);
  return writePcap(t.frames());
}

function flap(): Uint8Array {
  const t = start('bfd-flap', 60);
  bothUp(t, 2.9, 10);
  for (const at of [10, 22, 34]) {
    outage(t, at, 3.5);
    bothUp(t, at + 3.6, at + 12);
  }
  bothUp(t, 46, 60);
  return writePcap(t.frames());
}

/** The local firewall drops what the peer sends, behind the capture point. */
function stuck(): Uint8Array {
  const t = siteTimeline('bfd-stuck', PUBLIC_SITE, 30);
  keepSaying(t, 1, 30, LOCAL, PEER, { state: down, heard: false });
  keepSaying(t, 1.6, 30, PEER, LOCAL, { state: init });
  return writePcap(t.frames());
}

/** As above, because a router stands between the two and the session is not configured for that. */
function ttl(): Uint8Array {
  const t = siteTimeline('bfd-ttl', PUBLIC_SITE, 30);
  keepSaying(t, 1, 30, LOCAL, PEER, { state: down, heard: false });
  keepSaying(t, 1.6, 30, { ...PEER, ttl: 254 }, LOCAL, { state: init });
  return writePcap(t.frames());
}

/** An operator takes the session down on the peer, for good. */
function administrativelyDown(): Uint8Array {
  const t = start('bfd-admin-down', 30);
  bothUp(t, 2.9, 15);
  keepSaying(t, 15.05, 30, PEER, LOCAL, { state: adminDown, diagnostic: ADMINISTRATIVE });
  keepSaying(t, 15.06, 30, LOCAL, PEER, { state: down, diagnostic: NEIGHBOR_DOWN });
  return writePcap(t.frames());
}

/** Eight packets of the peer are missing in the capture alone: both systems stay Up. */
function captureGap(): Uint8Array {
  const t = start('bfd-capture-gap', 30);
  keepSaying(t, 3.1, 30, LOCAL, PEER, { state: up });
  keepSaying(t, 3.15, 15, PEER, LOCAL, { state: up });
  keepSaying(t, 17.2, 30, PEER, LOCAL, { state: up });
  return writePcap(t.frames());
}

/** Seamless BFD: each packet to the reflector has an answer at once, until `silentFrom`. */
function seamless(name: string, addresses: readonly [string, string], silentFrom: number): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, 24);
    const from = { ...PUBLIC_SITE.local, address: addresses[0], port: 49_200 };
    const reflector = { ...PUBLIC_SITE.peer, address: addresses[1], port: BFD_PORT.reflector };
    const packet = (state: number, mine: number, yours: number, flags = 0): Uint8Array =>
      bfdControl({ state, mine, yours, flags, desiredMinTx: SLOW, requiredMinRx: SLOW });
    for (let at = 1.1; at < 23; at += t.random.between(0.8, 1)) {
      const isAnswered = at < silentFrom;
      const isUp = at > 2 && at < silentFrom + 3;
      t.sendUdp(at, from, reflector, packet(isUp && silentFrom > 2 ? up : down, 0x2001, 0xc000_0207, DEMAND));
      if (isAnswered) t.sendUdp(at + 0.012, reflector, from, packet(up, 0xc000_0207, 0x2001));
    }
    return writePcap(t.frames());
  };
}

const IPV4 = [PUBLIC_SITE.local.address, PUBLIC_SITE.peer.address] as const;
const IPV6 = ['2001:db8:1::1', '2001:db8:2::7'] as const;

export const captures: readonly SampleCapture[] = [
  {
    file: 'bfd-healthy.pcap',
    shows: 'a single-hop BFD session that comes up and stays up, 300 ms × 3',
    must: [],
    healthy: true,
    write: healthy,
  },
  {
    file: 'bfd-detect-expired.pcap',
    shows: 'packets of the peer are lost for 4.5 s: the detection time of 900 ms runs out',
    must: ['bfd.detect-expired', 'bfd.session-down'],
    healthy: false,
    write: detectExpired,
  },
  {
    file: 'bfd-flap.pcap',
    shows: 'the same three times within half a minute',
    must: ['bfd.flap', 'bfd.detect-expired'],
    healthy: false,
    allow: ['bfd.session-down'],
    write: flap,
  },
  {
    file: 'bfd-stuck.pcap',
    shows: 'the peer hears this host and stays in Init; this host does not hear it',
    must: ['bfd.stuck'],
    healthy: false,
    write: stuck,
  },
  {
    file: 'bfd-ttl.pcap',
    shows: 'single-hop BFD through a router: TTL 254, so the packets are thrown away',
    must: ['bfd.ttl'],
    healthy: false,
    allow: ['bfd.stuck'],
    write: ttl,
  },
  {
    file: 'bfd-admin-down.pcap',
    shows: 'an operator takes a BFD session down',
    must: ['bfd.session-down'],
    healthy: true,
    write: administrativelyDown,
  },
  {
    file: 'bfd-capture-gap.pcap',
    shows: 'BFD packets that only the capture lacks: both systems stay Up',
    must: ['bfd.detect-expired'],
    healthy: true,
    write: captureGap,
  },
  {
    file: 'bfd-seamless-healthy.pcap',
    shows: 'seamless BFD: a reflector answers every packet',
    must: [],
    healthy: true,
    write: seamless('bfd-seamless-healthy', IPV4, 100),
  },
  {
    file: 'bfd-reflector-silent.pcap',
    shows: 'seamless BFD: the reflector never answers',
    must: ['bfd.reflector-silent'],
    healthy: false,
    write: seamless('bfd-reflector-silent', IPV4, 0),
  },
  {
    file: 'bfd-reflector-stops-ipv6.pcap',
    shows: 'seamless BFD over IPv6: the reflector stops answering after 10 s',
    must: ['bfd.reflector-silent'],
    healthy: false,
    write: seamless('bfd-reflector-stops-ipv6', IPV6, 10),
  },
];
