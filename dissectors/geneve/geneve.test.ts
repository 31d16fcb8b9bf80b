import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { udp } from '../../test/build/udp.js';
import icmpCorrelators, { echoStreams } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import correlators, { geneveTunnels } from './correlator.js';
import geneve from './dissector.js';
import tunnel from './tunnel.js';

const PARTS = { dissectors: [icmp, geneve], correlators: [...correlators, ...icmpCorrelators] };
const START_NS = 1_772_489_645_000_000_000n;
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const ECHO = ip({
  source: '10.1.0.1',
  destination: '10.1.0.2',
  protocol: IP_PROTOCOL.icmp,
  payload: icmpEcho({ identifier: 1, sequence: 1, data: zeros(56) }),
});
const INNER_FRAME = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: ECHO });
/** One option of 4 bytes of data, critical: class 0x0102, type 0x81, length 1 word. */
const OPTION = hex('0102 81 01 deadbeef');

function frameOf(
  payload: Uint8Array,
  ports: { sourcePort?: number; destinationPort?: number } = {},
): TestFrame {
  const { sourcePort = 50_000, destinationPort = 6081 } = ports;
  const datagram = udp({ ...ENDS, sourcePort, destinationPort, payload });
  const packet = ip({ ...ENDS, protocol: IP_PROTOCOL.udp, payload: datagram });
  return { timeNs: START_NS, bytes: ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet }) };
}

describe('Geneve', () => {
  it('carries Ethernet behind options', async () => {
    const run = await runFrames([frameOf(concat(hex('02 40 6558 00002a 00'), OPTION, INNER_FRAME))], PARTS);
    const [{ vni, low, high, directions, optionsMax, criticalOptions, stack }] = run.sessions(geneveTunnels);
    expect({ vni, low, high, optionsMax, criticalOptions }).toEqual({
      vni: 42,
      low: '192.0.2.1',
      high: '198.51.100.7',
      optionsMax: 8,
      criticalOptions: 1,
    });
    // 20 + 8 + 8 + 8 of options + 14, and the inner packet.
    expect(directions[0]).toMatchObject({ packets: 1, bytes: 142, largestOuter: 142, largestInner: 84 });
    const [echo] = run.sessions(echoStreams);
    expect(echo).toMatchObject({ source: '10.1.0.1', stack });
    expect(run.evidence.quality.flows.tunnelLayers(stack)).toMatchObject([{ kind: 'geneve', key: 42 }]);
  });

  it('carries IP without an Ethernet header', async () => {
    const run = await runFrames([frameOf(concat(hex('00 00 0800 000007 00'), ECHO))], PARTS);
    expect(run.sessions(echoStreams)).toHaveLength(1);
    expect([...tunnel.describe(run.evidence)]).toMatchObject([
      { kind: 'geneve', key: 7, facts: { ports: [6081], mtu: { largestInner: 84 } } },
    ]);
  });

  it('counts control packets without looking into them', async () => {
    const run = await runFrames([frameOf(concat(hex('00 80 6558 000007 00'), INNER_FRAME))], PARTS);
    expect(run.sessions(geneveTunnels)).toMatchObject([{ controlPackets: 1, stack: 0 }]);
    expect(run.sessions(echoStreams)).toEqual([]);
  });

  it.each([
    ['another version', frameOf(concat(hex('40 00 6558 000007 00'), INNER_FRAME))],
    ['options longer than the packet', frameOf(hex('3f 00 6558 000007 00 0000'))],
    [
      '6081 as source port alone',
      frameOf(concat(hex('00 00 6558 000007 00'), INNER_FRAME), { sourcePort: 6081, destinationPort: 9999 }),
    ],
    ['a header cut short by its sender', frameOf(hex('00 00 6558'))],
  ])('is malformed: %s', async (_name, frame) => {
    const run = await runFrames([frame], PARTS);
    expect(run.sessions(geneveTunnels)).toEqual([]);
    expect(run.evidence.quality.malformedHeaders).toBe(1);
  });

  it('is cut by the capture at any length without being called malformed', async () => {
    const { timeNs, bytes } = frameOf(concat(hex('02 40 6558 00002a 00'), OPTION, INNER_FRAME));
    for (let length = 42; length < bytes.length; length++) {
      const run = await runFrames(
        [{ timeNs, bytes: bytes.subarray(0, length), originalLength: bytes.length }],
        PARTS,
      );
      expect(run.evidence.quality.malformedHeaders, `${length} bytes`).toBe(0);
      expect(run.sessions(geneveTunnels)).toHaveLength(length >= 50 ? 1 : 0);
    }
  });

  it('reads only inside of the payload', () => {
    const layout = slotLayout([geneve], { chunkBytes: 4096, frameCapacity: 8, seed: 1 });
    const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
    const frame = new FrameContext(slot);
    const inner = (_frame: FrameContext, offset: number, end: number): void => {
      expect(offset).toBeLessThanOrEqual(end);
    };
    const dissect = geneve.bind(slot.tables[0] as never, {
      protocolIndex: 0,
      subDissector: () => inner,
      innerEthernet: inner,
      innerIp: inner,
      innerEtherType: (_frame, _type, offset, end) => expect(offset).toBeLessThanOrEqual(end),
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        slot.clearTables();
        // The view ends where the payload ends, so that reads outside of it throw.
        frame.begin(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, 0, bytes.length);
        frame.destinationPort = 6081;
        frame.payloadLength = bytes.length;
        dissect(frame, 0, bytes.length);
      }),
    );
  });
});
