import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import {
  connectOpenvpn,
  dataExchange,
  OPENVPN_OPCODE,
  type OpenvpnTunnel,
  openvpnDataV1,
  openvpnHandshake,
  openvpnTunnel,
  pings,
  sendControl,
  sendData,
  sendInVain,
  tlsRecord,
} from '../../test/build/openvpn.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import ipCorrelators from '../ip/correlator.js';
import ip from '../ip/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import correlators, { openvpnConversations } from './correlator.js';
import keepaliveGap from './diagnoses/keepalive-gap.js';
import loss from './diagnoses/loss.js';
import noResponse from './diagnoses/no-response.js';
import oneWayData from './diagnoses/one-way-data.js';
import outerFragmentation from './diagnoses/outer-fragmentation.js';
import peerMoved from './diagnoses/peer-moved.js';
import portUnreachable from './diagnoses/port-unreachable.js';
import resetLoop from './diagnoses/reset-loop.js';
import tlsStalled from './diagnoses/tls-stalled.js';
import dissector from './dissector.js';
import view from './tunnel.js';

const CLIENT = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 41_874 };
const SERVER = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 1194 };
const OTHER = { address: '203.0.113.9', mac: '02:00:00:00:00:03', ttl: 64 };
const ALL = [
  keepaliveGap,
  loss,
  noResponse,
  oneWayData,
  outerFragmentation,
  peerMoved,
  portUnreachable,
  resetLoop,
  tlsStalled,
];
const parts = {
  dissectors: [dissector, icmp, ip, tcp],
  correlators: [...correlators, ...icmpCorrelators, ...ipCorrelators, ...tcpCorrelators],
};

type Protection = OpenvpnTunnel['protection'];

function begin(protection: Protection = 'none'): [Timeline, OpenvpnTunnel] {
  const t = timeline(1_700_000_000_000_000_000n, 11);
  return [t, openvpnTunnel(t, CLIENT, SERVER, protection)];
}

/** The capture goes on until then. */
function until(t: Timeline, seconds: number): Timeline {
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  for (const at of t.beatsUntil(seconds)) {
    t.sendIp(at, OTHER, { ...OTHER, address: '203.0.113.10' }, IP_PROTOCOL.icmp, echo);
  }
  return t;
}

async function judge(t: Timeline, diagnosis: Diagnosis, framesPerChunk?: number): Promise<Judgement[]> {
  return (await runFrames(t.frames(), parts, framesPerChunk)).judge(diagnosis);
}

async function results(t: Timeline, diagnosis: Diagnosis): Promise<string[]> {
  return (await judge(t, diagnosis)).map(({ result }) => result);
}

async function problem(t: Timeline, diagnosis: Diagnosis): Promise<Problem> {
  const problems = (await judge(t, diagnosis)).filter((one) => one.result === 'problem');
  expect(problems.length).toBe(1);
  return problems[0];
}

async function alarms(t: Timeline): Promise<string[]> {
  const run = await runFrames(t.frames(), parts);
  return ALL.flatMap((diagnosis) =>
    run
      .judge(diagnosis)
      .filter((one) => one.result === 'problem' && (one.severity ?? diagnosis.severity) !== 'info')
      .map(() => diagnosis.id),
  );
}

function resets(t: Timeline, tunnel: OpenvpnTunnel, times: readonly number[]): void {
  for (const at of times)
    sendControl(t, at, tunnel, 'client', { opcode: OPENVPN_OPCODE.clientReset, messageId: 0 });
}

describe.each<Protection>(['none', 'tls-auth', 'tls-crypt'])(
  'a healthy tunnel, control channel: %s',
  (protection) => {
    it('raises nothing, and is a tunnel that is up', async () => {
      const [t, tunnel] = begin(protection);
      const done = openvpnHandshake(t, 1, tunnel);
      dataExchange(t, tunnel, { at: done + 1, count: 40, intervalSeconds: 0.5 });
      const renewed = openvpnHandshake(t, 30, tunnel, { soft: true });
      dataExchange(t, tunnel, { at: renewed + 1, count: 40, intervalSeconds: 0.5 });
      until(t, 70);
      expect(await alarms(t)).toEqual([]);
      const run = await runFrames(t.frames(), parts);
      const [draft, ...others] = [...view.describe(run.evidence)];
      expect(others).toEqual([]);
      expect(draft).toMatchObject({
        endpoints: [CLIENT.address, SERVER.address],
        state: 'up',
        facts: {
          sessions: 1,
          renegotiations: 1,
          controlProtection: protection,
          dataVersion: 2,
          peerIds: [0],
        },
      });
    });
  },
);

