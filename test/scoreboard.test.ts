import { describe, expect, it } from 'vitest';
import {
  APP_A,
  APP_B,
  type Encapsulation,
  innerPing,
  sendInner,
  VTEP_A,
  VTEP_B,
} from '../captures/cases/overlay-network.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from '../captures/cases/sites.js';
import { TcpTalk } from '../captures/cases/tcp-talk.js';
import { catalogue } from '../dissectors/index.js';
import type { Finding, Report } from '../src/report/report.js';
import { ascii, zeros } from './build/bytes.js';
import { gre } from './build/gre.js';
import { IP_PROTOCOL, ip } from './build/ip.js';
import { ETHER_TYPE } from './build/link.js';
import { reportFrames } from './build/run-capture.js';
import { ESP_SIZES, espExchange, espPacket, type Timeline } from './build/scenario.js';
import { espTunnelOf, type IkePeers, ikev1MainMode, sendMainMode } from './build/scenario-ike.js';
import { udp } from './build/udp.js';

const { local, peer } = PUBLIC_SITE;
const PEERS: IkePeers = { initiator: local, responder: peer };
const SPIS = { toResponder: 0xc8a417e9, toInitiator: 0x4f62b01d };
/** ESP payload of a TCP acknowledgment under AES-GCM. */
const SMALL = 68;

interface Verdict {
  readonly report: Report;
  /** Findings that a reader must act on. */
  readonly loud: readonly string[];
  /** The only finding of that id. */
  only(id: string): Finding;
}

/** Every finding, whatever its id, must cite frames that the capture holds. */
async function verdictOn(t: Timeline): Promise<Verdict> {
  const frames = t.frames();
  const report = await reportFrames(frames, catalogue);
  expect(report.errors).toEqual([]);
  if (process.env.DBG) console.log(expect.getState().currentTestName, JSON.stringify(report.findings.map(({causes,nextSteps,refutedBy,thresholds,...r})=>r), null, 1), JSON.stringify(report.tunnels));
  for (const { id, evidence } of report.findings) {
    expect(evidence.length, `evidence of ${id}`).toBeGreaterThan(0);
    for (const { frame } of evidence) {
      expect(frame, `evidence of ${id}`).toBeGreaterThanOrEqual(1);
      expect(frame, `evidence of ${id}`).toBeLessThanOrEqual(frames.length);
    }
  }
  return {
    report,
    loud: report.findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id),
    only(id) {
      const found = report.findings.filter((finding) => finding.id === id);
      const ids = report.findings.map((finding) => finding.id).join(', ') || 'none';
      expect(found, `findings of ${id}; all findings: ${ids}`).toHaveLength(1);
      return found[0];
    },
  };
}

function citedFrames({ evidence }: Finding): number[] {
  return evidence.map(({ frame }) => frame);
}

