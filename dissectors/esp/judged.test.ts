import { describe, expect, it } from 'vitest';
import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { concat, hex, u32, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import {
  type EspSa,
  type EspStream,
  espExchange,
  espPacket,
  espStream,
  type Timeline,
  timeline,
} from '../../test/build/scenario.js';
import {
  espTunnelOf,
  ikev2Handshake,
  ikev2Liveness,
  ikev2RekeyChild,
} from '../../test/build/scenario-ike.js';
import { ahPairs } from '../ah/correlator.js';
import { ah } from '../ah/dissector.js';
import { icmpErrors } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { ike } from '../isakmp/correlator.js';
import isakmp from '../isakmp/dissector.js';
import { nattConversations } from '../udpencap/correlator.js';
import { udpencap } from '../udpencap/dissector.js';
import { espPairs } from './correlator.js';
import decapsulatedView from './diagnoses/decapsulated-view.js';
import duplicates from './diagnoses/duplicates.js';
import loss from './diagnoses/loss.js';
import mixedEncapsulation from './diagnoses/mixed-encapsulation.js';
import noTraffic from './diagnoses/no-traffic.js';
import oneWay from './diagnoses/one-way-spi.js';
import protoUnreachable from './diagnoses/proto-unreachable.js';
import reorder from './diagnoses/reorder.js';
import replayWindow from './diagnoses/replay-window.js';
import seqWrapSoon from './diagnoses/seq-wrap-soon.js';
import staleSpi from './diagnoses/stale-spi.js';
import { esp } from './dissector.js';
import tunnel from './tunnel.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const router = { ...there, address: '203.0.113.1' };
const PEERS = { initiator: here, responder: there };
const SPIS = { toResponder: 0xc8a417e9, toInitiator: 0x4f62b01d };
const NEXT_SPIS = { toResponder: 0xca03f572, toInitiator: 0x61d9e848 };
const parts = {
  dissectors: [ah, esp, icmp, isakmp, udpencap],
  correlators: [ahPairs, espPairs, icmpErrors, ike, nattConversations],
};
const EVERY_DIAGNOSIS: readonly Diagnosis[] = [
  decapsulatedView,
  duplicates,
  loss,
  mixedEncapsulation,
  noTraffic,
  oneWay,
  protoUnreachable,
  reorder,
  replayWindow,
  seqWrapSoon,
  staleSpi,
];

function capture(build: (t: Timeline) => void, marks = 0): Promise<CaptureRun> {
  const t = timeline(START_NS);
  build(t);
  return runFrames(withMarks(t.frames(), marks), parts);
}

function withMarks(frames: readonly TestFrame[], marks: number): TestFrame[] {
  return frames.map((frame) => ({ ...frame, marks }));
}

function problemsOf(judgements: readonly Judgement[]): Problem[] {
  return judgements.filter((judgement) => judgement.result === 'problem');
}

/** One direction towards `here`, ten packets a second, with some answers. */
function stream(t: Timeline, options: Partial<EspStream> = {}): void {
  const { toInitiator, toResponder } = SPIS;
  const base = { at: 0, count: 300, intervalMs: 100, sizes: [100] };
  espStream(t, { ...base, from: there, to: here, spi: toInitiator, ...options });
  espStream(t, { ...base, from: here, to: there, spi: toResponder, at: 0.02 });
}

/** Other traffic, which shows that the capture ran. */
function icmpBeats(t: Timeline, seconds: number): void {
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  for (let at = 1; at < seconds; at += 2) t.sendIp(at, here, router, IP_PROTOCOL.icmp, echo);
}

describe('healthy tunnels', () => {
  it('give no problem with a rekey, and every diagnosis that applies says healthy', async () => {
    const run = await capture((t) => {
      ikev2Handshake(t, PEERS, { at: 1 });
      espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2, seconds: 100, intervalMs: 400 });
      espExchange(t, espTunnelOf(PEERS, NEXT_SPIS), { at: 101, seconds: 200, intervalMs: 400 });
    });
    for (const diagnosis of EVERY_DIAGNOSIS) {
      const results = run.judge(diagnosis).map(({ result }) => result);
      expect([...new Set(results)], diagnosis.id).toEqual(['healthy']);
    }
  });

  it('are not judged where there are none', async () => {
    const run = await capture((t) => {
      t.sendUdp(0, { ...here, port: 5000 }, { ...there, port: 5001 }, new Uint8Array(40));
    });
    for (const diagnosis of EVERY_DIAGNOSIS) expect(run.judge(diagnosis), diagnosis.id).toEqual([]);
  });
});