describe('openvpn.no-response', () => {
  it('fires on three resets over 6 s without an answer', async () => {
    const [t, tunnel] = begin();
    resets(t, tunnel, [1, 3, 7]);
    const found = await problem(until(t, 20), noResponse);
    expect(found.counts).toEqual({ resets: 3, attempts: 1, answers: 0 });
    expect(found.direction).toEqual({ from: CLIENT.address, to: SERVER.address });
    expect(found.evidence.map(({ frame }) => frame)).toEqual([1, 2, 3]);
    expect(found.ongoingAtEnd).toBe(true);
  });

  it('is silent on two resets, and where the second is answered', async () => {
    const [t, tunnel] = begin();
    resets(t, tunnel, [1, 3]);
    expect(await results(until(t, 20), noResponse)).toEqual(['healthy']);
    const [u, late] = begin();
    resets(u, late, [1, 3, 7]);
    openvpnHandshake(u, 9, late);
    expect(await results(until(u, 30), noResponse)).toEqual(['healthy']);
  });

  it('is a warning where another attempt works later', async () => {
    const [t, tunnel] = begin();
    resets(t, tunnel, [1, 3, 7, 15]);
    const again = openvpnTunnel(t, { ...CLIENT, port: 50_001 }, SERVER);
    dataExchange(t, again, { at: openvpnHandshake(t, 40, again) + 1, count: 12, intervalSeconds: 1 });
    const found = await problem(t, noResponse);
    expect([found.severity, found.ongoingAtEnd]).toEqual(['warning', false]);
  });

  it('tells answers that do not get back from none', async () => {
    const [t, tunnel] = begin();
    for (const at of [1, 3, 7, 15]) {
      resets(t, tunnel, [at]);
      sendControl(t, at + 0.001, tunnel, 'server', {
        opcode: OPENVPN_OPCODE.serverReset,
        messageId: 0,
        acks: [0],
      });
    }
    const found = await problem(until(t, 30), noResponse);
    expect(found.direction).toEqual({ from: SERVER.address, to: CLIENT.address });
    expect(found.counts).toMatchObject({ resetsAfterAnswer: 3, answers: 4 });
  });

  it('does not accuse a server that answers from another address', async () => {
    const [t, tunnel] = begin();
    resets(t, tunnel, [1, 3, 7, 15]);
    const second = {
      ...tunnel,
      server: { ...tunnel.server, socket: { ...SERVER, address: '198.51.100.8' } },
    };
    for (const at of [1.02, 3.02, 7.02]) {
      sendControl(t, at, second, 'server', { opcode: OPENVPN_OPCODE.serverReset, messageId: 0, acks: [0] });
    }
    expect(await results(until(t, 30), noResponse)).toEqual(['insufficient-data']);
  });
});

describe('openvpn.port-unreachable', () => {
  function refuse(t: Timeline, at: number, from: typeof CLIENT, to: typeof CLIENT, sent: Uint8Array): void {
    t.sendIp(at, to, from, IP_PROTOCOL.icmp, icmpError(3, 3, sent));
  }

  it('fires on a server that is not there', async () => {
    const [t, tunnel] = begin();
    for (const at of [1, 3, 7]) {
      refuse(
        t,
        at + 0.02,
        CLIENT,
        SERVER,
        t.sendUdp(at, CLIENT, SERVER, new Uint8Array([0x38, ...tunnel.client.session, 0, 0, 0, 0, 0])),
      );
    }
    const found = await problem(until(t, 20), portUnreachable);
    expect([found.severity, found.confidence, found.counts.errors]).toEqual([undefined, 'high', 3]);
  });

  it('is a remark where it is the client that has ended', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 0.5 });
    for (const at of [30, 40, 50])
      refuse(t, at + 0.02, SERVER, CLIENT, sendData(t, at, tunnel, 'server', 16));
    until(t, 60);
    expect((await problem(t, portUnreachable)).severity).toBe('info');
    expect(await alarms(t)).toEqual([]);
  });

  it('is silent on a single error at the end of a session', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 0.5 });
    refuse(t, 14.02, CLIENT, SERVER, sendData(t, 14, tunnel, 'client', 16));
    expect(await results(until(t, 30), portUnreachable)).toEqual(['healthy']);
  });
});

