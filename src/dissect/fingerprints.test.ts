import { describe, expect, it } from 'vitest';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { vxlan } from '../../test/build/vxlan.js';

const OUTER = { source: 'fd00:10::15', destination: 'fd00:10::17' };
const INNER = { source: '10.1.0.5', destination: '10.1.0.6' };
const MACS = { source: '02:fe:00:00:00:01', destination: '02:fe:00:00:00:02' };

/** A segment in VXLAN over IPv6, with the outer checksum left to the network card and the packet cut after `cutAt`. */
function carried(sequence: number, timeNs: bigint, cutAt = 2000) {
  const payload = new Uint8Array(200).fill(5);
  const segment = tcp({
    ...INNER,
    sourcePort: 40_000,
    destinationPort: 443,
    sequence,
    flags: ['ACK'],
    payload,
  });
  const inner = ethernet({
    ...MACS,
    etherType: ETHER_TYPE.ipv4,
    payload: ip({ ...INNER, protocol: IP_PROTOCOL.tcp, payload: segment }),
  });
  const datagram = udp({
    ...OUTER,
    sourcePort: 51_000,
    destinationPort: 4789,
    payload: vxlan({ vni: 42, inner }),
  });
  datagram[6] = datagram[7] = 0;
  const packet = ip({ ...OUTER, protocol: IP_PROTOCOL.udp, payload: datagram });
  const bytes = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv6, payload: packet });
  return { timeNs, bytes: bytes.subarray(0, cutAt), originalLength: bytes.length };
}

async function copiesOf(sequences: readonly number[], cutAt?: number, taps = 1): Promise<number> {
  const frames = sequences.flatMap((sequence, index) => {
    const frame = carried(sequence, 1_700_000_000_000_000_000n + BigInt(index) * 1000n, cutAt);
    return Array.from({ length: taps }, (_, tap) => ({ ...frame, timeNs: frame.timeNs + BigInt(tap) }));
  });
  const { evidence } = await runFrames(frames, { dissectors: [], correlators: [] });
  return evidence.quality.copies.count;
}

describe('fingerprints of IPv6 frames', () => {
  const distinct = Array.from({ length: 40 }, (_, index) => 1000 + index * 200);

  it('tell apart what a tunnel carries, offloaded or cut', async () => {
    expect(await copiesOf(distinct)).toBe(0);
    expect(await copiesOf(distinct, 160)).toBe(0);
  });

  it('are equal for copies, cut or whole', async () => {
    expect(await copiesOf(distinct, undefined, 2)).toBe(40);
    expect(await copiesOf(distinct, 160, 2)).toBe(40);
  });
});
