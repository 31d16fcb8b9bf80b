import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, defineCorrelator } from '../../src/correlate/correlator.js';
import { hex } from '../../test/build/bytes.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import arp from './dissector.js';

type Row = Readonly<Record<keyof typeof arp.observes, number>>;

/** Hands the rows out as they are. */
const rowsOf = defineCorrelator<Row, typeof arp.observes>({
  name: 'rows',
  reads: arp,
  order: 'capture',
  create: () => {
    const rows: Row[] = [];
    return {
      consume({ columns, order }: Batch<typeof arp.observes>, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const values = Object.keys(arp.observes).map((name) => [
            name,
            columns[name as keyof typeof arp.observes][order[at]],
          ]);
          rows.push(Object.fromEntries(values));
        }
      },
      sessions: () => rows,
    };
  },
});

const REQUEST = hex(`
  0001 0800 06 04 0001        // Ethernet, IPv4, request
  00005e00530a c0000201       // sender 192.0.2.1
  000000000000 c00002fe       // target 192.0.2.254
`);

async function dissect(packet: Uint8Array, originalLength?: number) {
  const bytes = ethernet({
    source: '00:00:5e:00:53:0a',
    destination: 'ff:ff:ff:ff:ff:ff',
    etherType: ETHER_TYPE.arp,
    payload: packet,
  });
  const frame = { timeNs: 1_772_489_645_000_000_000n, bytes };
  const run = await runFrames([originalLength === undefined ? frame : { ...frame, originalLength }], {
    dissectors: [arp],
    correlators: [rowsOf],
  });
  return { rows: run.sessions(rowsOf), quality: run.evidence.quality };
}

describe('ARP', () => {
  it('gives one row a packet', async () => {
    expect((await dissect(REQUEST)).rows).toEqual([
      {
        operation: 1,
        senderMacHigh: 0,
        senderMacLow: 0x5e00530a,
        senderAddress: 0xc0000201,
        targetMacHigh: 0,
        targetMacLow: 0,
        targetAddress: 0xc00002fe,
      },
    ]);
  });

  it('tells a cut packet from a short one at every length', async () => {
    for (let length = 0; length < REQUEST.length; length++) {
      const sent = await dissect(REQUEST.slice(0, length));
      expect([sent.rows.length, sent.quality.malformedHeaders], `${length} bytes sent`).toEqual([0, 1]);
      const cut = await dissect(REQUEST.slice(0, length), 14 + REQUEST.length);
      expect([cut.rows.length, cut.quality.truncatedHeaders], `${length} bytes captured`).toEqual([0, 1]);
    }
  });

  it('leaves other address families alone', async () => {
    const other = REQUEST.slice();
    other[4] = 8;
    const { rows, quality } = await dissect(other);
    expect([rows.length, quality.malformedHeaders]).toEqual([0, 0]);
  });

  it('never throws on random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        expect((await dissect(bytes)).rows.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });
});