describe('openvpn.tls-stalled', () => {
  const { control, ack } = OPENVPN_OPCODE;

  function stall(protection: Protection, times: readonly number[]): [Timeline, OpenvpnTunnel] {
    const [t, tunnel] = begin(protection);
    openvpnHandshake(t, 1, tunnel, { packets: 2 });
    const payload = t.random.bytes(1100);
    for (const at of times)
      sendControl(t, at, tunnel, 'server', { opcode: control, messageId: 2, acks: [1], payload });
    return [t, tunnel];
  }

  it.each<Protection>(['none', 'tls-auth', 'tls-crypt'])(
    'fires on a packet that is repeated in vain: %s',
    async (protection) => {
      const [t] = stall(protection, [2, 4, 8, 16]);
      const found = await problem(until(t, 60), tlsStalled);
      expect(found.counts).toMatchObject({ handshakes: 1, repeatedPackets: 1, sendings: 4 });
      expect(found.direction).toEqual({ from: SERVER.address, to: CLIENT.address });
      expect(found.first.timeNs).toBe(1e9);
    },
  );

  /** TLS to its end, and a message of the server, with which the client leaves or not. */
  function farewell(times: readonly number[], protection: Protection = 'none'): [Timeline, OpenvpnTunnel] {
    const [t, tunnel] = begin(protection);
    openvpnHandshake(t, 1, tunnel);
    const messageId = tunnel.server.nextMessage;
    const payload = t.random.bytes(60);
    for (const at of times) sendControl(t, at, tunnel, 'server', { opcode: control, messageId, payload });
    return [t, tunnel];
  }

  it('fires where the client leaves at a message of the server', async () => {
    const [t] = farewell([2, 4.2]);
    const found = await problem(until(t, 30), tlsStalled);
    expect(found.title).toBe('OpenVPN client leaves after the TLS handshake');
    expect(found.causes?.[0]).toContain('AUTH_FAILED');
  });

  it('is silent where the client acknowledges, asks on, sends data, cannot be read, or where it is too early', async () => {
    const acknowledged = farewell([2, 4.2]);
    sendControl(acknowledged[0], 4.3, acknowledged[1], 'client', {
      opcode: ack,
      acks: [acknowledged[1].server.nextMessage],
    });
    expect(await results(until(acknowledged[0], 30), tlsStalled)).toEqual(['healthy']);
    const asking = farewell([2, 4.2]);
    sendControl(asking[0], 7, asking[1], 'client', { opcode: control, payload: asking[0].random.bytes(60) });
    expect(await results(until(asking[0], 30), tlsStalled)).toEqual(['healthy']);
    const [talking, tunnel] = farewell([2, 4.2]);
    sendData(talking, 4.5, tunnel, 'client', 100);
    expect(await results(until(talking, 30), tlsStalled)).toEqual(['healthy']);
    expect(await results(until(farewell([2, 4.2], 'tls-crypt')[0], 30), tlsStalled)).toEqual(['healthy']);
    expect(await results(until(farewell([2, 4.2])[0], 8), tlsStalled)).toEqual(['healthy']);
  });

  it('does not take requests every 5 s with tls-crypt for repetitions', async () => {
    const [t] = stall('tls-crypt', [2, 7, 12, 17, 22]);
    expect(await results(until(t, 60), tlsStalled)).toEqual(['healthy']);
  });

  it('is silent where the packet is acknowledged in the end', async () => {
    const [t, tunnel] = stall('none', [2, 4, 8]);
    sendControl(t, 8.1, tunnel, 'client', { opcode: ack, acks: [2] });
    expect(await results(until(t, 60), tlsStalled)).toEqual(['healthy']);
  });

  it('blames the way back where acknowledgments are seen and the packet is repeated all the same', async () => {
    const [t, tunnel] = stall('none', [2, 4, 8, 16]);
    for (const at of [2.01, 4.01, 8.01, 16.01])
      sendControl(t, at, tunnel, 'client', { opcode: ack, acks: [2] });
    const found = await problem(until(t, 60), tlsStalled);
    expect(found.direction).toEqual({ from: CLIENT.address, to: SERVER.address });
  });

  it('fires on a fatal alert in clear, by name', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel, { packets: 4 });
    sendControl(t, 1.2, tunnel, 'client', { opcode: control, payload: tlsRecord(21, Uint8Array.of(2, 48)) });
    const found = await problem(until(t, 10), tlsStalled);
    expect([found.title, found.confidence]).toEqual(['OpenVPN TLS handshake refused: unknown CA', 'high']);
  });

  it('is silent on the alert with which a session is closed', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel, { packets: 4 });
    sendControl(t, 1.2, tunnel, 'client', { opcode: control, payload: tlsRecord(21, Uint8Array.of(1, 0)) });
    expect(await results(until(t, 5), tlsStalled)).toEqual(['healthy']);
  });

  it('fires where the TLS messages of the server never come, unless the client acknowledges them', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel, { packets: 1 });
    const found = await problem(until(t, 30), tlsStalled);
    expect(found.direction).toEqual({ from: SERVER.address, to: CLIENT.address });
    sendControl(t, 1.3, tunnel, 'client', { opcode: ack, acks: [1] });
    expect(await results(t, tlsStalled)).toEqual(['healthy']);
  });

  it('is silent where the capture ends before they can come', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel, { packets: 1 });
    expect(await results(until(t, 5), tlsStalled)).toEqual(['healthy']);
  });
});

