import { writePcap } from '../../test/build/capture-file.js';
import { type NtpExchange, ntpExchange } from '../../test/build/ntp.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const { local, router } = PUBLIC_SITE;
const FIRST: Endpoint = { ...router, address: '192.0.2.123', ttl: 64 };
const SECOND: Endpoint = { ...router, address: '203.0.113.123', ttl: 51 };
const POLL_SECONDS = 64;

/** What a host hears of its time servers, one question every 64 s. */
function polls(
  name: string,
  count: number,
  exchange: (index: number, t: Timeline) => Partial<NtpExchange>,
  servers: readonly Endpoint[] = [FIRST],
): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, count * POLL_SECONDS + 8);
    for (let index = 0; index < count; index += 1) {
      for (const [at, server] of servers.entries()) {
        const seconds = 3 + index * POLL_SECONDS + at * 2.1 + t.random.between(0, 0.4);
        ntpExchange(t, local, server, { at: seconds, ...exchange(index, t) });
      }
    }
    return writePcap(t.frames());
  };
}

/** ntpd tells its time; a few milliseconds of offset, either way. */
function nearlyRight(index: number): Partial<NtpExchange> {
  return { server: 0.004 + (index % 3) * 0.001, client: 0.0005 };
}

const UNSYNCHRONISED = { leap: 3, stratum: 16, referenceId: 0 };

export const captures: readonly SampleCapture[] = [
  {
    file: 'time-ntp-healthy.pcap',
    shows: 'a host asks two time servers every 64 s; one answer is lost, offsets are a few milliseconds',
    must: [],
    healthy: true,
    write: polls('time-ntp-healthy', 5, (index) => ({ ...nearlyRight(index), answered: index !== 2 }), [
      FIRST,
      SECOND,
    ]),
  },
  {
    file: 'time-ntp-private-healthy.pcap',
    shows: 'chrony: random bits instead of the client’s time, offsets of a few milliseconds',
    must: [],
    healthy: true,
    write: polls('time-ntp-private-healthy', 5, () => ({ server: 0.003, client: null })),
  },
  {
    file: 'time-ntp-starting-healthy.pcap',
    shows: 'ntpd starts with a clock that is 9 s behind, and steps it after four exchanges',
    must: [],
    healthy: true,
    write: polls('time-ntp-starting-healthy', 8, (index) =>
      index < 4
        ? { server: 0.002, client: -9, request: { leap: 3, stratum: 0, referenceId: 'INIT' } }
        : { server: 0.002, client: 0 },
    ),
  },
  {
    file: 'time-ntp-offset.pcap',
    shows: 'a host whose clock is 3.2 s behind both of its time servers, for five minutes',
    must: ['time.ntp-offset'],
    healthy: false,
    write: polls('time-ntp-offset', 5, () => ({ server: 3.2, client: 0 }), [FIRST, SECOND]),
  },
  {
    file: 'time-capture-clock.pcap',
    shows: 'the host that captured is 40 s ahead; client and time servers agree',
    must: ['time.ntp-offset'],
    healthy: true,
    write: polls('time-capture-clock', 4, () => ({ server: -40, client: -40.002 }), [FIRST, SECOND]),
  },
  {
    file: 'time-zone-shift.pcap',
    shows: 'a host whose clock is two hours ahead of its time server: local time taken for UTC',
    must: ['time.zone-shift', 'time.ntp-offset'],
    healthy: false,
    write: polls('time-zone-shift', 4, () => ({ server: -7200.4, client: 0 })),
  },
  {
    file: 'time-ntp-unsynchronised.pcap',
    shows: 'the only time server loses its upstream: it answers with leap indicator 3 and stratum 16',
    must: ['time.ntp-unsynchronised'],
    healthy: false,
    write: polls('time-ntp-unsynchronised', 6, (index) => ({
      ...nearlyRight(index),
      ...(index > 1 ? { reply: UNSYNCHRONISED } : {}),
    })),
  },
  {
    file: 'time-ntp-no-response.pcap',
    shows: 'a time server answers twice and then no more',
    must: ['time.ntp-no-response'],
    healthy: false,
    write: polls('time-ntp-no-response', 7, (index) => ({ ...nearlyRight(index), answered: index < 2 })),
  },
  {
    file: 'time-ntp-kiss.pcap',
    shows: 'a time server answers every question with the kiss code DENY',
    must: ['time.ntp-kiss'],
    healthy: false,
    write: polls('time-ntp-kiss', 5, () => ({
      client: 0,
      reply: { leap: 3, stratum: 0, referenceId: 'DENY', receive: 0n, transmit: 0n },
    })),
  },
];