describe('IKE and ESP', () => {
  it('1: counts seven first messages of a main mode that nobody answers', async () => {
    const t = namedTimeline('scoreboard-1');
    const session = ikev1MainMode(t, PEERS, { at: 0, upTo: 'MI1' });
    for (const after of [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]) sendMainMode(t, after, session, 'MI1');
    const verdict = await verdictOn(t);
    const finding = verdict.only('ike.no-response');
    expect(finding.severity).toBe('error');
    expect(finding.counts).toMatchObject({ transmissions: 7, attempts: 1, answers: 0 });
    expect(citedFrames(finding)).toContain(1);
    expect(citedFrames(finding)).toContain(7);
    expect(verdict.loud).toEqual(['ike.no-response']);
  });

  it('2: names the stall at the second message of a main mode', async () => {
    const t = namedTimeline('scoreboard-2');
    const session = ikev1MainMode(t, PEERS, { at: 0, upTo: 'MI2' });
    for (const after of [0.5, 1.5, 3.5, 7.5, 15.5]) sendMainMode(t, after, session, 'MI2');
    const verdict = await verdictOn(t);
    const finding = verdict.only('ike.mm2-stalled');
    expect(finding.severity).toBe('error');
    expect(finding.counts).toMatchObject({ transmissions: 6, answers: 0 });
    expect(citedFrames(finding)).toContain(3);
    expect(citedFrames(finding)).toContain(8);
    expect(verdict.loud).toEqual(['ike.mm2-stalled']);
  });

  it('3: sees that ESP goes on in one direction alone', async () => {
    const t = namedTimeline('scoreboard-3');
    const tunnel = espTunnelOf(PEERS, SPIS);
    espExchange(t, tunnel, { at: 0, seconds: 12, intervalMs: 600 });
    for (let i = 0; i < 40; i += 1) {
      espPacket(t, 12.2 + i * 0.6, tunnel.forth, ESP_SIZES[i % ESP_SIZES.length] ?? SMALL);
    }
    const verdict = await verdictOn(t);
    const finding = verdict.only('esp.one-way-spi');
    expect(finding.severity).toBe('error');
    expect(finding.subject).toMatchObject({ silent: peer.address });
    expect(finding.counts).toMatchObject({ answersBefore: 20, answersAfter: 0 });
    expect(finding.ongoingAtEnd).toBe(true);
    expect(citedFrames(finding)).toEqual(expect.arrayContaining([40, 41, 80]));
  });

  it('4: counts ten missing sequence numbers and one repeated at the receiver', async () => {
    const t = siteTimeline('scoreboard-4', PUBLIC_SITE, 25);
    const { forth, back } = espTunnelOf(PEERS, SPIS);
    for (let i = 0; i < 200; i += 1) {
      const at = 2 + i * 0.1;
      const packet = espPacket(t, at, back, SMALL, { lost: i >= 120 && i < 130 });
      if (i === 99) t.send(at + 0.047, peer, local, ETHER_TYPE.ipv4, packet);
      if (i % 2 === 0) espPacket(t, at + 0.016, forth, SMALL);
    }
    const verdict = await verdictOn(t);
    const finding = verdict.only('esp.loss');
    expect(finding.counts).toMatchObject({ lost: 10, expected: 200, gaps: 1, largestGap: 10 });
    expect(finding.direction).toEqual({ from: peer.address, to: local.address });
    expect(verdict.loud).toEqual(['esp.loss']);
  });
});

describe('fragments', () => {
  it('5: tells which of five datagrams never complete', async () => {
    const t = namedTimeline('scoreboard-5');
    const [there, here] = [
      { ...peer, port: 40_211 },
      { ...local, port: 40_211 },
    ];
    const datagram = (at: number, options: Parameters<Timeline['sendUdp']>[4]): void => {
      t.sendUdp(at, there, here, t.random.bytes(4000), { mtu: 1500, ...options });
    };
    for (let i = 0; i < 40; i += 1) t.sendUdp(i * 0.7, here, there, t.random.bytes(90 + ((i * 37) % 200)));
    datagram(8, {});
    datagram(10, { order: 'reversed' });
    datagram(12, { lostFragments: [0] });
    datagram(14, { lostFragments: [2] });
    datagram(16, { lostFragments: [1] });
    const verdict = await verdictOn(t);
    const first = verdict.only('frag.missing-first');
    expect(first.counts).toMatchObject({ datagrams: 1, complete: 2 });
    const rest = verdict.only('frag.missing-rest');
    expect(rest.counts).toMatchObject({ datagrams: 2, complete: 2 });
    expect(verdict.loud).not.toContain('frag.overlap');
  });
});

