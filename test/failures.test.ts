import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../src/commands/exit-code.js';
import { analyzeSource } from '../src/commands/run-analysis.js';
import { defineCorrelator } from '../src/correlate/correlator.js';
import type { CatalogueEntry } from '../src/diagnose/catalogue.js';
import { CaptureClock } from '../src/diagnose/clock.js';
import { defineDiagnosis } from '../src/diagnose/diagnosis.js';
import { defineDissector } from '../src/dissect/dissector.js';
import type { Report } from '../src/report/report.js';
import { reportClock } from '../src/report/report-time.js';
import { verdict } from '../src/report/verdict.js';
import { FrameSource, type TestFrame } from './build/frame-source.js';
import { reportFrames } from './build/run-capture.js';
import { timeline } from './build/scenario.js';

/* A part of the program that fails on an input costs that part, not the report. */

const asker = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const answerer = { address: '192.0.2.2', mac: '02:00:00:00:00:02', ttl: 64, port: 9 };
const BAD = 13;

function frames(count: number): readonly TestFrame[] {
  const t = timeline(1_700_000_000_000_000_000n);
  for (let second = 0; second < count; second++) t.sendUdp(second, asker, answerer, new Uint8Array([second]));
  return t.frames();
}

const counting = defineDissector({
  protocol: 'counting',
  carriedBy: { udpPort: [9] },
  observes: { value: 'u8' },
  bind(table) {
    return (frame, offset) => {
      const value = frame.view.getUint8(offset);
      if (value === BAD) throw new Error('a bug in the dissector');
      const row = table.rows.append(frame);
      table.value[row] = value;
    };
  },
});

const values = defineCorrelator({
  name: 'values',
  reads: counting,
  order: 'capture',
  create() {
    const seen: number[] = [];
    return {
      consume(batch, _flow, from, to) {
        for (let at = from; at < to; at++) seen.push(batch.columns.value[batch.order[at]]);
      },
      sessions: () => seen,
    };
  },
});

const broken = defineCorrelator({
  name: 'broken',
  reads: counting,
  order: 'flow',
  create: () => ({
    consume() {
      throw new Error('a bug in the correlator');
    },
    sessions: () => [],
  }),
});

const metadata = {
  title: 'Test',
  severity: 'error',
  subject: 'capture',
  layer: 'application',
  priority: 3,
  rule: 'rule',
  notWhen: 'never',
  causes: ['cause'],
  nextSteps: ['step'],
  refutedBy: 'nothing',
  source: 'test',
  thresholds: {},
  fault: 'application',
  consequenceOf: [],
} as const;

const throwing = defineDiagnosis({
  ...metadata,
  id: 'test.throws',
  diagnose() {
    throw new Error('a bug in the rule');
  },
});

const throwingLate = defineDiagnosis({
  ...metadata,
  id: 'test.throws-late',
  *diagnose({ quality }) {
    const moment = { segment: 0, timeNs: 0, frame: 1 };
    const words = {
      explanation: 'proven',
      evidence: [],
      displayFilter: 'frame',
      counts: { frames: quality.frames },
    };
    const found = { confidence: 'high', first: moment, last: moment, ongoingAtEnd: true } as const;
    yield { result: 'problem', subject: { kind: 'capture' }, ...found, ...words };
    throw new Error('a bug in the rule');
  },
});

const broke = defineDiagnosis({
  ...metadata,
  id: 'test.reads-broken',
  *diagnose({ sessions }) {
    if (sessions(broken).length > 0) yield { result: 'healthy', subject: { kind: 'capture' } };
  },
});

const listing = defineDiagnosis({
  ...metadata,
  id: 'test.lists',
  *diagnose({ sessions }) {
    yield { result: 'healthy', subject: { kind: 'capture', values: [...sessions(values)].length } };
  },
});

const entry: CatalogueEntry = {
  protocol: 'counting',
  title: 'Counting',
  dissector: counting,
  correlators: [broken, values],
  diagnoses: [throwing, throwingLate, broke, listing],
};

describe('a part that throws', () => {
  let report: Report;

  it('becomes an entry in errors[], and the others still run', async () => {
    report = await reportFrames(frames(20), [entry]);
    const where = report.errors.map((error) => `${error.where}: ${error.message}`);
    expect(where.some((text) => text.includes('test.throws') && text.includes('a bug in the rule'))).toBe(
      true,
    );
    expect(where.some((text) => text.includes('broken') && text.includes('a bug in the correlator'))).toBe(
      true,
    );
    expect(report.checked.find(({ id }) => id === 'test.lists')?.result).toBe('healthy');
  });

  it('has proven what it said before, and nothing else', async () => {
    report = await reportFrames(frames(20), [entry]);
    expect(report.findings.map(({ id }) => id)).toEqual(['test.throws-late']);
    const results = report.checked.map(({ id, result }) => `${id} ${result}`);
    expect(results).toEqual([
      'test.throws insufficient-data',
      'test.throws-late problem',
      'test.reads-broken insufficient-data',
      'test.lists healthy',
    ]);
    const rest = { ...report, findings: [] };
    expect(exitCodeOf(rest, 'never')).toBe(3);
    expect(verdict(rest, reportClock(rest.captures))).toMatch(
      /^A part of capan failed on this input, see ERRORS; the rest found no fault: /,
    );
  });

  it('costs one frame where it is a dissector: that frame is named, the rest counts', async () => {
    expect(report.errors.filter(({ where }) => where.startsWith('frame '))).toEqual([
      {
        where: `frame ${BAD + 1} of captures[0]`,
        message: expect.stringContaining('a bug in the dissector'),
      },
    ]);
    const other: CatalogueEntry = { ...entry, correlators: [values], diagnoses: [listing] };
    for (const framesPerChunk of [1, 7, 1000]) {
      const source = new FrameSource(frames(20), framesPerChunk);
      const { errors } = await analyzeSource(source, [other], { threads: 0 });
      expect(errors, `${framesPerChunk} frames a chunk`).toHaveLength(1);
    }
  });
});

describe('times', () => {
  it('are exact to the nanosecond, and null where there is none', () => {
    const clock = new CaptureClock(
      [],
      [
        { baseNs: 1_700_000_000_123_456_789n, captureIndex: 0, clock: 'absolute', openedBy: 'start' },
        { baseNs: 0n, captureIndex: 0, clock: 'relative', openedBy: 'start' },
      ],
    );
    expect(clock.rfc3339({ segment: 0, timeNs: 0 })).toBe('2023-11-14T22:13:20.123456789Z');
    // 104 days in nanoseconds still fit a double exactly.
    expect(clock.absoluteNs({ segment: 0, timeNs: 8_985_600_000_000_001 })).toBe(1_708_985_600_123_456_790n);
    expect(clock.rfc3339({ segment: 0, timeNs: Number.NaN })).toBeNull();
    expect(clock.rfc3339({ segment: 1, timeNs: 5 })).toBeNull();
  });
});