describe('openvpn.reset-loop', () => {
  function attempts(count: number, seconds: number, port = (_: number) => CLIENT.port): Timeline {
    const [t] = begin();
    for (let index = 0; index < count; index++) {
      openvpnHandshake(t, 1 + index * seconds, openvpnTunnel(t, { ...CLIENT, port: port(index) }, SERVER));
    }
    return until(t, 1 + count * seconds);
  }

  it('fires on three sessions in a row, from the same port or from new ones', async () => {
    expect((await problem(attempts(3, 20), resetLoop)).counts).toEqual({ sessions: 3, withDataBothWays: 0 });
    const found = await problem(
      attempts(4, 20, (index) => 40_000 + index),
      resetLoop,
    );
    expect(found.counts.sessions).toBe(4);
    expect(found.severity).toBe('error');
  });

  it('is silent on two, on three in half an hour', async () => {
    expect(await results(attempts(2, 20), resetLoop)).toEqual(['healthy']);
    expect(await results(attempts(3, 700), resetLoop)).toEqual(['healthy']);
  });

  it('is silent on several clients behind one address, whose sessions overlap', async () => {
    const [t] = begin();
    const tunnels = [0, 1, 2, 3].map((index) =>
      openvpnTunnel(t, { ...CLIENT, port: 40_000 + index }, SERVER),
    );
    for (const [index, tunnel] of tunnels.entries()) {
      const done = openvpnHandshake(t, 1 + index * 20, tunnel);
      dataExchange(t, tunnel, { at: done + 1, count: 100, intervalSeconds: 1.5 });
    }
    expect(await alarms(t)).toEqual([]);
  });
});