describe('overlays', () => {
  it('6: finds five pings in VXLAN with group policy that nobody answers', async () => {
    const t = namedTimeline('scoreboard-6');
    innerPing(t, VTEP_A, VTEP_B, { at: 0, count: 5, identifier: 0x2f02, tag: 3, isAnswered: () => false });
    t.sendUdp(12, { ...local, port: 40_000 }, { ...peer, port: 9 }, zeros(20));
    await verdictOn(t);
  });

  it('7: blames the VNI that is silent, not the one with the same inner addresses', async () => {
    const t = namedTimeline('scoreboard-7');
    const both = { at: 0, count: 5, identifier: 0x2f02 };
    innerPing(t, VTEP_A, VTEP_B, { ...both, vni: 10 });
    innerPing(t, VTEP_A, VTEP_B, { ...both, at: 0.0003, vni: 20, isAnswered: () => false });
    innerPing(t, VTEP_A, VTEP_B, { ...both, at: 8, vni: 10 });
    await verdictOn(t);
  });

  it('8: BFD', async () => {
    const t = namedTimeline('scoreboard-8');
    const bfd = (yours: number, mine: number) => new Uint8Array([0x20, 0xc0, 3, 24, 0, 0, 0, mine, 0, 0, 0, yours, 0, 15, 0x42, 0x40, 0, 15, 0x42, 0x40, 0, 0, 0, 0]);
    for (let i = 0; i < 60; i += 1) {
      if (i < 30 || i >= 35)
        t.sendUdp(i * 1 + 0.4 + t.random.between(0, 0.01), { ...peer, ttl: 255, port: 49_153 }, { ...local, port: 3784 }, bfd(1, 2));
      t.sendUdp(i * 1 + t.random.between(0, 0.01), { ...local, ttl: 255, port: 49_152 }, { ...peer, port: 3784 }, bfd(2, 1));
    }
    await verdictOn(t);
  });

  it('9: counts five missing GRE sequence numbers', async () => {
    const t = siteTimeline('scoreboard-9', PUBLIC_SITE, 25);
    const ends = { source: '10.2.0.30', destination: '10.1.0.30' };
    for (let sequence = 0; sequence < 200; sequence += 1) {
      if (sequence >= 20 && sequence <= 24) continue;
      const reading = udp({ ...ends, sourcePort: 40_211, destinationPort: 40_211, payload: t.random.bytes(60) });
      const payload = ip({ ...ends, protocol: IP_PROTOCOL.udp, payload: reading });
      const packet = gre({ protocolType: ETHER_TYPE.ipv4, key: 700, sequence, payload });
      t.sendIp(2 + sequence * 0.1, peer, local, IP_PROTOCOL.gre, packet);
    }
    const verdict = await verdictOn(t);
    const finding = verdict.only('gre.seq-loss');
    expect(finding.counts).toMatchObject({ received: 195, missing: 5, gaps: 1, duplicates: 0 });
    expect(verdict.loud).toEqual(['gre.seq-loss']);
  });

  it('10: finds no loss in three clean connections of the same addresses and numbers', async () => {
    const t = namedTimeline('scoreboard-10');
    for (const [i, vni] of [10, 20, 30].entries()) innerPage(t, 1 + i * 0.0001, { vni });
    const { report } = await verdictOn(t);
    expect(report.findings).toEqual([]);
  });
});

/** The same bytes at every call: addresses, ports, sequence numbers and content. */
function innerPage(t: Timeline, at: number, encapsulation: Encapsulation): void {
  const client = { address: APP_A.address, port: 58_054, mss: 1410 };
  const server = { address: APP_B.address, port: 8080, mss: 1410 };
  const talk = new TcpTalk(
    { client, server, roundTripSeconds: 0.0012 },
    (when, from, segment) => {
      const [source, destination] = from === 'client' ? [APP_A, APP_B] : [APP_B, APP_A];
      sendInner(t, when, source, destination, IP_PROTOCOL.tcp, segment, encapsulation);
    },
    { client: 1_000, server: 9_000 },
  );
  talk.handshake(at).request(at + 0.0014, '/page').response(at + 0.0054, 14_000).close(at + 0.02);
}

describe('TCP', () => {
  it('11: takes a segment that the network card will cut for no fault', async () => {
    const t = siteTimeline('scoreboard-11', PUBLIC_SITE, 10);
    const talk = new TcpTalk(
      {
        client: { address: local.address, port: 40_210 },
        server: { address: peer.address, port: 8443 },
        roundTripSeconds: 0.012,
      },
      (at, from, segment) => {
        const [source, destination] = from === 'client' ? [local, peer] : [peer, local];
        t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
      },
      { client: 70_000, server: 90_000 },
    );
    talk.handshake(2).segment(2.02, 'client', ['PSH', 'ACK'], ascii('x'.repeat(5840)));
    talk.segment(2.032, 'server', ['ACK']);
    for (let i = 0; i < 20; i += 1) {
      talk.segment(2.1 + i * 0.1, 'client', ['PSH', 'ACK'], ascii('y'.repeat(1460)));
      talk.segment(2.112 + i * 0.1, 'server', ['ACK']);
    }
    talk.close(5);
    const { report, loud } = await verdictOn(t);
    const ids = report.findings.map(({ id }) => id);
    expect(ids.filter((id) => id === 'tcp.retransmissions' || /mtu|mss|blackhole/.test(id))).toEqual([]);
    expect(loud).toEqual([]);
  });
});
