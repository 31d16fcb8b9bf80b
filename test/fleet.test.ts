import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FleetPlan, type MadeFleet, makeFleet, SHARED_ADDRESS } from '../bench/traffic/fleet.js';
import { badBucket, deafHost, filteredNetwork, lossyLink, tooLarge } from '../bench/traffic/fleet-faults.js';
import { FLEET_START_NS } from '../bench/traffic/fleet-network.js';
import { fleetReport } from '../src/commands/fleet.js';
import { performJob } from '../src/commands/fleet-jobs.js';
import { fleetJsonSchema, pointsJsonSchema } from '../src/commands/fleet-schema.js';
import { analyze } from '../src/commands/run-analysis.js';
import { compare } from '../src/commands/run-compare.js';
import { JobsHere } from '../src/fleet/job-pool.js';
import { findPoints } from '../src/fleet/points.js';
import { type FleetFinding, type FleetReport, fleetReportSchema } from '../src/report/fleet-report.js';
import { fleetText } from '../src/report/fleet-text.js';
import { writeReport } from '../src/report/write-report.js';
import { IS_WHOLE } from './sampling.js';

const root = mkdtempSync(join(tmpdir(), 'capan-fleet-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const SMALL: FleetPlan = {
  racks: 2,
  hostsPerRack: 3,
  uncaptured: 1,
  peersPerHost: 5,
  seconds: 16,
  talkEverySeconds: 1.6,
  files: 2,
  seed: 3,
  clockSeconds: (host) => (host === 4 ? 2400 : host * 0.003),
  faults: [],
  largeSegments: [],
  espEvery: 7,
};

/** A second of a test: whole fleets are made and judged in `npm run test:all`. */
const TINY: FleetPlan = IS_WHOLE
  ? SMALL
  : {
      ...SMALL,
      hostsPerRack: 2,
      uncaptured: 1,
      seconds: 10,
      clockSeconds: (host) => (host === 3 ? 2400 : 0),
    };
const CLOCK_OFF = IS_WHOLE ? 4 : 3;

interface Run {
  readonly made: MadeFleet;
  readonly folder: string;
  readonly work: string;
  readonly report: FleetReport;
}

async function runOf(name: string, plan: FleetPlan): Promise<Run> {
  const folder = join(root, name);
  const work = join(root, `${name}-work`);
  const made = makeFleet(folder, plan);
  const report = await reportOf(folder, work);
  return { made, folder, work, report };
}

function reportOf(folder: string, work: string): Promise<FleetReport> {
  return fleetReport(findPoints([folder]), {
    folder: work,
    keepsReports: true,
    runner: new JobsHere(performJob),
  });
}

function loud({ findings }: FleetReport): FleetFinding[] {
  return findings.filter(({ severity }) => severity !== 'info');
}

function finding(report: FleetReport, id: string): FleetFinding {
  const found = report.findings.find((one) => one.id === id);
  if (found === undefined)
    throw new Error(`no ${id} among ${report.findings.map((one) => one.id).join(', ')}`);
  return found;
}

/** Seconds since the beginning by the true clock. The middle clock of the fleet is that of one of its hosts. */
function sinceOf({ since }: FleetFinding, { hosts }: MadeFleet): number {
  const clocks = hosts.filter(({ isCaptured }) => isCaptured).map(({ clockSeconds }) => clockSeconds);
  const middle = clocks.sort((a, b) => a - b)[Math.floor((clocks.length - 1) / 2)] ?? 0;
  return (Date.parse(since ?? '') - Number(FLEET_START_NS / 1_000_000n)) / 1000 - middle;
}

async function json(report: Parameters<typeof writeReport>[0]): Promise<string> {
  const pieces: string[] = [];
  await writeReport(report, 'json', (text) => pieces.push(text));
  return pieces.join('');
}

describe('a healthy fleet', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runOf('healthy', TINY);
  });

  it('gives a clean report: every captured pair compared, every tunnel once, one clock named', () => {
    const { report, made } = run;
    expect(fleetReportSchema.parse(report)).toEqual(report);
    expect(report.errors).toEqual([]);
    expect(loud(report).map(({ id }) => id)).toEqual(['fleet.clock-off']);
    const captured = made.pairs.filter((pair) => pair.every((host) => made.hosts[host]?.isCaptured));
    expect(report.links).toHaveLength(captured.length);
    expect(report.groups).toHaveLength(1);
    expect(report.worstClock?.point).toBe(made.hosts[CLOCK_OFF]?.name);
    const vxlan = report.tunnels.filter(({ kind }) => kind === 'vxlan');
    expect(vxlan).toHaveLength(made.pairs.length);
    for (const { hosts, name } of report.points)
      expect(hosts).toEqual([made.hosts.find((host) => host.name === name)?.address]);
    expect(report.matrix.filter(({ lost }) => (lost ?? 0) > 0)).toEqual([]);
  });

  it('names the host that nobody captured', () => {
    const uncaptured = run.made.hosts.find(({ isCaptured }) => !isCaptured);
    expect(run.report.blindSpots.map(({ address }) => address)).toEqual([uncaptured?.address]);
    expect(fleetText(run.report, {})).toContain('CAPTURE NEXT');
  });

  it('keeps the reports of analyze and compare, byte for byte', async () => {
    const [first] = run.report.points;
    const own = readFileSync(first?.report ?? '', 'utf8');
    expect(own).toBe(await json(await analyze(first?.files ?? [])));
    const [link] = run.report.links;
    const files = (name: string | undefined) =>
      run.report.points.find((point) => point.name === name)?.files ?? [];
    expect(readFileSync(link?.report ?? '', 'utf8')).toBe(
      await json(await compare(files(link?.a), files(link?.b))),
    );
  });

  it('does nothing again that is done, and says the same', async () => {
    const results = run.report.links.map(({ report }) => statSync(report ?? '').mtimeMs);
    expect(await reportOf(run.folder, run.work)).toEqual(run.report);
    expect(run.report.links.map(({ report }) => statSync(report ?? '').mtimeMs)).toEqual(results);
  });
});