describe('openvpn.one-way-data', () => {
  function answered(): [Timeline, OpenvpnTunnel] {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 1 });
    return [t, tunnel];
  }

  it('fires where answers stop', async () => {
    const [t, tunnel] = answered();
    dataExchange(t, tunnel, { at: 25, count: 40, intervalSeconds: 1, lostBack: () => true });
    const found = await problem(until(t, 70), oneWayData);
    expect([found.severity, found.counts.packetsOneWay]).toEqual(['error', 40]);
    expect(found.direction).toEqual({ from: SERVER.address, to: CLIENT.address });
    expect(found.lastGood?.timeNs).toBeLessThan(found.first.timeNs);
    expect(found.ongoingAtEnd).toBe(true);
  });

  it('leaves 29 s open', async () => {
    const [t, tunnel] = answered();
    dataExchange(t, tunnel, { at: 25, count: 29, intervalSeconds: 1, lostBack: () => true });
    expect(await results(until(t, 70), oneWayData)).toEqual(['insufficient-data']);
  });

  it('is healthy where fewer went without an answer', async () => {
    const [t, tunnel] = answered();
    dataExchange(t, tunnel, { at: 25, count: 9, intervalSeconds: 1, lostBack: () => true });
    expect(await results(until(t, 70), oneWayData)).toEqual(['healthy']);
  });

  it('is a remark where a client has gone and its server pings on', async () => {
    const [t, tunnel] = answered();
    pings(t, tunnel, 'server', 32, 150);
    expect((await problem(until(t, 160), oneWayData)).severity).toBe('info');
    expect(await alarms(t)).toEqual([]);
  });

  it('is silent where data goes one way by habit', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    for (let index = 0; index < 100; index++) sendData(t, done + index, tunnel, 'client', 300);
    sendData(t, done + 0.5, tunnel, 'server', 52);
    expect(await alarms(until(t, 110))).toEqual([]);
  });

  it('warns at low confidence where a new tunnel never carries anything back', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    for (let index = 0; index < 80; index++) sendData(t, done + index, tunnel, 'client', 84);
    const found = await problem(until(t, 90), oneWayData);
    expect([found.severity, found.confidence]).toEqual(['warning', 'low']);
  });
});

describe('openvpn.one-way-data over TCP', () => {
  function overTcp(): [Timeline, OpenvpnTunnel, number] {
    const [t, tunnel] = begin();
    connectOpenvpn(t, 1, tunnel);
    return [t, tunnel, openvpnHandshake(t, 1.1, tunnel)];
  }

  it('fires where nothing acknowledges a segment of the connection any more', async () => {
    const [t, tunnel, done] = overTcp();
    dataExchange(t, tunnel, { at: done + 1, count: 10, intervalSeconds: 1 });
    sendInVain(t, [20, 20.2, 20.6, 21.4, 23, 26.2, 32.6], tunnel, 'client', 200);
    const found = await problem(until(t, 40), oneWayData);
    expect(found).toMatchObject({
      confidence: 'high',
      direction: { from: SERVER.address, to: CLIENT.address },
      counts: { repeats: 6 },
      ongoingAtEnd: true,
    });
    expect(found.severity).toBeUndefined();
    expect(found.first.timeNs / 1e9).toBeCloseTo(19.2, 3);
  });

  it('is over where another connection takes over, and silent on a few repeats', async () => {
    const [t, tunnel, done] = overTcp();
    dataExchange(t, tunnel, { at: done + 1, count: 10, intervalSeconds: 1 });
    sendInVain(t, [20, 20.2, 20.6, 21.4, 23, 26.2, 32.6], tunnel, 'client', 200);
    const again = openvpnTunnel(t, { ...CLIENT, port: CLIENT.port + 1 }, SERVER);
    connectOpenvpn(t, 35, again);
    dataExchange(t, again, { at: openvpnHandshake(t, 35.1, again) + 1, count: 5, intervalSeconds: 1 });
    expect((await problem(until(t, 50), oneWayData)).ongoingAtEnd).toBe(false);

    const [brief, other, since] = overTcp();
    dataExchange(brief, other, { at: since + 1, count: 10, intervalSeconds: 1 });
    sendInVain(brief, [20, 20.2, 20.6], other, 'client', 200);
    expect(await results(until(brief, 40), oneWayData)).toEqual(['healthy']);
  });

  it('warns where the connection is well and no data ever comes back', async () => {
    const [t, tunnel, done] = overTcp();
    dataExchange(t, tunnel, { at: done + 1, count: 70, intervalSeconds: 1, lostBack: () => true });
    const found = await problem(until(t, 90), oneWayData);
    expect(found).toMatchObject({ severity: 'warning', confidence: 'low' });
  });
});

