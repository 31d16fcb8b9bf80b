import { type CaptureFrame, writePcap } from '../../test/build/capture-file.js';
import { type Endpoint, ping, type Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

type Socket = Endpoint & { readonly port: number };

const LOCAL: Socket = { ...PUBLIC_SITE.local, port: 50_000 };
const PEER: Socket = { ...PUBLIC_SITE.peer, port: 50_015 };
const LENGTH = 81;
const LOCAL_PHASE = 2.13;
const PEER_PHASE = 2.51;

interface Beat {
  readonly from: Socket;
  readonly to: Socket;
  readonly at: number;
  readonly until: number;
  readonly period?: number;
  readonly length?: number;
  /** Beats that do not reach the capture point, by their number. */
  readonly lost?: (beat: number) => boolean;
  /** How much later than its turn a beat arrives, in seconds. */
  readonly delay?: (beat: number) => number;
}

/** Payload of a protocol that nobody knows: its first bytes are fixed, so that no analyser takes chance for its own. */
function message(t: Timeline, length: number): Uint8Array {
  const payload = t.random.bytes(length);
  payload.set([0x6b, 0x61, 0x6c, 0x76]);
  return payload;
}

/** Datagrams of one length at a constant period, exact to a few milliseconds. */
function beats(t: Timeline, { from, to, at, until, period = 1, length = LENGTH, lost, delay }: Beat): void {
  for (let beat = 0; at + beat * period < until; beat += 1) {
    const seconds = at + beat * period + t.random.between(0, 0.004) + (delay?.(beat) ?? 0);
    const payload = message(t, length);
    if (!lost?.(beat)) t.sendUdp(seconds, from, to, payload);
  }
}

/** The longer messages that a border router exchanges every five seconds beside its keepalives. */
function control(t: Timeline, until: number, both = true): void {
  for (let at = 4.3; at < until; at += 5) {
    t.sendUdp(at, LOCAL, PEER, message(t, 936));
    if (both) t.sendUdp(at + 1.19, PEER, LOCAL, message(t, 754));
  }
}

function healthy(): Uint8Array {
  const until = 75;
  const t = siteTimeline('keepalive-healthy', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  beats(t, { from: PEER, to: LOCAL, at: PEER_PHASE, until, lost: (beat) => beat === 33 });
  control(t, until);
  return writePcap(t.frames());
}

/** Five keepalives of the peer are lost; the peer hears this side and goes on. */
function gap(): Uint8Array {
  const until = 75;
  const t = siteTimeline('keepalive-gap', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  beats(t, { from: PEER, to: LOCAL, at: PEER_PHASE, until, lost: (beat) => beat >= 38 && beat < 43 });
  control(t, until);
  return writePcap(t.frames());
}

function stopped(): Uint8Array {
  const until = 75;
  const t = siteTimeline('keepalive-stopped', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  beats(t, { from: PEER, to: LOCAL, at: PEER_PHASE, until: 44 });
  control(t, until, false);
  return writePcap(t.frames());
}

/** The peer answers pings, but never sends a keepalive. */
function oneWay(): Uint8Array {
  const until = 60;
  const t = siteTimeline('keepalive-one-way', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  control(t, until, false);
  ping(t, LOCAL, PEER, { at: 11.7, count: 8, intervalSeconds: 5, identifier: 0x2b07 });
  return writePcap(t.frames());
}

/** From the 40th on the peer's keepalives wait in a queue for up to 900 ms. */
function jitter(): Uint8Array {
  const until = 85;
  const t = siteTimeline('keepalive-jitter', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  const delay = (beat: number): number => (beat < 40 ? 0 : t.random.between(0, 0.9));
  beats(t, { from: PEER, to: LOCAL, at: PEER_PHASE, until, delay });
  control(t, until);
  return writePcap(t.frames());
}

/** The capturing host sleeps for nine seconds: nothing at all is captured meanwhile. */
function suspended(): Uint8Array {
  const until = 75;
  const t = siteTimeline('keepalive-capture-asleep', PUBLIC_SITE, until);
  beats(t, { from: LOCAL, to: PEER, at: LOCAL_PHASE, until });
  beats(t, { from: PEER, to: LOCAL, at: PEER_PHASE, until });
  control(t, until);
  const asleep = ({ timeNs }: CaptureFrame): boolean => timeNs >= t.timeNs(40.3) && timeNs < t.timeNs(49.3);
  return writePcap(t.frames().filter((frame) => !asleep(frame)));
}

/** Periodic datagrams whose absence is no fault. */
function lookAlikes(): Uint8Array {
  const until = 90;
  const t = siteTimeline('keepalive-look-alikes', PUBLIC_SITE, until);
  idleTimer(t, until);
  changedPeriod(t, until);
  bursts(t, until);
  // Announcements to a group, which pause as they please.
  const group = { mac: '01:00:5e:7f:ff:fa', address: '239.255.255.250', ttl: 4, port: 41_900 };
  beats(t, {
    from: { ...LOCAL, port: 41_900 },
    to: group,
    at: 3.2,
    until: 80,
    lost: (beat) => beat % 30 > 24,
  });
  ping(t, LOCAL, PEER, { at: 9.4, count: 14, intervalSeconds: 5, identifier: 0x2b08 });
  return writePcap(t.frames());
}

/** Keepalives both ways that are sent only where no data is: between 55 s and 68 s there is data. */
function idleTimer(t: Timeline, until: number): void {
  const here = { ...LOCAL, port: 41_194 };
  const there = { ...PEER, port: 41_194 };
  const isBusy = (at: number) => (beat: number) => at + beat * 2 > 55 && at + beat * 2 < 68;
  for (const [from, to, at] of [
    [here, there, 2.7],
    [there, here, 3.4],
  ] as const) {
    beats(t, { from, to, at, until, period: 2, length: 56, lost: isBusy(at) });
  }
  for (let at = 55; at < 67.5; at += 0.9) {
    t.sendUdp(at, here, there, message(t, 120 + 16 * (t.random.next() & 15)));
    t.sendUdp(at + 0.02, there, here, message(t, 160 + 16 * (t.random.next() & 15)));
  }
}

/** A client and a server that agree on a longer period after 40 s. */
function changedPeriod(t: Timeline, until: number): void {
  const here = { ...LOCAL, port: 42_001 };
  const there = { ...PEER, port: 42_000 };
  for (const [from, to, late] of [
    [here, there, 0],
    [there, here, 0.014],
  ] as const) {
    beats(t, { from, to, at: 2.9 + late, until: 40, length: 64 });
    beats(t, { from, to, at: 40.9 + late, until, period: 3, length: 64 });
  }
}

/** A short download at fifty packets a second, and the acknowledgments of it. */
function bursts(t: Timeline, until: number): void {
  const here = { ...LOCAL, port: 43_001 };
  const there = { ...PEER, port: 43_000 };
  for (let at = 20; at < until && at < 21; at += 0.02) {
    t.sendUdp(at, there, here, message(t, 120));
    t.sendUdp(at + 0.001, here, there, message(t, 40));
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'keepalive-healthy.pcap',
    shows: 'keepalives every second both ways beside longer messages; one of them is lost',
    must: [],
    healthy: true,
    write: healthy,
  },
  {
    file: 'keepalive-gap.pcap',
    shows: 'five keepalives of the peer in a row are lost, the other direction goes on',
    must: ['keepalive.gap'],
    healthy: false,
    write: gap,
  },
  {
    file: 'keepalive-stopped.pcap',
    shows: "the peer's keepalives end after 42 s, this side goes on for 30 s",
    must: ['keepalive.stopped'],
    healthy: false,
    write: stopped,
  },
  {
    file: 'keepalive-one-way.pcap',
    shows: 'the peer answers pings but never sends a keepalive',
    must: ['keepalive.one-way'],
    healthy: false,
    write: oneWay,
  },
  {
    file: 'keepalive-jitter.pcap',
    shows: "the peer's keepalives are even for 40 s and arrive up to 0.9 s late from then on",
    must: ['keepalive.jitter'],
    healthy: false,
    write: jitter,
  },
  {
    file: 'keepalive-capture-asleep.pcap',
    shows:
      'the capturing host sleeps for nine seconds: keepalives are missing in both directions, and all else too',
    must: [],
    healthy: true,
    write: suspended,
  },
  {
    file: 'keepalive-look-alikes.pcap',
    shows:
      'periodic datagrams whose absence is no fault: an idle timer that data replaces, an agreed change of the ' +
      'period, announcements to a group, a burst',
    must: [],
    healthy: true,
    write: lookAlikes,
  },
];