describe('esp.loss', () => {
  const everyThirtieth = (sequence: number): boolean => sequence % 30 === 7;

  it('counts exactly what is missing, and warns above 1 %', async () => {
    const run = await capture((t) => stream(t, { lost: everyThirtieth }));
    const [problem, ...rest] = problemsOf(run.judge(loss));
    expect(problem).toMatchObject({
      confidence: 'high',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      counts: { lost: 10, expected: 300, gaps: 10, largestGap: 1 },
      displayFilter: 'esp.spi == 0x4f62b01d',
    });
    expect(problem.severity ?? loss.severity).toBe('warning');
    expect(rest).toEqual([]);
  });

  it('is an error above 5 %, and nothing below 1 %', async () => {
    const heavy = await capture((t) => stream(t, { lost: (sequence) => sequence % 10 === 7 }));
    expect(problemsOf(heavy.judge(loss))).toMatchObject([{ severity: 'error', counts: { lost: 30 } }]);
    const light = await capture((t) =>
      stream(t, { lost: (sequence) => sequence === 100 || sequence === 200 }),
    );
    expect(problemsOf(light.judge(loss))).toEqual([]);
  });

  it('warns of a burst that is small beside the whole', async () => {
    const burst = { count: 3000, lost: (sequence: number): boolean => sequence > 1000 && sequence <= 1025 };
    const slow = await capture((t) => {
      stream(t, { ...burst, intervalMs: 200 });
      icmpBeats(t, 600);
    });
    expect(problemsOf(slow.judge(loss))).toMatchObject([
      { severity: 'warning', counts: { lost: 25, gaps: 1 } },
    ]);
  });

  it('asks for a capture at the receiver where it was taken at the sender', async () => {
    const t = timeline(START_NS);
    stream(t, { lost: everyThirtieth });
    const outbound = await runFrames(withMarks(t.frames(), MARK_OUTBOUND), parts);
    const results = outbound.judge(loss).map(({ result }) => result);
    expect(results.sort()).toEqual(['healthy', 'insufficient-data']);
    const inbound = await runFrames(withMarks(t.frames(), MARK_INBOUND), parts);
    expect(problemsOf(inbound.judge(loss))).toMatchObject([{ confidence: 'high' }]);
  });

  it('does not take late packets for lost ones', async () => {
    const delayMs = (sequence: number): number => (sequence % 20 === 3 ? 350 : 0);
    const run = await capture((t) => stream(t, { delayMs }));
    expect(problemsOf(run.judge(loss))).toEqual([]);
    expect(problemsOf(run.judge(reorder))).toMatchObject([{ counts: { reordered: 15, packets: 300 } }]);
    expect(problemsOf(run.judge(replayWindow))).toEqual([]);
  });
});

describe('order and repetition', () => {
  it('reports packets behind the replay window', async () => {
    const delayMs = (sequence: number): number => ([40, 90, 130].includes(sequence) ? 8000 : 0);
    const run = await capture((t) => stream(t, { delayMs }));
    expect(problemsOf(run.judge(replayWindow))).toMatchObject([{ counts: { late: 3, reordered: 3 } }]);
    expect(problemsOf(run.judge(reorder))).toEqual([]);
  });

  it('reports repeated packets, but not copies that a second tap made', async () => {
    const repeated = (delay: number, mac: string): Promise<CaptureRun> =>
      capture((t) => {
        const sa: EspSa = { from: there, to: here, spi: 0x4000, nextSequence: 1 };
        for (let at = 0; at < 60; at++) {
          const packet = espPacket(t, at * 0.2, sa, 100);
          if (at % 10 === 3) t.send(at * 0.2 + delay, { ...there, mac }, here, ETHER_TYPE.ipv4, packet);
        }
      });
    expect(problemsOf((await repeated(0.08, there.mac)).judge(duplicates))).toMatchObject([
      { counts: { duplicates: 6, packets: 66 } },
    ]);
    expect(problemsOf((await repeated(0.0001, '02:00:00:00:00:99')).judge(duplicates))).toEqual([]);
  });
});