describe('openvpn.keepalive-gap', () => {
  it('fires where learned pings stop while the other side goes on', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel);
    pings(t, tunnel, 'client', 10, 180);
    pings(t, tunnel, 'server', 11, 60);
    pings(t, tunnel, 'server', 120, 180);
    const found = await problem(until(t, 185), keepaliveGap);
    expect(found.direction).toEqual({ from: SERVER.address, to: CLIENT.address });
    expect(found.counts).toMatchObject({ gaps: 1, periodSeconds: 10 });
    expect(found.ongoingAtEnd).toBe(false);
  });

  it('is silent where both sides sleep, and where data takes the place of pings', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel);
    for (const side of ['client', 'server'] as const) {
      pings(t, tunnel, side, 10, 60);
      pings(t, tunnel, side, 160, 200);
    }
    dataExchange(t, tunnel, { at: 205, count: 100, intervalSeconds: 1 });
    expect(await results(until(t, 310), keepaliveGap)).toEqual(['healthy', 'healthy']);
  });

  it('says that it cannot know where no period can be learned', async () => {
    const [t, tunnel] = begin();
    dataExchange(t, tunnel, { at: openvpnHandshake(t, 1, tunnel) + 1, count: 50, intervalSeconds: 1 });
    expect(await results(until(t, 300), keepaliveGap)).toEqual(['insufficient-data', 'insufficient-data']);
  });

  it('is a remark where it is the client that does not come back', async () => {
    const [t, tunnel] = begin();
    openvpnHandshake(t, 1, tunnel);
    pings(t, tunnel, 'server', 11, 180);
    pings(t, tunnel, 'client', 10, 60);
    expect((await problem(until(t, 185), keepaliveGap)).severity).toBe('info');
  });
});

describe('openvpn.loss', () => {
  function exchange(count: number, lostBack: (index: number) => boolean): Timeline {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count, intervalSeconds: 0.2, lostBack });
    return t;
  }

  it.each([
    [200, 4, undefined],
    [200, 5, 'warning'],
    [100, 10, 'error'],
  ])('%i packets, %i lost: %s', async (count, lost, severity) => {
    const step = Math.floor(count / (lost + 1));
    const t = exchange(
      count,
      (index) => index > 0 && index % step === 0 && index / step <= lost && index < count - 1,
    );
    const problems = (await judge(t, loss)).filter((one) => one.result === 'problem');
    if (severity === undefined) {
      const share = (100 * lost) / count;
      expect(problems.length).toBe(share > 1 ? 1 : 0);
      return;
    }
    expect(problems).toMatchObject([{ severity, counts: { lost, expected: count } }]);
  });

  it('counts late packets as there, and gives the same for any chunks', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    for (let index = 0; index < 100; index++) {
      const delay = index % 10 === 3 ? 0.55 : 0;
      sendData(t, done + 1 + index * 0.2 + delay, tunnel, 'client', 200);
    }
    const run = await runFrames(t.frames(), parts);
    const [conversation] = run.sessions(openvpnConversations);
    expect(conversation.directions[0].packetIds).toMatchObject({
      distinct: 100,
      missing: 0,
      reordered: 10,
      gaps: [],
    });
    const chunked = await runFrames(t.frames(), parts, 7);
    expect(chunked.sessions(openvpnConversations)).toEqual(run.sessions(openvpnConversations));
  });

  it('does not count new keys, nor a new session, as loss', async () => {
    const [t, tunnel] = begin();
    for (let round = 0; round < 9; round++) {
      const done = openvpnHandshake(t, 1 + round * 30, tunnel, { soft: round > 0 });
      dataExchange(t, tunnel, { at: done + 1, count: 40 + round, intervalSeconds: 0.5 });
    }
    const again = openvpnTunnel(t, CLIENT, SERVER);
    dataExchange(t, again, { at: openvpnHandshake(t, 300, again) + 1, count: 40, intervalSeconds: 0.5 });
    expect(await results(t, loss)).toEqual(['healthy', 'healthy']);
  });

  it('has nothing to say of ciphers that hide the packet id', async () => {
    const [t] = begin();
    for (let index = 0; index < 60; index++) {
      t.sendUdp(1 + index, CLIENT, SERVER, openvpnDataV1(0, t.random.bytes(132)));
      t.sendUdp(1.1 + index, SERVER, CLIENT, openvpnDataV1(0, t.random.bytes(132)));
    }
    expect(await results(t, loss)).toEqual([]);
    expect(await alarms(t)).toEqual([]);
    const [conversation] = (await runFrames(t.frames(), parts)).sessions(openvpnConversations);
    expect(conversation.directions.map(({ packetIds }) => packetIds)).toEqual([null, null]);
  });
});

