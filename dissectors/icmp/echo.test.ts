import { describe, expect, it } from 'vitest';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { ping, type Timeline, timeline } from '../../test/build/scenario.js';
import fragments from '../ip/dissector.js';
import { echoStreams, icmpErrors } from './correlator.js';
import pingLoss from './diagnoses/ping-loss.js';
import pingSizeLoss from './diagnoses/ping-size-loss.js';
import dissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 500 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 500 };
const group = { address: '224.0.0.1', mac: '01:00:5e:00:00:01', ttl: 1 };
const parts = { dissectors: [dissector, fragments], correlators: [echoStreams, icmpErrors] };
const LOST = { at: 0, identifier: 7, answered: false } as const;

function frames(build: (t: Timeline) => void): readonly TestFrame[] {
  const t = timeline(START_NS);
  build(t);
  return t.frames();
}

function run(build: (t: Timeline) => void, framesPerChunk?: number): Promise<CaptureRun> {
  return runFrames(frames(build), parts, framesPerChunk);
}

/** Something after the last request, so that its reply was due. */
function later(t: Timeline, seconds: number): void {
  const other = { ...there, address: '203.0.113.9', port: 9 };
  for (const at of t.beatsUntil(seconds)) t.sendUdp(at, { ...here, port: 5000 }, other, new Uint8Array(4));
}

function ike(t: Timeline, at: number): void {
  t.sendUdp(at, here, there, new Uint8Array(28));
}

describe('echo streams', () => {
  it('matches replies by identifier and sequence, with exact counts and round trips', async () => {
    const result = await run((t) => {
      ping(t, here, there, { at: 0, count: 5, identifier: 1 });
      ping(t, here, there, { at: 5, count: 2, identifier: 1, firstSequence: 6, answered: false });
      ping(t, there, here, { at: 0.5, count: 3, identifier: 1 });
    });
    const streams = result.sessions(echoStreams);
    expect(streams).toMatchObject([
      { source: here.address, destination: there.address, requests: 7, replies: 5, unmatchedReplies: 0 },
      { source: there.address, destination: here.address, requests: 3, replies: 3 },
    ]);
    expect(streams[0]?.roundTrip.count).toBe(5);
    expect(streams[0]?.roundTrip.minNs).toBeGreaterThan(0.011e9);
    expect(streams[0]?.roundTrip.maxNs).toBeLessThan(0.014e9);
  });

  it('knows a reply that stands before its request, as network cards with several queues hand frames over', async () => {
    const inOrder = frames((t) => ping(t, here, there, { at: 0, count: 5, identifier: 1 }));
    const swapped = inOrder.map((_, at) => inOrder[at % 2 === 0 ? at + 1 : at - 1]);
    const [stream] = (await runFrames(swapped, parts)).sessions(echoStreams);
    expect(stream).toMatchObject({ requests: 5, replies: 5, unmatchedReplies: 0 });
    expect(stream.roundTrip.minNs).toBeGreaterThan(0.011e9);
  });

  it('is the same for any chunk size', async () => {
    const build = (t: Timeline): void => {
      for (let identifier = 0; identifier < 4; identifier++) {
        ping(t, here, there, { at: identifier * 0.3, count: 30, identifier, answered: identifier !== 2 });
      }
    };
    const whole = await run(build);
    const cut = await run(build, 7);
    expect(cut.sessions(echoStreams)).toEqual(whole.sessions(echoStreams));
  });

  it('leaves multicast out', async () => {
    const result = await run((t) =>
      ping(t, here, group, { at: 0, count: 4, identifier: 1, answered: false }),
    );
    expect(result.sessions(echoStreams)).toEqual([]);
  });

  it('takes echo of a host to itself', async () => {
    const result = await run((t) => ping(t, here, here, { at: 0, count: 4, identifier: 1 }));
    expect(result.sessions(echoStreams)).toMatchObject([{ requests: 4, replies: 4 }]);
  });
});

