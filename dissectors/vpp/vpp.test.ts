import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, defineCorrelator } from '../../src/correlate/correlator.js';
import { ascii, concat, hex, u8, u32, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { udp } from '../../test/build/udp.js';
import { LINK_TYPE_VPP, vppRecord, withDropReason } from '../../test/build/vpp.js';
import * as columns from './columns.js';
import vpp from './dissector.js';

interface Row {
  readonly values: Readonly<Record<keyof typeof columns.VPP_ROWS, number>>;
  readonly node: string;
  readonly reason: string;
}

/** Hands the rows out as they are, with their texts. */
const rowsOf = defineCorrelator<Row, typeof columns.VPP_ROWS>({
  name: 'rows',
  reads: vpp,
  order: 'capture',
  create: () => {
    const rows: Row[] = [];
    return {
      consume({ columns: table, order }: Batch<typeof columns.VPP_ROWS>, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const row = order[at];
          const names = Object.keys(columns.VPP_ROWS) as (keyof typeof columns.VPP_ROWS)[];
          const values = Object.fromEntries(names.map((name) => [name, table[name][row]])) as Row['values'];
          const node = columns.textOf(columns.nameColumns(table), row);
          rows.push({ values, node, reason: columns.textOf(columns.reasonColumns(table), row) });
        }
      },
      sessions: () => rows,
    };
  },
});

async function dissect(frames: readonly TestFrame[]) {
  const run = await runFrames(frames, { dissectors: [vpp], correlators: [rowsOf] });
  return { rows: run.sessions(rowsOf), quality: run.evidence.quality };
}

const frame = (bytes: Uint8Array, linkType = LINK_TYPE_VPP): TestFrame => ({
  timeNs: 586_518_858_000n,
  bytes,
  linkType,
});

const DATAGRAM = ip({
  ...{ source: '10.244.1.5', destination: '192.0.2.53', protocol: IP_PROTOCOL.udp },
  payload: udp({
    ...{ source: '10.244.1.5', destination: '192.0.2.53', sourcePort: 40_000, destinationPort: 7777 },
    payload: ascii('question'),
  }),
  identification: 0x1234,
  dontFragment: true,
});

