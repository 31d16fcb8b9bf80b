import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { APP_A, APP_B, innerPing, sendInner } from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Finding } from '../../src/report/report.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { reportFrames } from '../../test/build/run-capture.js';
import { espPacket, type Timeline, timeline } from '../../test/build/scenario.js';
import { type Tcp, tcp } from '../../test/build/tcp.js';
import { sendTransport, wireguardHandshake, wireguardTunnel } from '../../test/build/wireguard.js';
import { catalogue } from '../index.js';

it("kind: a sender's capture proves what left, nothing else: fragments that leave are not said to arrive", async () => {
  const file = resolve(import.meta.dirname, '../../captures/overlay-mss-too-large.pcap');
  const { findings } = await analyze([file], { threads: 0 });
  const [fragmented] = findings.filter(({ id }) => id === 'overlay.mtu-exceeded');
  expect(fragmented?.explanation).toContain('No piece is missing where this was captured');
  expect(fragmented?.explanation).not.toMatch(/fragments arrive/);
});

describe('inner packets that leave in fragments', () => {
  /** A capture at the sender: every fragment is there. */
  async function findings(build: (t: Timeline) => void): Promise<readonly Finding[]> {
    const t = siteTimeline('cut-packets', PUBLIC_SITE, 30);
    innerPing(t, APP_A, APP_B, { at: 2, count: 20, identifier: 0x2f61 });
    build(t);
    return (await reportFrames(t.frames(), catalogue)).findings;
  }
  const send = { mtu: 1500 };
  const ends = {
    source: APP_A.address,
    destination: APP_B.address,
    sourcePort: 41_000,
    destinationPort: 8080,
  };
  const back = {
    source: APP_B.address,
    destination: APP_A.address,
    sourcePort: 8080,
    destinationPort: 41_000,
  };

  function stalled(t: Timeline, isTaken: boolean): void {
    const tcpAt = (at: number, segment: Tcp, from = APP_A, to = APP_B): void => {
      sendInner(t, at, from, to, IP_PROTOCOL.tcp, tcp(segment), { send });
    };
    const payload = t.random.bytes(1460);
    tcpAt(4, { ...ends, sequence: 1000, flags: ['SYN'] });
    tcpAt(4.001, { ...back, sequence: 7000, acknowledgment: 1001, flags: ['SYN', 'ACK'] }, APP_B, APP_A);
    tcpAt(4.002, { ...ends, sequence: 1001, acknowledgment: 7001, flags: ['ACK'] });
    for (const after of isTaken ? [0] : [0, 0.2, 0.6, 1.4, 3, 6.2]) {
      tcpAt(4.01 + after, { ...ends, sequence: 1001, acknowledgment: 7001, flags: ['ACK'], payload });
    }
    const acknowledgment = isTaken ? 2461 : 1001;
    tcpAt(
      12,
      { ...back, sequence: 7001, acknowledgment, flags: ['ACK'], payload: t.random.bytes(20) },
      APP_B,
      APP_A,
    );
  }

  it('lead where a TCP segment is repeated in them, also at the sender, where no piece is missing', async () => {
    const loud = (await findings((t) => stalled(t, false))).filter(({ severity }) => severity !== 'info');
    expect(loud[0]).toMatchObject({
      id: 'overlay.mtu-exceeded',
      severity: 'error',
      counts: { repeated: 6, incomplete: 0 },
      direction: { from: PUBLIC_SITE.local.address, to: PUBLIC_SITE.peer.address },
    });
  });

  it('lead where pings of their size get no answer, and smaller ones do', async () => {
    const large = { at: 3.5, count: 6, identifier: 0x2f62, dataLength: 1472, isAnswered: () => false, send };
    const [lead] = await findings((t) => innerPing(t, APP_A, APP_B, large));
    expect(lead).toMatchObject({ id: 'overlay.mtu-exceeded', severity: 'error', counts: { repeated: 6 } });
  });

  it('are information where they are acknowledged and answered', async () => {
    const all = await findings((t) => {
      stalled(t, true);
      innerPing(t, APP_A, APP_B, { at: 14, count: 6, identifier: 0x2f62, dataLength: 1472, send });
    });
    expect(all.filter(({ severity }) => severity !== 'info')).toEqual([]);
    expect(all.filter(({ id }) => id === 'overlay.mtu-exceeded')).not.toEqual([]);
  });
});

describe('tunnels whose content cannot be read', () => {
  const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
  const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
  const cut = { mtu: 1500, dontFragment: false };

  async function mtuFindings(t: Timeline, fits: boolean): Promise<readonly Finding[]> {
    const { findings, checked } = await reportFrames(t.frames(), catalogue);
    if (fits) expect(checked.find(({ id }) => id === 'overlay.mtu-exceeded')?.result).toBe('healthy');
    return findings.filter(({ id }) => id === 'overlay.mtu-exceeded');
  }

  it.each([false, true])('are judged by their fragments: IPsec (too large: %s)', async (isTooLarge) => {
    const t = timeline(1_700_000_000_000_000_000n);
    const forth = { from: here, to: there, spi: 0xc8a417e9, nextSequence: 1 };
    const back = { from: there, to: here, spi: 0x4f62b01d, nextSequence: 1 };
    for (let second = 0; second < 12; second++) {
      espPacket(t, second, forth, isTooLarge && second % 3 === 0 ? 1500 : 1400, cut);
      espPacket(t, second + 0.02, back, 80);
    }
    const findings = await mtuFindings(t, !isTooLarge);
    expect(findings).toHaveLength(isTooLarge ? 1 : 0);
    if (!isTooLarge) return;
    expect(findings[0]).toMatchObject({
      severity: 'info',
      counts: { fragmented: 4, largestOuter: 1428, incomplete: 0 },
      direction: { from: here.address, to: there.address },
    });
    expect(findings[0].explanation).toContain('that come whole are up to 1428 bytes long');
  });

  it.each([false, true])('are judged by their fragments: WireGuard (too large: %s)', async (isTooLarge) => {
    const t = timeline(1_700_000_000_000_000_000n);
    const tunnel = wireguardTunnel(t, { ...here, port: 43_911 }, { ...there, port: 51_820 });
    const start = wireguardHandshake(t, 1, tunnel);
    for (let second = 0; second < 12; second++) {
      sendTransport(t, start + second, tunnel, 'a', isTooLarge && second % 3 === 0 ? 1500 : 1420, cut);
      sendTransport(t, start + second + 0.02, tunnel, 'b', 80);
    }
    const findings = await mtuFindings(t, !isTooLarge);
    expect(findings).toHaveLength(isTooLarge ? 1 : 0);
    if (!isTooLarge) return;
    // 1,420 bytes are filled up to 1,424 here: 16 + 16 bytes of WireGuard, 8 of UDP, 20 of IPv4.
    expect(findings[0].counts).toMatchObject({ fragmented: 4, largestInner: 1424, overhead: 60 });
  });
});
