import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue, dissectors } from '../dissectors/index.js';
import { captureQuality } from '../src/commands/run-analysis.js';
import type { CorrelatorRunner } from '../src/correlate/run-correlators.js';
import { type FindingEvent, FindingTracker } from '../src/live/finding-tracker.js';
import { judgeAt, presentTime } from '../src/live/live-judge.js';
import { presentOf } from '../src/live/live-quality.js';
import { runPipeline } from '../src/workers/pipeline.js';
import { FrameSource, type TestFrame } from './build/frame-source.js';
import { readFrames } from './build/read-frames.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * The shipped captures as if they were live: judged again and again while they go on. Looking changes nothing, and a
 * healthy capture is silent at every moment of it.
 */

const folder = resolve(import.meta.dirname, '../captures');
const files = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));
const correlators = catalogue.flatMap((entry) => entry.correlators);
const FILES_IN_SAMPLE = 40;
const ROUNDS = 150;
const ROUND_SECONDS = 1;

async function framesOf(file: string): Promise<TestFrame[]> {
  const { frames, linkType } = await readFrames(join(folder, file));
  return frames.map((frame) => ({ ...frame, linkType }));
}

interface Replay {
  readonly verdict: string;
  readonly loud: readonly string[];
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
    events.push(...tracker.update(findings, ++round * 1000, presentTime(quality, present)));
  };
  const { runner } = await runPipeline(source, dissectors, correlators, { threads: 0, onConsumed });
  const quality = captureQuality(source, runner, []);
  const { findings, checked, tunnels } = judgeAt(catalogue, runner.sessions(), quality, null, false);
  const loud = events
    .filter(({ event, finding }) => event === 'raised' && finding.severity !== 'info')
    .map(({ finding }) => finding.key);
  return { verdict: JSON.stringify([findings, checked, tunnels]), loud };
}

describe.each(sampleOf(files, FILES_IN_SAMPLE, 'live rounds'))(`%s (${SAMPLE})`, (file) => {
  it('gets the same verdict, however often it was judged before', async () => {
    const frames = await framesOf(file);
    const { verdict, loud } = await replay(frames, Math.max(1, Math.ceil(frames.length / ROUNDS)));
    expect(verdict).toBe((await replay(frames, Number.POSITIVE_INFINITY)).verdict);
    if (/healthy|look-alikes|asleep/.test(file)) expect(loud).toEqual([]);
  });
});
