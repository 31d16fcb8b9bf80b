import { describe, expect, it } from 'vitest';
import { concat, u32, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { isakmp } from '../../test/build/isakmp.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { udp } from '../../test/build/udp.js';
import udpencap from '../udpencap/dissector.js';
import { ike } from './correlator.js';
import dissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const parts = { dissectors: [dissector, udpencap], correlators: [ike] };
/** More than are held open at once, in one epoch. */
const MANY = 20_000;

/** The opening message of an IKE SA that nobody answers. */
function opening(index: number): TestFrame {
  const addresses = { source: '192.0.2.1', destination: '198.51.100.7' };
  const message = isakmp(
    {
      initiatorSpi: concat(zeros(4), u32(index + 1)),
      version: 0x20,
      exchangeType: 34,
      flags: 8,
      messageId: 0,
    },
    [],
  );
  const payload = udp({ ...addresses, sourcePort: 500, destinationPort: 500, payload: message });
  const bytes = ethernet({
    source: '02:00:00:00:00:01',
    destination: '02:00:00:00:00:02',
    etherType: ETHER_TYPE.ipv4,
    payload: ipv4({ ...addresses, protocol: IP_PROTOCOL.udp, payload }),
  });
  return { timeNs: START_NS + BigInt(index) * 1_000_000n, bytes };
}

describe('a flood of initiator cookies', () => {
  it('is summarised within an epoch, and however it is cut into chunks', async () => {
    const frames = Array.from({ length: MANY }, (_, index) => opening(index));
    const [whole, cut] = await Promise.all(
      [undefined, 777].map(async (framesPerChunk) =>
        (await runFrames(frames, parts, framesPerChunk)).sessions(ike).map(({ first }) => first.frame),
      ),
    );
    expect(whole.length).toBeLessThanOrEqual(1000 + 8192);
    expect(whole[0]).toBe(1);
    expect(whole.at(-1)).toBe(MANY);
    expect(cut).toEqual(whole);
  });
});
