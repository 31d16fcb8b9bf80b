import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import { concat, u32 } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import ikePortUnreachable from '../isakmp/diagnoses/port-unreachable.js';
import vxlanPortMismatch from '../vxlan/diagnoses/port-mismatch.js';
import { echoStreams, icmpErrors } from './correlator.js';
import adminProhibited from './diagnoses/admin-prohibited.js';
import fragNeeded from './diagnoses/frag-needed.js';
import ptbIgnored from './diagnoses/ptb-ignored.js';
import ttlExceeded from './diagnoses/ttl-exceeded.js';
import unreachable from './diagnoses/unreachable.js';
import dissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 8080 };
const router = { address: '203.0.113.1', mac: '02:00:00:00:00:02', ttl: 61 };
const parts = { dissectors: [dissector], correlators: [icmpErrors, echoStreams] };
const ends = { source: here.address, destination: there.address };

async function run(build: (t: Timeline) => void): Promise<CaptureRun> {
  const t = timeline(START_NS);
  build(t);
  const frames: readonly TestFrame[] = t.frames();
  return runFrames(frames, parts);
}

function espOf(size = 100, spi = 7): Uint8Array {
  return ipv4({
    ...ends,
    protocol: IP_PROTOCOL.esp,
    payload: concat(u32(spi), u32(1), new Uint8Array(size - 28)),
  });
}

function udpOf(sourcePort: number, destinationPort: number): Uint8Array {
  const payload = udp({ ...ends, sourcePort, destinationPort, payload: new Uint8Array(60) });
  return ipv4({ ...ends, protocol: IP_PROTOCOL.udp, payload });
}

function udpPayloadOf(destinationPort: number): Uint8Array {
  return udp({ ...ends, sourcePort: 40_000, destinationPort, payload: new Uint8Array(60) });
}

function report(t: Timeline, at: number, message: Uint8Array, from = router): void {
  t.sendIp(at, from, here, IP_PROTOCOL.icmp, message);
}

function sendEsp(t: Timeline, at: number, from = here, to = there): void {
  t.sendIp(at, from, to, IP_PROTOCOL.esp, concat(u32(7), u32(1), new Uint8Array(64)));
}

async function judge(diagnosis: Diagnosis, build: (t: Timeline) => void): Promise<Judgement[]> {
  return (await run(build)).judge(diagnosis);
}