const FAULTS: readonly {
  readonly id: string;
  readonly name: string;
  readonly plan: Partial<FleetPlan>;
  readonly place: (made: MadeFleet) => object;
}[] = [
  {
    id: 'fleet.host-deaf',
    name: 'deaf',
    plan: { faults: [deafHost(1, 6)] },
    place: ({ hosts }) => ({ kind: 'host', host: hosts[1]?.address, point: hosts[1]?.name }),
  },
  {
    id: 'fleet.network-filtered',
    name: 'vni',
    plan: { faults: [filteredNetwork(200, 5)] },
    place: () => ({ kind: 'network', network: 'vxlan 200' }),
  },
  {
    id: 'fleet.link-loss',
    name: 'link',
    plan: { faults: [lossyLink([0, 1], 0.08, 4)] },
    place: () => ({ kind: 'sites', sites: ['10.0.0.0/24', '10.0.1.0/24'] }),
  },
  {
    id: 'fleet.path-dead',
    name: 'bucket',
    plan: { faults: [badBucket(0, 1, 4, 3, 3)] },
    place: () => ({ kind: 'sites', from: '10.0.0.0/24', to: '10.0.1.0/24' }),
  },
  {
    id: 'fleet.mtu-odd',
    name: 'mtu',
    plan: { faults: [tooLarge(1500)], largeSegments: [2] },
    place: ({ hosts }) => ({ kind: 'host', host: hosts[2]?.address, point: hosts[2]?.name }),
  },
];

describe('docs/fleet.schema.json and docs/points.schema.json', () => {
  it('are current (npm run schema writes them)', () => {
    const committed = (name: string): string =>
      readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');
    expect(JSON.parse(committed('fleet.schema.json'))).toEqual(JSON.parse(fleetJsonSchema()));
    expect(JSON.parse(committed('points.schema.json'))).toEqual(JSON.parse(pointsJsonSchema()));
  });
});

describe('a fleet with a fault', () => {
  // One of them is judged at each run of `npm test`; each rule has its own tests beside it.
  const chosen = IS_WHOLE ? FAULTS : [FAULTS[new Date().getUTCDate() % FAULTS.length]];
  it.each(chosen.filter((one) => one !== undefined))(
    '$name: $id, in its place, since its second, and nothing else',
    async ({ id, name, plan, place }) => {
      const { report, made } = await runOf(name, { ...SMALL, ...plan, clockSeconds: (host) => host * 0.003 });
      expect(loud(report).map((one) => one.id)).toEqual([id]);
      const found = finding(report, id);
      expect(found.place).toMatchObject(place(made));
      const first = made.truth.get(name)?.firstSeconds ?? Number.NaN;
      expect(Math.abs(sinceOf(found, made) - first)).toBeLessThan(1);
    },
  );

  it.runIf(IS_WHOLE)('shares an address between two hosts', async () => {
    const { report, made } = await runOf('shared', {
      ...SMALL,
      peersPerHost: 2,
      sharedAddress: [1, 4],
      clockSeconds: () => 0,
    });
    expect(loud(report).map((one) => one.id)).toEqual(['fleet.address-shared']);
    expect(finding(report, 'fleet.address-shared').place).toMatchObject({
      address: SHARED_ADDRESS,
      hosts: [made.hosts[1]?.address, made.hosts[4]?.address],
    });
  });
});