describe('SAs', () => {
  it('reports native ESP against ESP in UDP', async () => {
    const ports = { source: 4500, destination: 4500 };
    const run = await capture((t) => {
      const forth: EspSa = { from: here, to: there, spi: 0x5000, nextSequence: 1, ports };
      espExchange(
        t,
        { forth, back: { from: there, to: here, spi: 0x5001, nextSequence: 1 } },
        { at: 0, seconds: 20, intervalMs: 500 },
      );
    });
    expect(problemsOf(run.judge(mixedEncapsulation))).toMatchObject([
      { counts: { nativePackets: 40, udpPackets: 40 } },
    ]);
  });

  it('reports a side that stays on an SA which its peer has left', async () => {
    const stays = (seconds: number): Promise<CaptureRun> =>
      capture((t) => {
        const { forth, back } = espTunnelOf(PEERS, SPIS);
        espExchange(t, { forth, back }, { at: 0, seconds: 20, intervalMs: 1000 });
        const moved = { forth, back: espTunnelOf(PEERS, NEXT_SPIS).back };
        espExchange(t, moved, { at: 20, seconds, intervalMs: 1000 });
      });
    expect(problemsOf((await stays(150)).judge(staleSpi))).toMatchObject([
      { subject: { spi: '0xc8a417e9' } },
    ]);
    expect(problemsOf((await stays(100)).judge(staleSpi))).toEqual([]);
  });

  it('names the rekey that one side alone follows, and none that is too old', async () => {
    const rekeyedAt = (at: number): Promise<CaptureRun> =>
      capture((t) => {
        const session = ikev2Handshake(t, PEERS, { at: 0.5 });
        const { forth, back } = espTunnelOf(PEERS, SPIS);
        espExchange(t, { forth, back }, { at: 1, seconds: 89, intervalMs: 1000 });
        ikev2RekeyChild(t, session, at);
        const moved = { forth, back: espTunnelOf(PEERS, NEXT_SPIS).back };
        espExchange(t, moved, { at: 91, seconds: 150, intervalMs: 1000 });
      });
    const [linked] = problemsOf((await rekeyedAt(90.2)).judge(staleSpi));
    expect(linked.counts).toMatchObject({ rekeys: 1 });
    expect(linked.evidence.map(({ summary }) => summary)).toContain('rekey: 192.0.2.1 asks for a new SA');
    expect(linked.explanation).toMatch(/^After a rekey 198\.51\.100\.7 moved/);
    const [unlinked] = problemsOf((await rekeyedAt(40)).judge(staleSpi));
    expect(unlinked.counts).toMatchObject({ rekeys: 0 });
  });

  it('reports an SA that runs out of numbers, and trusts one that wraps', async () => {
    const from = (firstSequence: number): Promise<CaptureRun> => capture((t) => stream(t, { firstSequence }));
    expect(problemsOf((await from(0xffff_0000)).judge(seqWrapSoon))).toMatchObject([{ confidence: 'low' }]);
    expect(problemsOf((await from(0xffff_ff80)).judge(seqWrapSoon))).toEqual([]);
  });
});

describe('ESP beside IKE and ICMP', () => {
  it('mentions an SA without ESP where the capture is long enough and hides nothing', async () => {
    const idle = (seconds: number): Promise<CaptureRun> =>
      capture((t) => {
        const session = ikev2Handshake(t, PEERS, { at: 1 });
        for (const at of t.beatsUntil(seconds)) ikev2Liveness(t, session, at, 'initiator');
        t.sendIp(
          2,
          here,
          router,
          IP_PROTOCOL.icmp,
          icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) }),
        );
      });
    expect((await idle(60)).judge(noTraffic)).toMatchObject([{ result: 'problem', counts: { childSas: 1 } }]);
    expect(noTraffic.severity).toBe('info');
    expect((await idle(20)).judge(noTraffic)).toMatchObject([
      { result: 'insufficient-data', neededSeconds: 30 },
    ]);
    const filtered = await capture((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      for (let at = 5; at < 60; at += 5) ikev2Liveness(t, session, at, 'initiator');
    });
    expect(filtered.judge(noTraffic)).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('reports a peer without ESP', async () => {
    const run = await capture((t) => {
      const sa: EspSa = { from: here, to: there, spi: 0x6000, nextSequence: 1 };
      for (let at = 0; at < 5; at++) {
        const packet = espPacket(t, at, sa, 100);
        t.sendIp(at + 0.01, there, here, IP_PROTOCOL.icmp, icmpError(3, 2, packet, { quotedLength: 28 }));
      }
    });
    expect(problemsOf(run.judge(protoUnreachable))).toMatchObject([
      { confidence: 'high', counts: { refused: 5 }, pair: ['192.0.2.1', '198.51.100.7'] },
    ]);
  });

  it('kind: a title names what was refused, and by whom', async () => {
    const titleOf = async (protocol: 'esp' | 'ah', reporter: typeof there): Promise<string | undefined> => {
      const run = await capture((t) => {
        const packet = ip({
          source: here.address,
          destination: there.address,
          protocol: IP_PROTOCOL[protocol],
          payload: concat(hex('32040000'), u32(0x6000), u32(1), zeros(12)),
        });
        t.sendIp(1, reporter, here, IP_PROTOCOL.icmp, icmpError(3, 2, packet, { quotedLength: 36 }));
      });
      return problemsOf(run.judge(protoUnreachable))[0]?.title;
    };
    const router = { ...there, address: '203.0.113.254' };
    expect(await titleOf('esp', there)).toBe('Peer has no ESP stack');
    expect(await titleOf('ah', there)).toBe('Peer has no AH stack');
    expect(await titleOf('esp', router)).toBe('203.0.113.254 refuses ESP on the way');
  });

  it('knows the decrypted copies of a Linux gateway from other cleartext', async () => {
    const withCleartext = (delay: number, answered: boolean): Promise<CaptureRun> =>
      capture((t) => {
        const tunnelOf = espTunnelOf(PEERS, SPIS);
        for (let at = 0; at < 20; at++) {
          espPacket(t, at, tunnelOf.forth, 128);
          espPacket(t, at + 0.01, tunnelOf.back, 128);
          const inner = (source: string, destination: string): Uint8Array =>
            ip({
              source,
              destination,
              protocol: IP_PROTOCOL.icmp,
              ttl: 62,
              payload: icmpEcho({ identifier: 7, sequence: at, data: t.random.bytes(56) }),
            });
          t.send(at + 0.01 + delay, there, here, ETHER_TYPE.ipv4, inner('10.2.0.5', '10.1.0.9'));
          if (answered)
            t.send(at + 0.02 + delay, here, there, ETHER_TYPE.ipv4, inner('10.1.0.9', '10.2.0.5'));
        }
      });
    const [copies] = (await withCleartext(50e-6, false)).judge(decapsulatedView);
    expect(copies).toMatchObject({ result: 'problem', counts: { copies: 20, espPackets: 20 } });
    expect(decapsulatedView.severity).toBe('info');
    expect(problemsOf((await withCleartext(50e-6, true)).judge(decapsulatedView))).toEqual([]);
    expect(problemsOf((await withCleartext(0.3, false)).judge(decapsulatedView))).toEqual([]);
  });
});