describe('underlay.unreachable', () => {
  it('is an error for the ends of a tunnel, with the onset at the first report', async () => {
    const judged = await judge(unreachable, (t) => {
      for (let i = 0; i < 10; i++) {
        sendEsp(t, i);
        if (i < 5) sendEsp(t, i + 0.1, there, here);
        else report(t, i + 0.01, icmpError(3, 1, espOf()));
      }
    });
    expect(judged).toMatchObject([
      {
        result: 'problem',
        severity: 'error',
        confidence: 'high',
        where: 'path',
        direction: { from: here.address, to: there.address },
        counts: { errors: 5, flows: 1, reporters: 1 },
        ongoingAtEnd: true,
      },
    ]);
    if (judged[0]?.result === 'problem') expect(judged[0].first.timeNs).toBeCloseTo(5.01e9, -6);
  });

  it('leaves to the folder of a protocol what that judges, and takes the rest: no refusal is lost or told twice', async () => {
    for (const [sourcePort, destinationPort, judge] of [
      [500, 500, ikePortUnreachable],
      [4500, 1024, unreachable],
      [500, 1025, unreachable],
      [40_000, 8472, vxlanPortMismatch],
      [40_000, 6677, vxlanPortMismatch],
      [6677, 40_000, unreachable],
      [40_000, 9999, unreachable],
    ] as const) {
      const captured = await run((t) => {
        for (let i = 0; i < 4; i++) {
          const message = icmpError(3, 3, udpOf(sourcePort, destinationPort));
          t.sendIp(i + 0.01, there, here, IP_PROTOCOL.icmp, message);
        }
      });
      for (const diagnosis of [unreachable, ikePortUnreachable, vxlanPortMismatch]) {
        const problems = captured.judge(diagnosis).filter(({ result }) => result === 'problem');
        const what = `${diagnosis.id} of ${sourcePort} to ${destinationPort}`;
        expect(problems.length, what).toBe(diagnosis === judge ? 1 : 0);
      }
    }
  });

  it('is as loud about a port of VXLAN as about any other, that of MidoNet too', async () => {
    for (const port of [4789, 8472, 6677]) {
      const judged = await judge(vxlanPortMismatch, (t) => {
        for (let i = 0; i < 4; i++)
          t.sendIp(i, there, here, IP_PROTOCOL.icmp, icmpError(3, 3, udpOf(40_000, port)));
      });
      expect(judged, `port ${port}`).toMatchObject([{ result: 'problem', severity: 'error' }]);
    }
  });

  it('is loud about a host that cannot be reached behind a tunnel on the port of MidoNet too', async () => {
    for (const port of [4789, 8472, 6677]) {
      const judged = await judge(unreachable, (t) => {
        for (let i = 0; i < 40; i++) {
          t.sendIp(
            i,
            here,
            { ...there, address: `198.51.100.${100 + i}` },
            IP_PROTOCOL.udp,
            udpPayloadOf(9000 + i),
          );
        }
        for (let i = 0; i < 4; i++) {
          t.sendIp(i, here, there, IP_PROTOCOL.udp, udpPayloadOf(port));
          report(t, i + 0.01, icmpError(3, 1, udpOf(40_000, port)));
        }
      });
      const [problem] = judged.filter(({ result }) => result === 'problem');
      expect(problem, `port ${port}`).toMatchObject({ severity: 'error' });
    }
  });

  it('is information after a single report and a recovery', async () => {
    const judged = await judge(unreachable, (t) => {
      sendEsp(t, 0);
      report(t, 0.1, icmpError(3, 1, espOf()));
      sendEsp(t, 1);
      sendEsp(t, 1.1, there, here);
    });
    expect(judged).toMatchObject([{ result: 'problem', severity: 'info', ongoingAtEnd: false }]);
  });

  it("kind: an answer of something else is no answer: the peer's own pings are none to what is refused", async () => {
    const lasting = (answer: (t: Timeline) => void) => (t: Timeline) => {
      for (let i = 0; i < 3; i++) {
        sendEsp(t, i);
        report(t, i + 0.1, icmpError(3, 1, espOf()));
      }
      answer(t);
    };
    const pings = lasting((t) => {
      for (let i = 0; i < 4; i++) {
        const echo = { identifier: 9, sequence: i, data: new Uint8Array(32) };
        t.sendIp(4 + i, there, here, IP_PROTOCOL.icmp, icmpEcho(echo));
      }
    });
    expect(await judge(unreachable, pings)).toMatchObject([{ severity: 'error', ongoingAtEnd: true }]);
    const answers = lasting((t) => sendEsp(t, 4, there, here));
    expect(await judge(unreachable, answers)).toMatchObject([{ ongoingAtEnd: false }]);
  });

  it('leaves to others what has its own name: IKE ports, ESP refused, traceroute', async () => {
    const judged = await judge(unreachable, (t) => {
      report(t, 0, icmpError(3, 3, udpOf(500, 500)), there);
      report(t, 1, icmpError(3, 3, udpOf(4500, 4500)), there);
      report(t, 2, icmpError(3, 2, espOf()), there);
      report(t, 3, icmpError(3, 3, udpOf(40_000, 33_440)), there);
    });
    expect(judged).toEqual([]);
  });

  it('warns of a refused port in a small capture, from the third report on', async () => {
    const refused = (count: number) => (t: Timeline) => {
      for (let i = 0; i < count; i++) {
        t.sendUdp(i, here, there, new Uint8Array(60));
        report(t, i + 0.1, icmpError(3, 3, udpOf(here.port, there.port)), there);
      }
    };
    expect(await judge(unreachable, refused(3))).toMatchObject([{ severity: 'warning', where: 'receiver' }]);
    expect(await judge(unreachable, refused(2))).toMatchObject([{ severity: 'info' }]);
  });

  it('knows when the port last worked, and that nothing comes from it either', async () => {
    const [judgement] = await judge(unreachable, (t) => {
      for (const at of [1, 2, 3]) {
        t.sendUdp(at, here, there, new Uint8Array(60));
        t.sendUdp(at + 0.1, there, here, new Uint8Array(60));
      }
      for (const at of [4, 5, 6]) {
        t.sendUdp(at, here, there, new Uint8Array(60));
        report(t, at + 0.1, icmpError(3, 3, udpOf(here.port, there.port)), there);
      }
    });
    expect(judgement).toMatchObject({
      result: 'problem',
      lastGood: { timeNs: expect.closeTo(2.1e9, -6) },
      closedSockets: ['198.51.100.7:8080'],
    });
  });

  it('does not blame a server whose client has gone', async () => {
    const judged = await judge(unreachable, (t) => {
      t.sendUdp(0, there, here, new Uint8Array(60));
      for (let i = 0; i < 4; i++) {
        t.sendUdp(1 + i, here, there, new Uint8Array(60));
        report(t, 1.1 + i, icmpError(3, 3, udpOf(here.port, there.port)), there);
      }
    });
    expect(judged).toMatchObject([{ result: 'problem', severity: 'info' }]);
  });

  it('says so where an error cannot be attached to a flow', async () => {
    const foreign = ipv4({
      ...ends,
      source: '10.0.0.9',
      protocol: IP_PROTOCOL.esp,
      payload: new Uint8Array(8),
    });
    const judged = await judge(unreachable, (t) => report(t, 0, icmpError(3, 1, foreign)));
    expect(judged).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is healthy for tunnel ends that talk to each other', async () => {
    const judged = await judge(unreachable, (t) => {
      sendEsp(t, 0);
      sendEsp(t, 1, there, here);
    });
    expect(judged).toMatchObject([{ result: 'healthy' }]);
  });
});

