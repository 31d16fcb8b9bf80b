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
import { espPairs } from '../dissectors/esp/correlator.js';
import { catalogue, dissectors } from '../dissectors/index.js';
import type { Finding, Report } from '../src/report/report.js';
import { ascii, concat, u8, u32, zeros } from './build/bytes.js';
import { gre } from './build/gre.js';
import { IP_PROTOCOL, ip } from './build/ip.js';
import { ETHER_TYPE } from './build/link.js';
import { reportFrames, runFrames } from './build/run-capture.js';
import { ESP_SIZES, espExchange, espPacket, type SendOptions, type Timeline } from './build/scenario.js';
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

function subjectsOf({ checked }: Report, id: string) {
  return checked.find((one) => one.id === id)?.subjects;
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
    expect(citedFrames(finding)).toHaveLength(2);
    const arrived = verdict.report.tunnels[0]?.directions.find(({ from }) => from === peer.address);
    expect(arrived?.packets).toBe(191);
    const { sessions } = await runFrames(t.frames(), { dissectors, correlators: [espPairs] });
    const sas = sessions(espPairs).flatMap(({ directions }) => directions.flatMap((one) => one.sas));
    expect(sas.find(({ spi }) => spi === back.spi)).toMatchObject({
      distinct: 190,
      missing: 10,
      duplicates: 1,
    });
  });
});

/** One way five datagrams of three fragments: whole, reversed, and without the first, the last, the middle one. */
function fragmentedDatagrams(t: Timeline): void {
  const there = { ...peer, port: 40_211 };
  const here = { ...local, port: 40_211 };
  const fates: SendOptions[] = [
    {},
    { order: 'reversed' },
    { lostFragments: [0] },
    { lostFragments: [2] },
    { lostFragments: [1] },
  ];
  for (const [i, fate] of fates.entries()) {
    t.sendUdp(8 + i * 2, there, here, t.random.bytes(4000), { mtu: 1500, ...fate });
  }
}

describe('fragments', () => {
  it.each([
    { where: 'between any two hosts', isTunnel: false, severity: 'info' },
    { where: 'between the ends of a tunnel', isTunnel: true, severity: 'warning' },
  ])('5: tells which three of five datagrams never complete $where', async ({ isTunnel, severity }) => {
    const t = siteTimeline('scoreboard-5', PUBLIC_SITE, 28);
    if (isTunnel) espExchange(t, espTunnelOf(PEERS, SPIS), { at: 1, seconds: 26, intervalMs: 900 });
    fragmentedDatagrams(t);
    const { only, report } = await verdictOn(t);
    const first = only('frag.missing-first');
    expect(first.counts).toMatchObject({ datagrams: 1, complete: 2 });
    expect(citedFrames(first)).toHaveLength(3);
    const rest = only('frag.missing-rest');
    expect(rest.counts).toMatchObject({ datagrams: 2, complete: 2 });
    expect(citedFrames(rest)).toHaveLength(5);
    for (const finding of [first, rest]) {
      expect(finding.severity).toBe(severity);
      expect(finding.direction).toEqual({ from: peer.address, to: local.address });
    }
    expect(report.findings.map(({ id }) => id).sort()).toEqual(['frag.missing-first', 'frag.missing-rest']);
  });
});

