import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import type { Report } from '../src/report/report.js';
import { type CaptureFrame, writePcap } from './build/capture-file.js';
import { readFrames } from './build/read-frames.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * A file boundary means nothing: the same packets in rotated files give the same findings, tunnels and checks as in one,
 * wherever they are cut.
 */

const folder = resolve(import.meta.dirname, '../captures');
const files = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));
const PAUSE_NS = 1_000_000_000n;

function fileOf(name: string, frames: readonly CaptureFrame[], linkType: number) {
  const bytes = writePcap(frames, { linkType, nanoseconds: true });
  const stream = (async function* () {
    yield bytes;
  })();
  return { name, stream };
}

/** What must be equal, with frames by their number in the run and without what is said in numbers of a file. */
function verdictOf({ captures, findings, tunnels, checked, quality, errors }: Report): unknown {
  const before = captures.map((_, index) =>
    captures.slice(0, index).reduce((sum, { frames }) => sum + frames, 0),
  );
  const told = findings.map(({ displayFilter: _, evidence, lastGood, ...finding }) => ({
    ...finding,
    lastGood: lastGood?.time ?? null,
    evidence: evidence.map(({ capture, frame, time, summary }) => [
      frame + (before[capture] ?? 0),
      time,
      summary,
    ]),
  }));
  return { findings: told, tunnels, checked, quality, errors };
}

/** Ids of what is loud. */
function alarms({ findings }: Report): string[] {
  return findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
}

async function verdictOfParts(frames: readonly CaptureFrame[], cuts: readonly number[], linkType: number) {
  const edges = [0, ...cuts, frames.length];
  const parts = cuts.concat(frames.length).map((to, part) => frames.slice(edges[part], to));
  const inputs = parts.map((part, index) => fileOf(`${index}`.padStart(5, '0'), part, linkType));
  return verdictOf(await analyze(inputs, { threads: 0 }));
}

describe.each(sampleOf(files, 20, 'split captures'))(`%s (${SAMPLE})`, (file) => {
  it('gives the same verdict cut at every pause, at some of them, and in three', async () => {
    const { frames, linkType } = await readFrames(join(folder, file));
    const whole = await verdictOfParts(frames, [], linkType);
    const pauses = frames.flatMap(({ timeNs }, at) =>
      at > 0 && timeNs - frames[at - 1].timeNs > PAUSE_NS ? [at] : [],
    );
    const thirds = [1, 2].map((part) => Math.floor((frames.length * part) / 3)).filter((at) => at > 0);
    // Files are put in order of time, so frames stay in theirs only where that is theirs already.
    if (frames.some(({ timeNs }, at) => at > 0 && timeNs < frames[at - 1].timeNs)) return;
    for (const cuts of [pauses, pauses.filter((_, index) => index % 3 === 1), thirds]) {
      const inOrder = [...new Set(cuts)].slice(0, 200);
      if (inOrder.length === 0) continue;
      expect(await verdictOfParts(frames, inOrder, linkType), `cut before ${inOrder.join(', ')}`).toEqual(
        whole,
      );
    }
  });

  it('gives no other alarm where nothing was captured for two hours in its middle', async () => {
    const { frames, linkType } = await readFrames(join(folder, file));
    const middle = Math.floor(frames.length / 2);
    const later = frames.map((frame, at) =>
      at < middle ? frame : { ...frame, timeNs: frame.timeNs + 7_200_000_000_000n },
    );
    const whole = await analyze([fileOf('whole', frames, linkType)], { threads: 0 });
    const halves = await Promise.all(
      [frames.slice(0, middle), frames.slice(middle)].map((half) =>
        analyze([fileOf('half', half, linkType)], { threads: 0 }),
      ),
    );
    const known = new Set([whole, ...halves].flatMap(alarms));
    const paused = alarms(await analyze([fileOf('paused', later, linkType)], { threads: 0 }));
    expect(paused.filter((id) => !known.has(id))).toEqual([]);
  });
});