describe('underlay.admin-prohibited', () => {
  it('names the filter that says so', async () => {
    const judged = await judge(adminProhibited, (t) => {
      for (let i = 0; i < 4; i++) {
        sendEsp(t, i);
        report(t, i + 0.1, icmpError(3, 13, espOf()));
      }
    });
    expect(judged).toMatchObject([{ result: 'problem', severity: 'error', counts: { errors: 4 } }]);
  });
});

describe('underlay.ttl-exceeded', () => {
  it('fires where one router reports again and again', async () => {
    const judged = await judge(ttlExceeded, (t) => {
      for (let i = 0; i < 4; i++) {
        sendEsp(t, i);
        report(t, i + 0.1, icmpError(11, 0, espOf()));
      }
    });
    expect(judged).toMatchObject([{ result: 'problem', severity: 'error', counts: { errors: 4 } }]);
  });

  it('is silent about traceroutes of any kind', async () => {
    const byPort = await judge(ttlExceeded, (t) => {
      for (let i = 0; i < 6; i++) report(t, i, icmpError(11, 0, udpOf(40_000, 33_434 + i)));
    });
    expect(byPort).toEqual([]);
    const byHops = await judge(ttlExceeded, (t) => {
      for (let hop = 1; hop < 6; hop++) {
        report(t, hop, icmpError(11, 0, udpOf(40_000, 8080)), { ...router, address: `203.0.113.${hop}` });
      }
    });
    expect(byHops).toEqual([]);
  });
});

