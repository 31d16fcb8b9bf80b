import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Report } from '../report/report.js';
import type { ReadPair, ReadPoint } from './fleet-evidence.js';
import { type Job, resultOf } from './job.js';
import type { JobRunner } from './job-pool.js';
import { type IndexedPoint, linkedPairs, seenPackets } from './linked-points.js';
import type { PointLane } from './packet-digest.js';
import type { Passage } from './passage.js';
import { type NeighbourPair, neighbours } from './path-order.js';
import type { CapturePoint } from './points.js';
import { ProbeTable } from './probes.js';
import { unpackSightings } from './sightings.js';
import { readJson, type WorkFolder, writeWhole } from './work-folder.js';

/** What is kept of a point beside its report and its digest. */
export interface PointLanes {
  readonly firstUs: number;
  readonly lastUs: number;
  readonly lanes: readonly (PointLane | null)[];
}

export interface FleetRun {
  readonly points: readonly ReadPoint[];
  readonly pairs: readonly ReadPair[];
  readonly errors: { where: string; message: string }[];
}

export interface FleetRunOptions {
  readonly work: WorkFolder;
  readonly runner: JobRunner;
  /** Configuration of every analysis. */
  readonly config?: string;
  /** Bytes of the work done, and of all that is known to come. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Reads all points, finds which saw the same packets, and compares neighbours. A job that fails is an entry in `errors`. */
export async function runFleet(points: readonly CapturePoint[], options: FleetRunOptions): Promise<FleetRun> {
  return new Fleet(options).run(points);
}

interface KeyedPoint {
  readonly point: CapturePoint;
  readonly key: string;
  readonly job: Extract<Job, { kind: 'point' }>;
  readonly bytes: number;
}

class Fleet {
  private readonly errors: FleetRun['errors'] = [];
  private doneBytes = 0;
  private totalBytes = 0;

  constructor(private readonly options: FleetRunOptions) {}

  async run(points: readonly CapturePoint[]): Promise<FleetRun> {
    const keyed = points.flatMap((point) => this.keyed(point) ?? []);
    const read = await this.perform(
      keyed.map(({ job, bytes, point }) => ({ job, bytes, where: point.name, of: job })),
    );
    const good = keyed.filter(({ job }) => read.has(job));
    const indexed = good.map(({ point, job }): IndexedPoint => {
      const { firstUs, lastUs, lanes } = readJson<PointLanes>(job.lanes);
      return { name: point.name, firstUs, lastUs, lanes };
    });
    const pairs = await this.neighbourPairs(good, indexed);
    return {
      points: good.map(({ point, job }, index) => readPoint(point, job, indexed[index])),
      pairs: await this.compare(good, pairs),
      errors: this.errors,
    };
  }

  private keyed(point: CapturePoint): KeyedPoint | null {
    const { work, config } = this.options;
    try {
      const key = work.keyOf(point.files);
      const at = (suffix: string): string => work.at('points', `${key}.${suffix}`);
      const job = {
        kind: 'point' as const,
        files: [...point.files],
        report: at('report.json'),
        digest: at('digest'),
        probes: at('probes'),
        lanes: at('lanes.json'),
        ...(config === undefined ? {} : { config }),
      };
      const bytes = point.files.reduce((sum, file) => sum + statSync(file).size, 0);
      return { point, key, job, bytes };
    } catch (error) {
      this.errors.push({
        where: point.name,
        message: error instanceof Error ? error.message : String(error),
      });
      return null;
    }
  }

  private async neighbourPairs(
    good: readonly KeyedPoint[],
    indexed: readonly IndexedPoint[],
  ): Promise<NeighbourPair[]> {
    const { work } = this.options;
    const table = ProbeTable.of(good.map(({ job }) => readFileSync(job.probes)));
    const tableKey = work.keyOfKeys(good.map(({ key }) => key));
    const path = work.at('tables', `${tableKey}.probes`);
    if (!work.has(path)) writeWhole(path, table.bytes());
    const jobs = good.map(({ point, key, job }, own) => {
      const sightings = work.at('sightings', `${tableKey}-${key}`);
      const search = { kind: 'sightings' as const, digest: job.digest, table: path, own, sightings };
      return { job: search, bytes: 0, where: `${point.name}: packets of others`, of: search };
    });
    const done = await this.perform(jobs);
    const found = jobs.map(({ job }) => (done.has(job) ? unpackSightings(readFileSync(job.sightings)) : []));
    const seen = seenPackets(table, indexed, found);
    return neighbours(indexed.length, linkedPairs(seen, indexed), seen);
  }

  private async compare(good: readonly KeyedPoint[], pairs: readonly NeighbourPair[]): Promise<ReadPair[]> {
    const { work, config } = this.options;
    const jobs = pairs.map((pair) => {
      const [a, b] = [good[pair.a], good[pair.b]];
      const key = work.keyOfKeys([a.key, b.key]);
      const side = ({ job }: KeyedPoint) => ({ files: job.files, digest: job.digest, lanes: job.lanes });
      const job = {
        kind: 'pair' as const,
        a: side(a),
        b: side(b),
        report: work.at('pairs', `${key}.report.json`),
        passages: work.at('pairs', `${key}.passages.json`),
        ...(config === undefined ? {} : { config }),
      };
      return { job, bytes: a.bytes + b.bytes, where: `${a.point.name} and ${b.point.name}`, of: pair };
    });
    const done = await this.perform(jobs);
    return jobs
      .filter(({ of }) => done.has(of))
      .map(({ job, of }) => ({
        a: of.a,
        b: of.b,
        packets: of.direct,
        report: readJson<Report>(job.report),
        passages: readJson<Passage[]>(job.passages),
        reportPath: job.report,
      }));
  }

  /** @returns `of` of the jobs that are done, before or now */
  private async perform<Of>(
    jobs: readonly { readonly job: Job; readonly bytes: number; readonly where: string; readonly of: Of }[],
  ): Promise<Set<Of>> {
    const { work, runner, onProgress } = this.options;
    const open = jobs.filter(({ job }) => !work.has(resultOf(job)));
    const done = new Set(jobs.filter((one) => !open.includes(one)).map(({ of }) => of));
    this.totalBytes += open.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { job } of open) mkdirSync(dirname(resultOf(job)), { recursive: true });
    const outcomes = await runner.run(
      open.map(({ job }) => job),
      (index) => {
        this.doneBytes += open[index].bytes;
        onProgress?.(this.doneBytes, this.totalBytes);
      },
    );
    for (const [index, outcome] of outcomes.entries()) {
      const { where, of } = open[index];
      if (outcome === null) done.add(of);
      else this.errors.push({ where, message: outcome });
    }
    return done;
  }
}

function readPoint(
  point: CapturePoint,
  job: Extract<Job, { kind: 'point' }>,
  { firstUs, lastUs, lanes }: IndexedPoint,
): ReadPoint {
  return {
    name: point.name,
    files: point.files,
    addresses: point.addresses ?? [],
    site: point.site ?? null,
    firstUs,
    lastUs,
    lanes,
    report: readJson<Report>(job.report),
    reportPath: job.report,
  };
}
