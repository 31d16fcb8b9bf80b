import { describe, expect, it } from 'vitest';
import checksum from '../../dissectors/checksum/dissector.js';
import { tcpConnections } from '../../dissectors/tcp/correlator.js';
import tcpDissector from '../../dissectors/tcp/dissector.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, timeline } from '../../test/build/scenario.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';

const A: Endpoint = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 64 };
const B: Endpoint = { mac: '00:00:5e:00:53:0b', address: '192.0.2.2', ttl: 64 };

/** Segments of A to B; `wrong` ones are resets with a checksum that does not fit. */
async function resetSeen(wrong: readonly number[], count: number, framesPerChunk?: number): Promise<boolean> {
  const t = timeline(1_772_489_645_000_000_000n, 7);
  for (let i = 0; i < count; i += 1) {
    const isWrong = wrong.includes(i);
    const flags: readonly TcpFlag[] = isWrong ? ['RST', 'ACK'] : ['ACK'];
    const ends = { source: A.address, destination: B.address, sourcePort: 40_000, destinationPort: 443 };
    const right = tcp({ ...ends, sequence: 1000 + i, acknowledgment: 1, flags });
    if (isWrong) right[17] ^= 0x21;
    t.sendIp(i * 0.1, A, B, IP_PROTOCOL.tcp, right);
  }
  const parts = { dissectors: [tcpDissector, checksum], correlators: [tcpConnections] };
  const run = await runFrames(t.frames(), parts, framesPerChunk);
  return run.sessions(tcpConnections).some(({ a, b }) => a.sentRst || b.sentRst);
}

describe('a packet that its receiver drops for its checksum', () => {
  it.each([undefined, 1, 2, 5])('says nothing to correlators (%s frames a chunk)', async (size) => {
    expect(await resetSeen([6], 10, size)).toBe(false);
  });

  it('is believed where at least half of its direction are wrong, then and later alike', async () => {
    expect(await resetSeen([0], 10)).toBe(true);
    expect(await resetSeen([1, 2, 3, 4, 5], 8)).toBe(true);
    for (const size of [1, 3]) expect(await resetSeen([1, 2, 3, 4, 5], 8, size)).toBe(true);
  });
});