describe('MTU reports', () => {
  const reports = (t: Timeline, count: number, packet: Uint8Array): void => {
    for (let i = 0; i < count; i++) report(t, i * 1.5, icmpError(3, 4, packet, { parameter: 1400 }));
  };

  it('are information where the sender obeys', async () => {
    const build = (t: Timeline): void => {
      sendEsp(t, 0);
      reports(t, 1, espOf(1500));
      for (let i = 1; i < 9; i++) sendEsp(t, i);
    };
    expect(await judge(fragNeeded, build)).toMatchObject([
      { result: 'problem', severity: 'info', counts: { reports: 1, mtu: 1400, largestBytes: 1500 } },
    ]);
    expect(await judge(ptbIgnored, build)).toMatchObject([{ result: 'healthy' }]);
  });

  it('are errors where a tunnel goes on with packets that are too large', async () => {
    const build = (t: Timeline): void => {
      sendEsp(t, 0);
      reports(t, 5, espOf(1500));
      sendEsp(t, 20);
    };
    expect(await judge(fragNeeded, build)).toMatchObject([
      { severity: 'error', counts: { reports: 5, ignoredReports: 4 } },
    ]);
    expect(await judge(ptbIgnored, build)).toMatchObject([
      { result: 'problem', severity: 'error', where: 'sender', counts: { ignoredReports: 4 } },
    ]);
  });

  it('warn where the quoted flow stops', async () => {
    const build = (t: Timeline): void => {
      t.sendUdp(0, here, there, new Uint8Array(1472));
      report(t, 0.01, icmpError(3, 4, udpOf(here.port, there.port), { parameter: 1400 }));
      for (const at of [4, 9]) t.sendUdp(at, there, here, new Uint8Array(10));
    };
    expect(await judge(fragNeeded, build)).toMatchObject([{ severity: 'warning', ongoingAtEnd: true }]);
  });

  describe('about TCP', () => {
    /** A large segment, the report, its two halves, and whatever comes then; others go on to talk. */
    const transfer =
      (isAcknowledged: boolean) =>
      (t: Timeline): void => {
        const segment = (length: number, sequence: number): Uint8Array =>
          tcp({
            ...ends,
            sourcePort: 40_000,
            destinationPort: 8080,
            sequence,
            acknowledgment: 1,
            flags: ['ACK', 'PSH'],
            payload: new Uint8Array(length),
          });
        t.sendIp(0, here, there, IP_PROTOCOL.tcp, segment(1448, 1));
        const quoted = ipv4({ ...ends, protocol: IP_PROTOCOL.tcp, payload: segment(1448, 1) });
        report(t, 0.001, icmpError(3, 4, quoted, { parameter: 1400 }));
        if (isAcknowledged) {
          t.sendIp(0.002, here, there, IP_PROTOCOL.tcp, segment(1348, 1));
          t.sendIp(0.002, here, there, IP_PROTOCOL.tcp, segment(100, 1349));
          const back = { source: ends.destination, destination: ends.source };
          const header = {
            ...back,
            sourcePort: 8080,
            destinationPort: 40_000,
            sequence: 1,
            acknowledgment: 1449,
            flags: ['ACK'] as const,
          };
          t.sendIp(0.012, there, here, IP_PROTOCOL.tcp, tcp({ ...header, payload: new Uint8Array(0) }));
        }
        for (const at of t.beatsUntil(12)) sendEsp(t, at);
      };

    it('are information where the data went through in smaller pieces and all is said', async () => {
      expect(await judge(fragNeeded, transfer(true))).toMatchObject([
        { severity: 'info', ongoingAtEnd: false },
      ]);
    });

    it('warn where nothing came of it', async () => {
      expect(await judge(fragNeeded, transfer(false))).toMatchObject([{ severity: 'warning' }]);
    });
  });

  it('are not held against probes of the path', async () => {
    const quic = await judge(ptbIgnored, (t) => reports(t, 5, udpOf(40_000, 443)));
    expect(quic).toEqual([]);
  });

  it('need time to see whether the sender obeys', async () => {
    const judged = await judge(ptbIgnored, (t) => reports(t, 1, espOf(1500)));
    expect(judged).toMatchObject([{ result: 'insufficient-data', neededSeconds: 3 }]);
  });
});
