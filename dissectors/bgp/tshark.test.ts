import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { realCapturesWith, tsharkByFrame } from '../../test/build/real-captures.js';
import { type RecordedRow, rowRecorder } from '../../test/build/recorded-rows.js';
import { TSHARK_RUNS, tsharkMissing } from '../../test/build/tshark.js';
import { IS_WHOLE } from '../../test/sampling.js';
import { bgpDissector } from './dissector.js';
import { ROW_ROUTE, TYPE_NOTIFICATION, TYPE_OPEN, TYPE_UPDATE } from './layout.js';

/* BGP messages of public captures, against tshark; skipped where either is missing. */

const FILES_IN_SAMPLE = 8;
const files = tsharkMissing
  ? []
  : realCapturesWith('bgp', FILES_IN_SAMPLE).filter((file) => !file.includes('/11-malformed/'));

const FIELDS = [
  'bgp.type',
  'bgp.length',
  'bgp.open.version',
  'bgp.open.holdtime',
  'bgp.open.identifier',
  'bgp.notify.major_error',
  'bgp.nlri_prefix',
  'bgp.withdrawn_prefix',
] as const;

async function rowsOf(file: string): Promise<Map<number, RecordedRow[]>> {
  const recorder = rowRecorder(bgpDissector);
  const source = await openCaptureSource([file]);
  try {
    const { runner } = await runPipeline(source, [bgpDissector], [recorder], { threads: 0 });
    const byFrame = new Map<number, RecordedRow[]>();
    for (const row of (runner.sessions().get(recorder.name) ?? []) as readonly RecordedRow[]) {
      if (row.values.type === ROW_ROUTE) continue;
      byFrame.set(row.frame, [...(byFrame.get(row.frame) ?? []), row]);
    }
    return byFrame;
  } finally {
    await source.close();
  }
}

function dotted(identifier: number): string {
  return [24, 16, 8, 0].map((shift) => (identifier >>> shift) & 0xff).join('.');
}

/** The fields of the rows of one frame in the form in which tshark prints them; prefixes by their number. */
function printed(rows: readonly RecordedRow[]): (readonly string[])[] {
  const of = (name: string, type?: number): string[] =>
    rows
      .filter(({ values }) => type === undefined || values.type === type)
      .map(({ values }) => `${values[name]}`);
  const sum = (name: string): string[] => [
    `${rows.filter(({ values }) => values.type === TYPE_UPDATE).reduce((all, { values }) => all + values[name], 0)}`,
  ];
  return [
    of('type'),
    of('length'),
    of('version', TYPE_OPEN),
    of('holdTime', TYPE_OPEN),
    of('identifier', TYPE_OPEN).map((one) => dotted(Number(one))),
    of('code', TYPE_NOTIFICATION),
    sum('announced'),
    sum('withdrawn'),
  ];
}

describe.skipIf(files.length === 0)('against tshark (skipped without it or ../shared)', () => {
  it('agrees on the messages of every frame that it reads', {
    timeout: 4 * TSHARK_RUNS.timeout,
  }, async () => {
    let agreed = 0;
    let unread = 0;
    for (const file of files) {
      const expected = tsharkByFrame(
        file,
        'bgp.type && !_ws.malformed && !mpls && !(frame.protocols contains "juniper")',
        FIELDS,
      );
      const rows = await rowsOf(file);
      for (const [frame, wanted] of expected) {
        const found = rows.get(frame);
        if (!found) {
          unread++;
          continue;
        }
        for (const [at, values] of printed(found).entries()) {
          // Prefixes of other address families are counted by tshark, and not here.
          if (FIELDS[at].endsWith('_prefix')) {
            if (found.some(({ values: one }) => one.multiprotocol === 1)) continue;
            expect(values, `${file} frame ${frame} ${FIELDS[at]}`).toEqual([`${wanted[at].length}`]);
          } else expect(values, `${file} frame ${frame} ${FIELDS[at]}`).toEqual(wanted[at]);
          agreed += values.length;
        }
      }
    }
    console.info(
      `bgp: ${agreed} fields of ${files.length} captures agree with tshark; ${unread} frames were not read`,
    );
    expect(agreed + unread).toBeGreaterThan(0);
    // What is not read lies behind link layers that the engine does not know; a sample may hold little else.
    if (IS_WHOLE) expect(agreed).toBeGreaterThan(20 * unread);
  });
});
