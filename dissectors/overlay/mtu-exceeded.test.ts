import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Finding } from '../../src/report/report.js';
import { reportFrames } from '../../test/build/run-capture.js';
import { espPacket, type Timeline, timeline } from '../../test/build/scenario.js';
import { sendTransport, wireguardHandshake, wireguardTunnel } from '../../test/build/wireguard.js';
import { catalogue } from '../index.js';

it("kind: a sender's capture proves what left, nothing else: fragments that leave are not said to arrive", async () => {
  const file = resolve(import.meta.dirname, '../../captures/overlay-mss-too-large.pcap');
  const { findings } = await analyze([file], { threads: 0 });
  const [fragmented] = findings.filter(({ id }) => id === 'overlay.mtu-exceeded');
  expect(fragmented?.explanation).toContain('No piece is missing where this was captured');
  expect(fragmented?.explanation).not.toMatch(/fragments arrive/);
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
