import { readFileSync } from 'node:fs';
import { catalogue, textCaptures } from '../../dissectors/index.js';
import { openCaptureSource } from '../capture/file-source.js';
import { DigestWriter } from '../fleet/digest-file.js';
import type { Job } from '../fleet/job.js';
import { PacketDigest } from '../fleet/packet-digest.js';
import { type AskedDirection, type PassageSide, passages } from '../fleet/passage.js';
import { chooseProbes, ProbeTable } from '../fleet/probes.js';
import type { PointLanes } from '../fleet/run-fleet.js';
import { findProbes, packSightings } from '../fleet/sightings.js';
import { readJson, writeWhole } from '../fleet/work-folder.js';
import type { Report } from '../report/report.js';
import { writeReport } from '../report/write-report.js';
import { analyzeSource } from './run-analysis.js';
import { comparePoints } from './run-compare.js';

type JobOf<Kind extends Job['kind']> = Extract<Job, { kind: Kind }>;

/** Does one job of a fleet; its results are files. @throws CaptureError, SideFileError */
export async function performJob(job: Job): Promise<void> {
  switch (job.kind) {
    case 'point':
      return readPoint(job);
    case 'sightings': {
      const table = ProbeTable.read(readFileSync(job.table));
      writeWhole(job.sightings, packSightings(findProbes(job.digest, table, job.own)));
      return;
    }
    case 'pair':
      return comparePair(job);
  }
}

/** One pass: the report of `capan analyze`, and what tells the point's packets elsewhere. */
async function readPoint(job: JobOf<'point'>): Promise<void> {
  const source = await openCaptureSource(job.files, textCaptures);
  try {
    const writer = new DigestWriter(job.digest);
    const identities = new PacketDigest(source.segments, (bucket, bytes) => writer.take(bucket, bytes));
    const report = await analyzeSource(source, catalogue, {
      threads: 0,
      identities,
      ...(job.config === undefined ? {} : { sideFiles: { config: job.config } }),
    });
    identities.end();
    writer.finish();
    const lanes = identities.pointLanes();
    const { firstUs, lastUs } = identities;
    writeWhole(job.probes, chooseProbes(job.digest, lanes.length, firstUs, lastUs));
    writeWhole(job.report, await jsonOf(report));
    const kept: PointLanes = Number.isFinite(firstUs)
      ? { firstUs, lastUs, lanes }
      : { firstUs: 0, lastUs: 0, lanes };
    writeWhole(job.lanes, JSON.stringify(kept));
  } finally {
    await source.close();
  }
}

/** The bytes that the command writes with `--format json`. */
async function jsonOf(report: Report): Promise<string> {
  const pieces: string[] = [];
  await writeReport(report, 'json', (text) => pieces.push(text));
  return pieces.join('');
}

async function comparePair(job: JobOf<'pair'>): Promise<void> {
  const report = await comparePoints(
    [
      { name: 'a', captures: job.a.files },
      { name: 'b', captures: job.b.files },
    ],
    { threads: 0, ...(job.config === undefined ? {} : { sideFiles: { config: job.config } }) },
  );
  writeWhole(job.report, await jsonOf(report));
  const { compare } = report;
  const asked: AskedDirection[] = (compare?.directions ?? [])
    .filter(({ lost, scope }) => lost > 0 && scope === 'outer')
    .map(({ from, to, sender }) => ({ from, to, sender }));
  const offsetUs = (compare?.clock.offsetSeconds ?? 0) * 1e6;
  const sides = { a: sideOf(job.a), b: sideOf(job.b) };
  writeWhole(job.passages, JSON.stringify(asked.length === 0 ? [] : passages(sides, asked, offsetUs)));
}

function sideOf({ digest, lanes: path }: JobOf<'pair'>['a']): PassageSide {
  const { firstUs, lastUs, lanes } = readJson<PointLanes>(path);
  return { digest, lanes, firstUs, lastUs };
}
