import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineCorrelator } from '../../src/correlate/correlator.js';
import { hex } from '../../test/build/bytes.js';
import { NTP_MODE, ntp, ntpTime } from '../../test/build/ntp.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, timeline } from '../../test/build/scenario.js';
import ntpDissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const client: Endpoint = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const server: Endpoint = { address: '192.0.2.123', mac: '02:00:00:00:00:02', ttl: 63 };

interface Row {
  readonly mode: number;
  readonly leap: number;
  readonly stratum: number;
  readonly referenceId: number;
  readonly originate: bigint;
  readonly transmit: bigint;
}

const rows = defineCorrelator<Row, typeof ntpDissector.observes>({
  name: 'rows',
  reads: ntpDissector,
  order: 'capture',
  create() {
    const seen: Row[] = [];
    return {
      consume({ columns: c, order }, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const row = order[at];
          seen.push({
            mode: c.mode[row],
            leap: c.leap[row],
            stratum: c.stratum[row],
            referenceId: c.referenceId[row],
            originate: (BigInt(c.originateSeconds[row]) << 32n) | BigInt(c.originateFraction[row]),
            transmit: (BigInt(c.transmitSeconds[row]) << 32n) | BigInt(c.transmitFraction[row]),
          });
        }
      },
      sessions: () => seen,
    };
  },
});

function run(payload: Uint8Array): Promise<CaptureRun> {
  const t = timeline(START_NS);
  t.sendUdp(0, { ...client, port: 123 }, { ...server, port: 123 }, payload);
  return runFrames(t.frames(), { dissectors: [ntpDissector], correlators: [rows] });
}

describe('NTP messages', () => {
  // Built by hand from RFC 5905, section 7.3: an answer of a stratum 1 server that names GPS.
  const ANSWER = hex(`
    24 01 06 ec 00000000 00000012 47505300
    e8e5ae80 00000000 e8e5ae81 40000000 e8e5ae81 80000000 e8e5ae81 80100000`);

  it('are read field by field', async () => {
    const [row] = (await run(ANSWER)).sessions(rows);
    expect(row).toEqual({
      mode: 4,
      leap: 0,
      stratum: 1,
      referenceId: 0x47505300,
      originate: 0xe8e5ae81_40000000n,
      transmit: 0xe8e5ae81_80100000n,
    });
  });

  it('may be followed by extensions and a MAC', async () => {
    const longer = new Uint8Array([...ANSWER, ...new Uint8Array(20)]);
    expect((await run(longer)).sessions(rows)).toHaveLength(1);
  });

  it.each([
    ['a broadcast', ntp({ mode: NTP_MODE.broadcast })],
    ['a control message', hex('16 02 0001 0000 0000 0000 0000')],
    ['a private message', hex('17 00 03 2a 00000000')],
    ['a version that is none', ntp({ mode: NTP_MODE.client, version: 0 })],
    ['a stratum that is reserved', ntp({ mode: NTP_MODE.client, stratum: 33 })],
  ])('leave %s out, without complaint', async (_name, bytes) => {
    const { evidence, sessions } = await run(bytes);
    expect(sessions(rows)).toEqual([]);
    expect(evidence.quality.malformedHeaders).toBe(0);
  });

  it('are short at every length below 48 bytes', async () => {
    for (let length = 1; length < 48; length++) {
      const { evidence, sessions } = await run(ANSWER.slice(0, length));
      expect([sessions(rows).length, evidence.quality.malformedHeaders], `${length}`).toEqual([0, 1]);
    }
    expect((await run(ANSWER.slice(0, 48))).sessions(rows)).toHaveLength(1);
  });

  it('may be any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        expect((await run(bytes)).sessions(rows).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });
});

describe('NTP timestamps of the tests', () => {
  it('count from 1900, and begin again in 2036', () => {
    expect(ntpTime(0n)).toBe(2_208_988_800n << 32n);
    expect(ntpTime(500_000_000n)).toBe((2_208_988_800n << 32n) | 0x8000_0000n);
    // 2036-02-07 06:28:16 UTC
    expect(ntpTime(2_085_978_496_000_000_000n)).toBe(0n);
  });
});
