import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { random } from '../../test/build/bytes.js';
import { FrameSource, type TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { udp } from '../../test/build/udp.js';
import { VXLAN_PORT, vxlan } from '../../test/build/vxlan.js';
import { compare, compareSources } from '../commands/run-compare.js';

const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const INNER = { source: '10.255.0.1', destination: '10.255.0.2' };
const MACS = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
const START_NS = 1_790_000_000_000_000_000n;

/** VXLAN one way without IP identification; at the far end every packet but the edges has lost its policy tag. */
function untagged(count: number): Record<'a' | 'b', TestFrame[]> {
  const numbers = random(5);
  const frames: Record<'a' | 'b', TestFrame[]> = { a: [], b: [] };
  for (let index = 0; index < count; index++) {
    const data = udp({ ...INNER, sourcePort: 5000, destinationPort: 6000, payload: numbers.bytes(200) });
    const inner = ethernet({
      ...MACS,
      etherType: ETHER_TYPE.ipv4,
      payload: ipv4({ ...INNER, protocol: IP_PROTOCOL.udp, identification: index + 1, payload: data }),
    });
    for (const side of ['a', 'b'] as const) {
      const isTagged = side === 'a' || index === 0 || index === count - 1;
      const payload = udp({
        ...ENDS,
        sourcePort: 50_000,
        destinationPort: VXLAN_PORT,
        payload: vxlan({ vni: 7, inner, ...(isTagged ? { groupPolicy: { id: 3 } } : {}) }),
        checksum: 'none',
      });
      const packet = ipv4({ ...ENDS, protocol: IP_PROTOCOL.udp, ttl: side === 'a' ? 64 : 63, payload });
      const delay = side === 'a' ? 0n : 4_000_000n;
      frames[side].push({
        timeNs: START_NS + BigInt(index) * 100_000_000n + delay,
        bytes: ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet }),
      });
    }
  }
  return frames;
}

describe('packets that the path changes', () => {
  it('are found again without any number of their own, and their fields are named', async () => {
    const frames = untagged(40);
    const points = (['a', 'b'] as const).map((name) => ({
      name,
      source: new FrameSource(frames[name]),
      reopen: async () => new FrameSource(frames[name]),
    }));
    const report = await compareSources(points, { threads: 0 });
    const direction = report.compare?.directions.find(({ scope }) => scope === 'outer');
    expect(direction).toMatchObject({ sent: 40, matched: 40, lost: 0, receivedOnly: 0, modified: 38 });
    const tag = direction?.changes?.find(({ field }) => field === 'VXLAN group policy id');
    expect(tag).toMatchObject({ from: '3', to: '0', packets: 38 });
    expect(tag?.frames[0]).toEqual({ sent: 2, received: 2 });
  });
});

const folder = resolve(import.meta.dirname, '../../../shared/captures/real/12-pairs');
const isAtHand = existsSync(folder);

describe.skipIf(!isAtHand)(`public pairs (${isAtHand ? 'at hand' : 'not at hand'})`, () => {
  const pair = (a: string, b: string) => compare([join(folder, a)], [join(folder, b)], { threads: 0 });

  it('shows next hops of SCION as such, not as a translation', async () => {
    const report = await pair('netsys-lab__AS1_to_AS6_AS_1.pcap', 'netsys-lab__AS1_to_AS6_AS_6.pcap');
    expect(report.compare?.nat).toEqual([]);
    expect(report.compare?.rewritten).toEqual([
      { what: 'scion-hops', a: '10.2.1.2 > 10.2.1.5', b: '10.1.4.1 > 10.1.4.2', flows: 1 },
    ]);
    expect(report.findings.map(({ id }) => id)).not.toContain('underlay.nat-in-path');
  });

  it('shows an acknowledgment that became a reset as changed, not as lost', async () => {
    const name = 'cisco-system-traffic-generator__tcp2_http_simple_cmd_connect_rst_keepalive';
    const { compare: section } = await pair(`${name}_c.pcap`, `${name}_s.pcap`);
    const directions = section?.directions ?? [];
    expect(directions.map(({ lost, receivedOnly }) => lost + receivedOnly)).toEqual([0, 0]);
    expect(directions.flatMap(({ changes = [] }) => changes)).toEqual([
      { field: 'TCP flags', from: 'ACK', to: 'RST ACK', packets: 1, frames: [{ sent: 8, received: 8 }] },
    ]);
  });
});