describe('overlays', () => {
  it('6: finds five pings in VXLAN with group policy that nobody answers', async () => {
    const t = namedTimeline('scoreboard-6');
    innerPing(t, VTEP_A, VTEP_B, { at: 0, count: 5, identifier: 0x2f02, tag: 3, isAnswered: () => false });
    // Shows that the capture still ran: a longer stretch without any packet would be a pause.
    t.sendUdp(8, { ...local, port: 40_000 }, { ...peer, port: 9 }, zeros(20));
    const { only, loud, report } = await verdictOn(t);
    const finding = only('vxlan.no-return');
    expect(finding.counts).toMatchObject({ requests: 5, echo: 5, answeredBefore: 0, packetsBack: 0 });
    expect(citedFrames(finding)).toEqual([1, 5]);
    expect(loud).toEqual(['vxlan.no-return']);
    expect(report.tunnels).toHaveLength(1);
    expect(report.tunnels[0]).toMatchObject({ key: 1, policyIds: [3] });
  });

  it('7: blames the VNI that is silent, not the one with the same inner addresses', async () => {
    const { only, loud, report } = await verdictOn(answeredAndSilentVni());
    const finding = only('vxlan.no-return');
    expect(finding.subject).toMatchObject({ vni: 20 });
    expect(finding.explanation).toMatch(/VXLAN 20\b/);
    expect(finding.explanation).not.toMatch(/VXLAN 10\b/);
    expect(finding.counts).toMatchObject({ requests: 5, packetsBack: 0 });
    expect(citedFrames(finding)).toEqual([2, 13]);
    expect(loud).toEqual(['vxlan.no-return']);
    for (const { subject } of report.findings) expect(JSON.stringify(subject)).not.toMatch(/vxlan 10\b/);
    const vni10 = report.tunnels.find(({ key }) => key === 10);
    expect(vni10?.directions.map(({ packets }) => packets)).toEqual([10, 10]);
    const vni20 = report.tunnels.find(({ key }) => key === 20);
    expect(vni20?.directions.map(({ packets }) => packets)).toEqual([5]);
  });

  it('7: points from the finding to the tunnel of the silent VNI', async () => {
    const { only, report } = await verdictOn(answeredAndSilentVni());
    const silent = report.tunnels.find(({ key }) => key === 20);
    expect(silent).toBeDefined();
    expect(only('vxlan.no-return').tunnel).toBe(silent?.id);
  });

  it('9: counts five missing GRE sequence numbers', async () => {
    const t = siteTimeline('scoreboard-9', PUBLIC_SITE, 25);
    const ends = { source: '10.2.0.30', destination: '10.1.0.30' };
    for (let sequence = 0; sequence < 200; sequence += 1) {
      if (sequence >= 20 && sequence <= 24) continue;
      const reading = udp({
        ...ends,
        sourcePort: 40_211,
        destinationPort: 40_211,
        payload: t.random.bytes(60),
      });
      const payload = ip({ ...ends, protocol: IP_PROTOCOL.udp, payload: reading });
      const packet = gre({ protocolType: ETHER_TYPE.ipv4, key: 700, sequence, payload });
      t.sendIp(2 + sequence * 0.1, peer, local, IP_PROTOCOL.gre, packet);
    }
    const verdict = await verdictOn(t);
    const finding = verdict.only('gre.seq-loss');
    expect(finding.counts).toMatchObject({ received: 195, missing: 5, gaps: 1, duplicates: 0 });
    expect(citedFrames(finding)).toEqual([24, 25]);
    expect(verdict.loud).toEqual(['gre.seq-loss']);
  });

  it('10: finds no loss in three clean connections of the same addresses and numbers', async () => {
    const t = namedTimeline('scoreboard-10');
    for (const [i, vni] of [10, 20, 30].entries()) innerPage(t, 1 + i * 0.0001, { vni });
    const { report } = await verdictOn(t);
    expect(report.findings).toEqual([]);
    expect(report.tunnels.map(({ key }) => key)).toEqual([10, 20, 30]);
    expect(subjectsOf(report, 'tcp.retransmissions')).toEqual({ problem: 0, healthy: 3, insufficient: 0 });
  });

  it('10: would see repeats if the same packets were in one VNI', async () => {
    const t = namedTimeline('scoreboard-10');
    for (const i of [0, 1, 2]) innerPage(t, 1 + i * 0.0001, { vni: 10 });
    const { only } = await verdictOn(t);
    only('tcp.retransmissions');
  });
});

/** Pings of the same addresses, identifier and numbers; VNI 10 goes on after VNI 20 has given up. */
function answeredAndSilentVni(): Timeline {
  const t = namedTimeline('scoreboard-7');
  const both = { at: 0, count: 5, identifier: 0x2f02 };
  innerPing(t, VTEP_A, VTEP_B, { ...both, vni: 10 });
  innerPing(t, VTEP_A, VTEP_B, { ...both, at: 0.0003, vni: 20, isAnswered: () => false });
  innerPing(t, VTEP_A, VTEP_B, { ...both, at: 8, vni: 10 });
  return t;
}

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
  talk
    .handshake(at)
    .request(at + 0.0014, '/page')
    .response(at + 0.0054, 14_000)
    .close(at + 0.02);
}

/** RFC 5880, section 4.1: Up, detect multiplier 3, intervals of 1 s. */
function bfdControl(own: number, remote: number): Uint8Array {
  const second = u32(1_000_000);
  return concat(u8(0x20), u8(0xc0), u8(3), u8(24), u32(own), u32(remote), second, second, u32(0));
}

/** Each end sends from a port of its own to 3784 (RFC 5881, section 4); five packets of the peer are missing. */
function bfdWithGap(): Timeline {
  const t = namedTimeline('scoreboard-8');
  const [here, there] = [
    { ...local, ttl: 255 },
    { ...peer, ttl: 255 },
  ];
  let [own, remote] = [0, 0.4];
  for (let i = 0; i < 60; i += 1) {
    t.sendUdp(own, { ...here, port: 49_152 }, { ...there, port: 3784 }, bfdControl(1, 2));
    if (i < 30 || i >= 35) {
      t.sendUdp(remote, { ...there, port: 49_153 }, { ...here, port: 3784 }, bfdControl(2, 1));
    }
    own += 1 - t.random.between(0, 0.01);
    remote += 1 - t.random.between(0, 0.01);
  }
  return t;
}

describe('BFD', () => {
  it('8: finds five missing packets, and that the receiver did not take the session down', async () => {
    const { only, report } = await verdictOn(bfdWithGap());
    const finding = only('bfd.detect-expired');
    expect(finding.counts).toMatchObject({ gaps: 1, missed: 5, detectionMs: 3000 });
    expect(finding.direction).toEqual({ from: peer.address, to: local.address });
    expect(citedFrames(finding)).toEqual([60, 67]);
    expect(finding.severity).toBe('info');
    expect(finding.explanation).toContain(`${local.address} stays Up`);
    expect(report.findings.map(({ id }) => id)).toEqual(['bfd.detect-expired']);
  });
});

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
    const { only, report, loud } = await verdictOn(t);
    const ids = report.findings.map(({ id }) => id);
    expect(ids.filter((id) => id === 'tcp.retransmissions' || /mtu|mss|blackhole/.test(id))).toEqual([]);
    expect(loud).toEqual([]);
    expect(subjectsOf(report, 'tcp.retransmissions')).toEqual({ problem: 0, healthy: 1, insufficient: 0 });
    expect(citedFrames(only('capture.offload'))).toEqual([8]);
  });
});