describe('openvpn.outer-fragmentation', () => {
  function large(lostFragments: readonly number[], count: number): Timeline {
    const [t, tunnel] = begin();
    // No filter on ports, which would hide the later pieces.
    const echo = icmpEcho({ identifier: 2, sequence: 1, data: new Uint8Array(8) });
    t.sendIp(0.5, SERVER, OTHER, IP_PROTOCOL.icmp, echo);
    const done = openvpnHandshake(t, 1, tunnel);
    for (let index = 0; index < count; index++) {
      sendData(t, done + 1 + index, tunnel, 'server', 1500, { mtu: 1500, lostFragments });
      sendData(t, done + 1.1 + index, tunnel, 'client', 80);
    }
    return until(t, count + 10);
  }

  it('is a remark while all pieces arrive', async () => {
    const found = await problem(large([], 6), outerFragmentation);
    expect([found.severity, found.counts.fragmented, found.counts.incomplete]).toEqual(['info', 6, 0]);
    expect(found.counts.largestBytes).toBe(1524);
  });

  it('is an error where pieces of three are missing', async () => {
    const found = await problem(large([1], 6), outerFragmentation);
    expect([found.severity, found.counts.incomplete]).toEqual(['error', 6]);
  });
});

describe('openvpn.peer-moved', () => {
  it('says from where to where', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 0.5 });
    tunnel.client.socket = { ...CLIENT, address: '192.0.2.77', port: 60_001 };
    dataExchange(t, tunnel, { at: 20, count: 20, intervalSeconds: 0.5 });
    const found = await problem(t, peerMoved);
    expect(found.explanation).toContain('192.0.2.77:60001');
    expect(await alarms(t)).toEqual([]);
  });

  it('does not take a second client for the first one', async () => {
    const [t, tunnel] = begin();
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 0.5 });
    const second = openvpnTunnel(t, { ...CLIENT, port: 60_001 }, SERVER);
    dataExchange(t, second, { at: openvpnHandshake(t, 12, second) + 1, count: 40, intervalSeconds: 0.5 });
    expect(await results(t, peerMoved)).toEqual(['healthy', 'healthy']);
  });
});

describe('other protocols', () => {
  it('random datagrams on port 1194 are nobody’s tunnel', async () => {
    const [t] = begin();
    for (let index = 0; index < 300; index++) {
      t.sendUdp(1 + index * 0.1, CLIENT, SERVER, t.random.bytes(30 + (index % 200)));
    }
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(openvpnConversations)).toEqual([]);
    expect([...view.describe(run.evidence)]).toEqual([]);
  });

  it('a handshake on another port is recognised, and its data with it', async () => {
    const t = timeline(1_700_000_000_000_000_000n, 5);
    const tunnel = openvpnTunnel(t, CLIENT, { ...SERVER, port: 443 });
    const done = openvpnHandshake(t, 1, tunnel);
    dataExchange(t, tunnel, { at: done + 1, count: 20, intervalSeconds: 0.5 });
    const [conversation] = (await runFrames(t.frames(), parts)).sessions(openvpnConversations);
    expect(conversation.directions.map(({ dataPackets }) => dataPackets)).toEqual([20, 20]);
  });
});