describe('underlay.ping-loss', () => {
  it('is an error between the ends of a tunnel where nothing is heard from the target', async () => {
    const result = await run((t) => {
      ike(t, 0);
      ping(t, here, there, { ...LOST, at: 1, count: 5 });
      later(t, 10);
    });
    expect(result.judge(pingLoss)).toMatchObject([
      {
        result: 'problem',
        severity: 'error',
        counts: { requests: 5, answered: 0, unanswered: 5, undecided: 0 },
        ongoingAtEnd: true,
      },
    ]);
  });

  it('is information where the target is heard, or the pair is no tunnel', async () => {
    const heard = await run((t) => {
      ike(t, 0);
      ping(t, here, there, { ...LOST, at: 1, count: 5 });
      t.sendUdp(4, there, here, new Uint8Array(28));
      later(t, 10);
    });
    expect(heard.judge(pingLoss)).toMatchObject([{ result: 'problem', severity: 'info' }]);
    const stranger = await run((t) => {
      ping(t, here, there, { ...LOST, count: 5 });
      later(t, 10);
    });
    expect(stranger.judge(pingLoss)).toMatchObject([{ result: 'problem', severity: 'info' }]);
  });

  it('dates the onset to the run of losses, after the last good reply', async () => {
    const result = await run((t) => {
      ping(t, here, there, { at: 0, count: 10, identifier: 7 });
      ping(t, here, there, { ...LOST, at: 10, count: 5, firstSequence: 11 });
      ping(t, here, there, { at: 15, count: 5, identifier: 7, firstSequence: 16 });
    });
    const [problem] = result.judge(pingLoss);
    expect(problem).toMatchObject({ result: 'problem', ongoingAtEnd: false });
    if (problem?.result !== 'problem') return;
    expect(problem.first.timeNs).toBeGreaterThan(9.9e9);
    expect(problem.first.timeNs).toBeLessThan(10.1e9);
    expect(problem.lastGood?.frame).toBe(19);
    expect(problem.counts).toEqual({ requests: 20, answered: 15, unanswered: 5, undecided: 0 });
  });

  it('waits for replies at the end of the capture', async () => {
    const result = await run((t) => ping(t, here, there, { ...LOST, count: 3, intervalSeconds: 0.2 }));
    expect(result.judge(pingLoss)).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('counts a lasting loss of some percent, but not a single run of it', async () => {
    const lossy = (lost: readonly number[]) =>
      run((t) => {
        ike(t, 0);
        for (let at = 0; at < 200; at++) {
          const one = { at: at * 0.5, count: 1, identifier: 7, firstSequence: at + 1 };
          ping(t, here, there, lost.includes(at) ? { ...LOST, ...one } : one);
        }
        later(t, 110);
      });
    const scattered = await lossy([11, 31, 55, 56, 90, 121, 140, 170, 190]);
    expect(scattered.judge(pingLoss)).toMatchObject([
      { result: 'problem', severity: 'warning', counts: { requests: 200, answered: 191, unanswered: 9 } },
    ]);
    const oneRun = await lossy([50, 51, 52, 53, 54, 55, 56, 57, 58]);
    expect(oneRun.judge(pingLoss)).toMatchObject([{ result: 'healthy' }]);
    const few = await lossy([11, 31, 90]);
    expect(few.judge(pingLoss)).toMatchObject([{ result: 'healthy' }]);
  });

  it('is silent about a healthy ping, a single loss, and a traceroute by echo', async () => {
    const healthy = await run((t) => {
      ping(t, here, there, { at: 0, count: 20, identifier: 1 });
      ping(t, here, there, { ...LOST, at: 20, count: 1, identifier: 1, firstSequence: 21 });
      later(t, 30);
    });
    expect(healthy.judge(pingLoss)).toMatchObject([{ result: 'healthy' }]);
    const traceroute = await run((t) => {
      for (let ttl = 1; ttl < 9; ttl++) {
        ping(t, { ...here, ttl }, there, { ...LOST, at: ttl, count: 1, firstSequence: ttl });
      }
      later(t, 20);
    });
    expect(traceroute.judge(pingLoss)).toEqual([]);
    const expired = await run((t) => {
      const [request] = ping(t, here, there, { ...LOST, count: 5 });
      if (request) t.sendIp(0.1, there, here, IP_PROTOCOL.icmp, icmpError(11, 0, request));
      later(t, 20);
    });
    expect(expired.judge(pingLoss)).toEqual([]);
  });
});

describe('underlay.ping-size-loss', () => {
  const large = { ...LOST, at: 0.5, count: 6, dataLength: 1400, identifier: 8 } as const;

  it('fires where small pings are answered and large ones are not', async () => {
    const result = await run((t) => {
      ping(t, here, there, { at: 0, count: 6, identifier: 7 });
      ping(t, here, there, large);
      later(t, 12);
    });
    expect(result.judge(pingSizeLoss)).toMatchObject([
      {
        result: 'problem',
        severity: 'warning',
        confidence: 'medium',
        counts: {
          answered: 6,
          unanswered: 6,
          undecided: 0,
          largestAnsweredBytes: 64,
          smallestUnansweredBytes: 1408,
        },
      },
    ]);
    expect(result.judge(pingLoss)).toEqual([]);
  });

  it('counts a fragmented request as larger than any other', async () => {
    const result = await run((t) => {
      ping(t, here, there, { at: 0, count: 6, identifier: 7, dataLength: 1472 });
      ping(t, here, there, { ...large, dataLength: 3000, request: { mtu: 1500 } });
      later(t, 12);
    });
    expect(result.judge(pingSizeLoss)).toMatchObject([{ result: 'problem' }]);
  });

  it('is healthy where a large one is answered, or small ones fail too', async () => {
    const answered = await run((t) => {
      ping(t, here, there, { at: 0, count: 6, identifier: 7 });
      ping(t, here, there, { ...large, answered: true });
    });
    expect(answered.judge(pingSizeLoss)).toMatchObject([{ result: 'healthy' }]);
    const both = await run((t) => {
      ping(t, here, there, { at: 0, count: 6, identifier: 7 });
      ping(t, here, there, { at: 6, count: 6, identifier: 7, firstSequence: 7, answered: false });
      ping(t, here, there, { ...large, at: 6 });
      later(t, 20);
    });
    expect(both.judge(pingSizeLoss)).toMatchObject([{ result: 'healthy' }]);
  });

  it('does not take a host that went down for a small MTU', async () => {
    const result = await run((t) => {
      ping(t, here, there, { at: 0, count: 6, identifier: 7 });
      ping(t, here, there, { ...large, at: 40 });
      later(t, 60);
    });
    expect(result.judge(pingSizeLoss)).toMatchObject([{ result: 'healthy' }]);
  });
});