describe('another protocol on port 4500', () => {
  const ports = { source: 4500, destination: 40_000 };

  it('is no tunnel and gives no finding where its first bytes change', async () => {
    const run = await capture((t) => {
      for (let at = 0; at < 40; at++) {
        const spi = 0x1000_0000 + at * 7919;
        espPacket(t, at, { from: here, to: there, spi, nextSequence: at * 104_729, ports }, 100);
      }
    });
    for (const diagnosis of EVERY_DIAGNOSIS) expect(run.judge(diagnosis), diagnosis.id).toEqual([]);
    expect([...tunnel.describe(run.evidence)]).toEqual([]);
  });

  it('is no tunnel and gives no finding where they do not', async () => {
    const run = await capture((t) => {
      for (let at = 0; at < 40; at++) {
        const nextSequence = (at * 2_654_435_761) % 2 ** 32;
        espPacket(t, at, { from: here, to: there, spi: 0x1000_0000, nextSequence, ports }, 100);
      }
    });
    for (const diagnosis of EVERY_DIAGNOSIS) expect(run.judge(diagnosis), diagnosis.id).toEqual([]);
  });
});

describe('tunnels', () => {
  const draft = async (build: (t: Timeline) => void): Promise<unknown> => [
    ...tunnel.describe((await capture(build)).evidence),
  ];

  it('lists gateways with their SPIs and IKE', async () => {
    const drafts = await draft((t) => {
      ikev2Handshake(t, PEERS, { at: 1 });
      espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2, seconds: 20, intervalMs: 1000 });
    });
    expect(drafts).toMatchObject([
      {
        kind: 'ipsec',
        endpoints: ['192.0.2.1', '198.51.100.7'],
        key: ['0xc8a417e9', '0x4f62b01d'],
        directions: [
          { from: '192.0.2.1', to: '198.51.100.7', packets: 20 },
          { from: '198.51.100.7', to: '192.0.2.1', packets: 20 },
        ],
        facts: { encapsulation: 'esp', ike: { version: 2, established: 1, childSas: 1 } },
      },
    ]);
  });

  it('lists gateways that only negotiate', async () => {
    expect(await draft((t) => void ikev2Handshake(t, PEERS, { at: 1 }))).toMatchObject([
      { state: 'idle', directions: [] },
    ]);
  });

  it('lists one tunnel where both sides of a NAT are in the capture', async () => {
    const inside = { ...here, address: '10.0.0.2' };
    const drafts = await draft((t) => {
      const ports = { source: 4500, destination: 4500 };
      for (let at = 0; at < 10; at++) {
        for (const [delay, own] of [
          [0, inside],
          [0.0001, here],
        ] as const) {
          const sa: EspSa = { from: own, to: there, spi: 0x7000, nextSequence: at + 1, ports };
          espPacket(t, at + delay, sa, 100);
        }
      }
    });
    expect(drafts).toMatchObject([
      { endpoints: ['10.0.0.2', '198.51.100.7'], directions: [{ packets: 10 }] },
    ]);
  });
});
