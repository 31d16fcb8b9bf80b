import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { realCapturesWith, tsharkByFrame } from '../../test/build/real-captures.js';
import { type RecordedRow, rowRecorder } from '../../test/build/recorded-rows.js';
import { TSHARK_RUNS, tsharkMissing } from '../../test/build/tshark.js';
import { bfdDissector } from './dissector.js';

/* Every field of every BFD packet of public captures, against tshark; skipped where either is missing. */

const FILES_IN_SAMPLE = 6;
const files = tsharkMissing ? [] : realCapturesWith('bfd', FILES_IN_SAMPLE);

const FIELDS: readonly (readonly [string, string])[] = [
  ['state', 'bfd.sta'],
  ['diagnostic', 'bfd.diag'],
  ['multiplier', 'bfd.detect_time_multiplier'],
  ['myDiscriminator', 'bfd.my_discriminator'],
  ['yourDiscriminator', 'bfd.your_discriminator'],
  ['desiredMinTx', 'bfd.desired_min_tx_interval'],
  ['requiredMinRx', 'bfd.required_min_rx_interval'],
  ['requiredMinEchoRx', 'bfd.required_min_echo_interval'],
  ['timeToLive', 'ip.ttl'],
];

async function rowsOf(file: string): Promise<readonly RecordedRow[]> {
  const recorder = rowRecorder(bfdDissector);
  const source = await openCaptureSource([file]);
  try {
    const { runner } = await runPipeline(source, [bfdDissector], [recorder], { threads: 0 });
    return (runner.sessions().get(recorder.name) ?? []) as readonly RecordedRow[];
  } finally {
    await source.close();
  }
}

describe.skipIf(files.length === 0)('against tshark (skipped without it or ../shared)', () => {
  it('agrees on every field of every packet of version 1', TSHARK_RUNS, async () => {
    let agreed = 0;
    for (const file of files) {
      const expected = tsharkByFrame(
        file,
        'bfd.version == 1',
        FIELDS.map(([, field]) => field),
      );
      const rows = await rowsOf(file);
      expect(
        rows.map(({ frame }) => frame),
        file,
      ).toEqual([...expected.keys()]);
      for (const { frame, values } of rows) {
        const wanted = expected.get(frame) ?? [];
        for (const [at, [name]] of FIELDS.entries()) {
          expect(values[name], `${file} frame ${frame} ${name}`).toBe(Number(wanted[at][0]));
          agreed++;
        }
      }
    }
    console.info(`bfd: ${agreed} fields of ${files.length} captures agree with tshark`);
    expect(agreed).toBeGreaterThan(0);
  });
});
