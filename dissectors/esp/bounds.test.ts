import { describe, expect, it } from 'vitest';
import { esp as espPacket } from '../../test/build/esp.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { espPairs } from './correlator.js';
import { esp } from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const parts = { dissectors: [esp], correlators: [espPairs] };
/** More than the correlator keeps between epochs. */
const MANY = 17_000;

function frame(index: number, source: string, spi: number, sequence: number): TestFrame {
  const packet = ipv4({
    source,
    destination: '198.51.100.7',
    protocol: IP_PROTOCOL.esp,
    payload: espPacket({ spi, sequence, payload: new Uint8Array(24) }),
  });
  const bytes = ethernet({
    source: '02:00:00:00:00:01',
    destination: '02:00:00:00:00:02',
    etherType: ETHER_TYPE.ipv4,
    payload: packet,
  });
  return { timeNs: START_NS + BigInt(index) * 1_000_000n, bytes };
}

describe('bounds', () => {
  it('aggregate the SAs that were silent longest, and lose no count', async () => {
    const frames = Array.from({ length: MANY }, (_, index) => frame(index, '192.0.2.1', 0x1000 + index, 1));
    const [pair, ...others] = (await runFrames(frames, parts)).sessions(espPairs);
    expect(others).toEqual([]);
    const [direction] = pair.directions.filter(({ packets }) => packets > 0);
    expect(direction.packets).toBe(MANY);
    expect(direction.sas.length).toBe(16_384);
    expect(direction.aggregated).toEqual({ sas: MANY - 16_384, distinct: MANY - 16_384, missing: 0 });
    expect(direction.sas.some(({ spi }) => spi === 0x1000)).toBe(false);
  });

  it('close pairs, and keep the first ones of them', async () => {
    const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const frames = Array.from({ length: MANY }, (_, index) => frame(index, address(index), 0x1000, 1));
    const pairs = (await runFrames(frames, parts)).sessions(espPairs);
    expect(pairs.length).toBeGreaterThanOrEqual(16_384);
    expect(pairs.length).toBeLessThanOrEqual(16_384 + 1000);
    expect([pairs[0].low, pairs[0].high]).toContain(address(0));
  });
});
