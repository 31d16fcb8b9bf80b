import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue, dissectors } from '../dissectors/index.js';
import { analyze, captureQuality } from '../src/commands/run-analysis.js';
import type { CorrelatorRunner } from '../src/correlate/run-correlators.js';
import { type FindingEvent, FindingTracker } from '../src/live/finding-tracker.js';
import { judgeAt, presentTime } from '../src/live/live-judge.js';
import { presentOf } from '../src/live/live-quality.js';
import type { Finding } from '../src/report/report.js';
import { runPipeline } from '../src/workers/pipeline.js';
import { FrameSource, type TestFrame } from './build/frame-source.js';
import { readFrames } from './build/read-frames.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * The shipped captures as if they were live: judged again and again while they go on. Looking changes nothing, and a
 * healthy capture is silent at every moment of it. What live says in the end is what analyze says of the file.
 */

const folder = resolve(import.meta.dirname, '../captures');
const files = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));
const correlators = catalogue.flatMap((entry) => entry.correlators);
const FILES_IN_SAMPLE = 40;
const ROUNDS = 150;
const ROUND_SECONDS = 1;
/** What the file says of itself is not in its frames: a relative clock, a step of the clock, an end that is cut. */
const TOLD_BY_FILE = /^vpp-|^capture-time-step|^capture-truncated|\.pcapng$/;
/** What is judged where the capture ended is not asked before. */
const NOT_WHILE_RUNNING = 'capture.too-short';

async function framesOf(file: string): Promise<TestFrame[]> {
  const { frames, linkType } = await readFrames(join(folder, file));
  return frames.map((frame) => ({ ...frame, linkType }));
}

interface Replay {
  readonly verdict: string;
  readonly loud: readonly string[];
  /** The findings of the report. */
  readonly final: readonly Finding[];
}

/** Judges about once a second of capture time, and once more at the end. */
async function replay(frames: readonly TestFrame[], framesPerChunk: number): Promise<Replay> {
  const source = new FrameSource(frames, framesPerChunk);
  const tracker = new FindingTracker();
  const events: FindingEvent[] = [];
  let nextNs = 0;
  let round = 0;
  const onConsumed = (runner: CorrelatorRunner): void => {
    const quality = captureQuality(source, runner, []);
    const present = presentOf(quality, 0, 2);
    if (present === null || present.nowNs < nextNs) return;
    nextNs = present.nowNs + ROUND_SECONDS * 1e9;
    const { findings } = judgeAt(catalogue, runner.sessions(), quality, present, true);
    const told = findings.filter(({ id }) => id !== NOT_WHILE_RUNNING);
    events.push(...tracker.update(told, ++round * 1000, presentTime(quality, present)));
  };
  const { runner } = await runPipeline(source, dissectors, correlators, { threads: 0, onConsumed });
  const quality = captureQuality(source, runner, []);
  const { findings, checked, tunnels } = judgeAt(catalogue, runner.sessions(), quality, null, false);
  const loud = events
    .filter(({ event, finding }) => event === 'raised' && finding.severity !== 'info')
    .map(({ finding }) => finding.key);
  return {
    verdict: JSON.stringify([findings, checked, tunnels]),
    loud,
    final: tracker.final(findings, null),
  };
}

/** What the headline and the list say of a finding. */
function told({ key, id, severity, causedBy, first, last, ongoingAtEnd, clearedAt }: Finding): string {
  const end = clearedAt ?? last;
  return JSON.stringify({ key, id, severity, causedBy, first, end, ongoingAtEnd });
}

describe.each(sampleOf(files, FILES_IN_SAMPLE, 'live rounds'))(`%s (${SAMPLE})`, (file) => {
  it('gets the same verdict, however often it was judged before', async () => {
    const frames = await framesOf(file);
    const { verdict, loud, final } = await replay(frames, Math.max(1, Math.ceil(frames.length / ROUNDS)));
    expect(verdict).toBe((await replay(frames, Number.POSITIVE_INFINITY)).verdict);
    if (/healthy|look-alikes|asleep/.test(file)) expect(loud).toEqual([]);
    if (TOLD_BY_FILE.test(file)) return;
    const analyzed = await analyze([join(folder, file)], { threads: 0 });
    const known = new Set(analyzed.findings.map(({ key }) => key));
    // A remark that was true while it stood is told as over.
    const stands = final.filter(({ key, severity }) => known.has(key) || severity !== 'info');
    expect(stands.map(told)).toEqual(analyzed.findings.map(told));
  });
});