describe('a dispatch record', () => {
  it('gives its node, buffer and packet', async () => {
    // Version 1.0, four strings, IPv4 hint, buffer 0x1234, as tshark reads it.
    const record = concat(hex('01 00 04 02 00001234'), ascii('ip4-input\0meta\0opaque\0opaque2\0'), DATAGRAM);
    const { rows } = await dissect([frame(record)]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      node: 'ip4-input',
      values: {
        ...{ kind: columns.ROW_DISPATCH, buffer: 0x1234, family: 4, protocol: 17, timeToLive: 64 },
        ...{ dontFragment: 1, identification: 0x1234, sourcePort: 40_000, destinationPort: 7777 },
        ...{ totalLength: DATAGRAM.length, error: 0, rxInterface: -1, txInterface: -1 },
      },
    });
  });

  it('states interfaces and error in its text', async () => {
    const record = {
      node: 'error-drop',
      buffer: 7,
      packet: DATAGRAM,
      error: 92,
      rxInterface: 3,
      txInterface: -1,
    };
    const { rows } = await dissect([frame(vppRecord(record))]);
    expect(rows[0]?.values).toMatchObject({ error: 92, rxInterface: 3, txInterface: -1, family: 4 });
  });

  it('is read behind an Ethernet header at the node of a driver', async () => {
    const packet = ethernet({
      ...{ source: '00:00:5e:00:53:0a', destination: '00:00:5e:00:53:fe', etherType: ETHER_TYPE.ipv4 },
      payload: DATAGRAM,
    });
    const { rows } = await dissect([frame(vppRecord({ node: 'avf-0/d8/a/0-tx', buffer: 7, packet }))]);
    expect(rows[0]?.values).toMatchObject({ family: 4, destinationPort: 7777 });
  });

  it.each([
    ['found: session:[10.0.0.1;80 -> 10.0.0.2;90, TCP] => …', columns.CNAT_FOUND],
    ['found session', columns.CNAT_FOUND],
    ['session found', columns.CNAT_FOUND],
    ['return session', columns.CNAT_FOUND],
    ['created: session:[…]', columns.CNAT_CREATED],
    ['new session', columns.CNAT_CREATED],
    ['tr pass: [1] …', columns.CNAT_PASSED],
    ['session not found [policy:skip]', columns.CNAT_PASSED],
    ['not found', columns.CNAT_MISSED],
    ['session not found', columns.CNAT_MISSED],
    ['session lookup error', columns.CNAT_FAILED],
  ])('reads what cnat says: %s', async (line, outcome) => {
    const trace = `\n00:09:46:518873: ip4-cnat-tx\n  ${line}\n00:09:46:518879: ip4-rewrite\n  ipv4 via 0.0.0.0 tun4: mtu:9000 next:8`;
    const { rows } = await dissect([
      frame(vppRecord({ node: 'tun4-tx', buffer: 7, packet: DATAGRAM, trace })),
    ]);
    expect(rows[0]?.values).toMatchObject({ cnat: outcome, mtu: 9000 });
  });

  it('takes "not found" of another node for nothing of cnat', async () => {
    const trace = '\n00:09:46:518873: nat44-in2out\n  session not found';
    const { rows } = await dissect([
      frame(vppRecord({ node: 'ip4-lookup', buffer: 7, packet: DATAGRAM, trace })),
    ]);
    expect(rows[0]?.values.cnat).toBe(columns.CNAT_SILENT);
  });

  it('reads the reason that a drop node printed, and not the interface', async () => {
    const trace =
      '\n00:09:46:518873: error-drop\n  rx:tun3\n00:09:46:518879: drop\n  ip4-input: ip4 source lookup miss';
    const { rows } = await dissect([frame(vppRecord({ node: 'drop', buffer: 7, packet: DATAGRAM, trace }))]);
    expect(rows[0]?.reason).toBe('ip4-input: ip4 source lookup miss');
  });

  it('cut at every byte gives at most its row, and no malformed one', async () => {
    const record = vppRecord({
      node: 'ip4-input',
      buffer: 7,
      packet: DATAGRAM,
      trace: '\n0:00:00:000001: x\n  y',
    });
    for (let length = 1; length < record.length; length++) {
      const cut = { ...frame(record.subarray(0, length)), originalLength: record.length };
      const { rows, quality } = await dissect([cut]);
      expect(quality.malformedHeaders).toBe(0);
      expect(rows.length).toBeLessThanOrEqual(1);
      if (rows.length === 1) expect(rows[0]?.node).toBe('ip4-input');
    }
  }, 30_000);

  it('survives random bytes', async () => {
    const text = fc.constantFrom(
      'ip4-input',
      'tun4-tx',
      'drop',
      '\0',
      '00:00:00:000001: ip4-cnat-tx\n',
      'mtu:',
    );
    const part = fc.oneof(fc.uint8Array({ maxLength: 24 }), text.map(ascii));
    const head = fc.constantFrom(
      hex('01 00 04 00'),
      hex('01 00 05 02'),
      hex('00 00 05 00'),
      hex('00 03 04 00'),
    );
    await fc.assert(
      fc.asyncProperty(head, fc.array(part, { maxLength: 12 }), async (start, parts) => {
        const { rows } = await dissect([frame(concat(start, u32(1), ...parts))]);
        expect(rows.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  it('of USER13 that is none of VPP gives no row and no complaint', async () => {
    const record = vppRecord({ node: 'ip4-input', buffer: 7, packet: DATAGRAM });
    expect((await dissect([frame(record, 160)])).rows).toHaveLength(1);
    const { rows, quality } = await dissect([frame(concat(u8(0x49), zeros(22)), 160)]);
    expect(rows).toEqual([]);
    expect(quality.malformedHeaders).toBe(0);
  });
});

describe('a drop capture', () => {
  const packet = ethernet({
    ...{ source: '00:00:5e:00:53:0a', destination: '00:00:5e:00:53:fe', etherType: ETHER_TYPE.ipv4 },
    payload: DATAGRAM,
  });

  it('has the reason behind the packet', async () => {
    const { rows } = await dissect([frame(withDropReason(packet, 'ip4-input', 'ip4 ttl <= 1'), 1)]);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ node: 'ip4-input', reason: 'ip4-input: ip4 ttl <= 1' });
    expect(rows[0]?.values).toMatchObject({
      kind: columns.ROW_DROP_TRAILER,
      protocol: 17,
      destinationPort: 7777,
    });
  });

  it('is not seen in padding, check sums, or text that has not that form', async () => {
    for (const behind of [
      zeros(18),
      hex('12345678'),
      ascii('a trailer in words'),
      ascii('ab: cd'),
      ascii('no node: x'),
    ])
      expect((await dissect([frame(concat(packet, behind), 1)])).rows).toEqual([]);
  });
});
