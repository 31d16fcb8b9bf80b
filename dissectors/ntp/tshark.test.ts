import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Correlator, defineCorrelator } from '../../src/correlate/correlator.js';
import { frameNumberOf } from '../../src/units.js';
import {
  comparisonMissing,
  realCapturesWith,
  sessionsOfFile,
  tsharkFileFields,
} from '../../test/build/real-captures.js';
import { SAMPLE } from '../../test/sampling.js';
import ntpDissector from './dissector.js';

/* Public captures with NTP, frame by frame against tshark. */

const rows = defineCorrelator<string, typeof ntpDissector.observes>({
  name: 'rows',
  reads: ntpDissector,
  order: 'capture',
  create() {
    const seen: string[] = [];
    return {
      consume(batch, _flow, from, to) {
        const { columns: c, order } = batch;
        for (let at = from; at < to; at++) {
          const row = order[at];
          const seconds = c.transmitSeconds[row] === 0 ? 0 : c.transmitSeconds[row];
          const frame = frameNumberOf(batch.frameIdOf(c.rows.frame[row]));
          seen.push(
            `${frame} mode ${c.mode[row]} leap ${c.leap[row]} stratum ${c.stratum[row]} at ${seconds}`,
          );
        }
      },
      sessions: () => seen,
    };
  },
});

const FIELDS = ['frame.number', 'ntp.flags.mode', 'ntp.flags.li', 'ntp.stratum', 'ntp.xmt'];
const SECONDS_1900_TO_1970 = 2_208_988_800;

/** tshark prints dates, of either era; `NULL` for zero. */
function secondsOf(text: string): number {
  const date = Date.parse(text.replace(/\.\d+ UTC$/, ' UTC'));
  return Number.isNaN(date) ? 0 : (date / 1000 + SECONDS_1900_TO_1970) % 2 ** 32;
}

const first = (text: string): string => text.split(',')[0];

const FILES_IN_SAMPLE = 5;

describe.skipIf(comparisonMissing)(`NTP as tshark reads it (${comparisonMissing ?? 'at hand'})`, () => {
  it('agrees on every frame', { timeout: 600_000 }, async () => {
    let compared = 0;
    let files = 0;
    for (const file of realCapturesWith('ntp', FILES_IN_SAMPLE)) {
      const ours = await sessionsOfFile<string>(file, rows as Correlator<string>);
      if (!ours) continue;
      const filter =
        'ntp.flags.mode >= 1 && ntp.flags.mode <= 4 && ntp.flags.vn >= 1 && ntp.flags.vn <= 4 && ntp.stratum <= 16';
      const theirs = tsharkFileFields(file, FIELDS, filter)?.map(
        ([frame, mode, leap, stratum, transmit]) =>
          `${frame} mode ${first(mode)} leap ${first(leap)} stratum ${first(stratum)} at ${secondsOf(transmit)}`,
      );
      if (!theirs) continue;
      expect(ours, `${basename(file)}, ${SAMPLE}`).toEqual(theirs);
      compared += ours.length;
      files++;
    }
    process.stdout.write(`ntp: ${compared} messages of ${files} captures agree with tshark\n`);
    expect(compared).toBeGreaterThan(0);
  });
});
