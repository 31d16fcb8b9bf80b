import { describe, expect, it } from 'vitest';
import {
  APP_A,
  APP_B,
  CELL_B,
  innerConnection,
  innerPing,
  silkTraffic,
  TAG,
  VTEP_A,
  VTEP_B,
} from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE } from '../../captures/cases/sites.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { type Configuration, readConfiguration } from '../../src/side-files/configuration.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { factsIn, knowledge } from '../../test/build/side-knowledge.js';
import { catalogue, dissectors } from '../index.js';
import { type Container, readContainerStore } from './container-store-shape.js';
import counterOneWay from './diagnoses/counter-one-way.js';
import gbpUnknownTag from './diagnoses/gbp-unknown-tag.js';
import metadataMissing from './diagnoses/metadata-missing.js';
import portAccess from './diagnoses/port-access-unsupported.js';
import subnetOverlap from './diagnoses/subnet-overlap.js';
import tagIpMismatch from './diagnoses/tag-ip-mismatch.js';
import unknownContainer from './diagnoses/unknown-container.js';
import unknownVtep from './diagnoses/unknown-vtep.js';
import { type PolicyTags, readPolicyTags } from './policy-tags-shape.js';
import containerStores from './side-files/container-store.js';
import datapathOutputs, { type Datapath } from './side-files/datapath.js';
import policyAnswers from './side-files/policy-tags.js';
import zoneOutputs, { type TunnelZone } from './side-files/tunnel-zone.js';

const correlators = catalogue.flatMap((entry) => entry.correlators);
const { local, peer } = PUBLIC_SITE;

/** What the operator says. */
interface Said {
  readonly configuration?: Configuration;
  readonly policyTags?: PolicyTags;
  readonly containers?: readonly Container[];
  readonly tunnelZones?: readonly TunnelZone[];
  readonly datapaths?: readonly Datapath[];
}

async function judge(
  diagnosis: Diagnosis,
  said: Said,
  build: (t: Timeline) => void = silkTraffic,
  judgements: ReadonlyMap<string, readonly Judgement[]> = new Map(),
): Promise<Judgement[]> {
  const t = timeline(1_700_000_000_000_000_000n);
  build(t);
  const side = knowledge(said.configuration)
    .add(policyAnswers, said.policyTags ? [said.policyTags] : [])
    .add(containerStores, said.containers ?? [])
    .add(zoneOutputs, said.tunnelZones ?? [])
    .add(datapathOutputs, said.datapaths ?? []);
  const { evidence } = await runFrames(t.frames(), { dissectors, correlators }, undefined, side);
  return [...diagnosis.diagnose({ ...evidence, judgements })];
}

const results = (judgements: readonly Judgement[]): string[] => [
  ...new Set(judgements.map(({ result }) => result)),
];
const tagsOf = (...tags: (readonly [string, string])[]) =>
  readPolicyTags('tags.json', { tags: tags.map(([tag, id]) => ({ tag, id })) });
const storeOf = (...entries: (readonly [string, string | null])[]) =>
  readContainerStore(
    'store.json',
    Object.fromEntries(
      entries.map(([ip, group]) => [
        `on ${ip}`,
        { ip, metadata: group === null ? { app_id: 'app' } : { app_id: 'app', policy_group_id: group } },
      ]),
    ),
  );
const overlay = (networks: string[], endpoints: string[] = []) =>
  readConfiguration('config.json', { overlay: { networks, endpoints } }, { diagnoses: [], tunnelKinds: [] });

describe('without side files', () => {
  it.each([
    counterOneWay,
    gbpUnknownTag,
    metadataMissing,
    portAccess,
    subnetOverlap,
    tagIpMismatch,
    unknownContainer,
    unknownVtep,
  ])('$id says nothing about healthy traffic', async (diagnosis) =>
    expect(await judge(diagnosis, {})).toEqual([]),
  );
});

describe('vxlan.gbp-unknown-tag', () => {
  it('knows the tags that are listed', async () => {
    expect(results(await judge(gbpUnknownTag, { policyTags: tagsOf(['0003', 'front']) }))).toEqual([
      'healthy',
    ]);
  });

  it('doubts the list where no tag of the capture is in it', async () => {
    expect(await judge(gbpUnknownTag, { policyTags: tagsOf(['0007', 'other']) })).toMatchObject([
      { result: 'problem', confidence: 'low', subject: { tag: TAG } },
    ]);
  });
});

describe('silk.tag-ip-mismatch', () => {
  const policyTags = tagsOf(['0003', 'front']);

  it('agrees where the store does', async () => {
    const containers = storeOf([APP_A.address, 'front'], [APP_B.address, 'front']);
    expect(results(await judge(tagIpMismatch, { policyTags, containers }))).toEqual(['healthy']);
  });

  it('agrees where one of two stores does: the other is out of date', async () => {
    const containers = [...storeOf([APP_A.address, 'back']), ...storeOf([APP_A.address, 'front'])];
    expect(results(await judge(tagIpMismatch, { policyTags, containers }))).toEqual(['healthy']);
  });

  it('leaves containers alone that are unknown or without group', async () => {
    expect(await judge(tagIpMismatch, { policyTags, containers: storeOf([APP_A.address, null]) })).toEqual(
      [],
    );
  });

  it('names both apps', async () => {
    const [judgement] = await judge(tagIpMismatch, {
      policyTags,
      containers: storeOf([APP_A.address, 'back']),
    });
    expect(judgement).toMatchObject({ result: 'problem', subject: { address: APP_A.address, tag: TAG } });
    expect(judgement).toHaveProperty('explanation', expect.stringMatching(/front.*back/));
  });
});

describe('silk.unknown-container and silk.metadata-missing', () => {
  it('tell another cell from a stale file', async () => {
    const judgements = await judge(unknownContainer, { containers: storeOf([APP_A.address, 'front']) });
    expect(judgements).toMatchObject([
      { result: 'healthy', subject: { address: APP_A.address } },
      {
        result: 'problem',
        subject: { address: APP_B.address },
        explanation: expect.stringContaining('another cell'),
      },
    ]);
  });

  it('keep to the configured overlay', async () => {
    const containers = storeOf([APP_A.address, 'front']);
    const configuration = overlay(['10.255.82.0/24']);
    expect(results(await judge(unknownContainer, { containers, configuration }))).toEqual(['healthy']);
  });

  it('warn of missing metadata only where it shows', async () => {
    const silent = await judge(metadataMissing, { containers: storeOf(['10.255.82.72', null]) });
    expect(silent).toMatchObject([{ result: 'problem', severity: 'info', counts: { untaggedPackets: 0 } }]);
    const containers = storeOf(['10.255.82.72', null], [APP_B.address, 'front']);
    const sending = await judge(metadataMissing, { containers }, (t) => {
      innerPing(t, { ...APP_A, address: '10.255.82.72' }, APP_B, { at: 1, count: 3, identifier: 1 });
    });
    expect(sending).toMatchObject([
      { result: 'problem', severity: 'warning', counts: { untaggedPackets: 3 } },
      { result: 'healthy' },
    ]);
  });

  it('do not miss metadata of what is no app', async () => {
    const containers = readContainerStore('s', { task: { ip: '10.255.82.72', metadata: {} } });
    expect(await judge(metadataMissing, { containers })).toEqual([]);
  });
});

describe('vxlan.unknown-vtep', () => {
  const zone = (...addresses: string[]): Said => ({
    tunnelZones: factsIn(
      zoneOutputs,
      addresses.map((address, i) => `zone tz host host${i} address ${address}`),
    ),
  });

  it('takes members of a zone and of a configured network', async () => {
    expect(results(await judge(unknownVtep, zone(local.address, peer.address)))).toEqual(['healthy']);
    const configuration = overlay([], [local.address, '198.51.100.0/24']);
    expect(results(await judge(unknownVtep, { configuration }))).toEqual(['healthy']);
  });

  it('names the one that is none', async () => {
    expect(await judge(unknownVtep, zone(local.address, '203.0.113.1'))).toMatchObject([
      { result: 'problem', subject: { endpoints: [peer.address] } },
    ]);
  });

  it('does not judge another overlay by that list', async () => {
    expect(await judge(unknownVtep, zone('203.0.113.1', '203.0.113.2'))).toMatchObject([
      { result: 'insufficient-data' },
    ]);
  });
});

describe('overlay.subnet-overlap', () => {
  const inside = ['198.51.100.0/24'];

  it('is healthy where the networks are apart', async () => {
    expect(results(await judge(subnetOverlap, { configuration: overlay(['10.255.0.0/16']) }))).toEqual([
      'healthy',
    ]);
  });

  it('needs a symptom', async () => {
    const judgements = await judge(subnetOverlap, { configuration: overlay(inside) });
    expect(judgements).toMatchObject([{ result: 'healthy' }, { result: 'insufficient-data' }]);
  });

  it('takes the trouble of the endpoint for one, but no remark', async () => {
    const symptom = (severity: 'error' | 'info'): ReadonlyMap<string, readonly Judgement[]> => {
      const problem: Problem = {
        result: 'problem',
        subject: { kind: 'pair' },
        severity,
        confidence: 'medium',
        explanation: '',
        pair: [local.address, peer.address],
        first: { segment: 0, timeNs: 0 },
        last: { segment: 0, timeNs: 1 },
        ongoingAtEnd: true,
        counts: {},
        evidence: [],
        displayFilter: 'icmp',
      };
      return new Map([['underlay.ping-loss', [problem]]]);
    };
    const configuration = overlay(inside);
    const loud = await judge(subnetOverlap, { configuration }, silkTraffic, symptom('error'));
    expect(loud.map(({ result }) => result)).toEqual(['healthy', 'problem']);
    const quiet = await judge(subnetOverlap, { configuration }, silkTraffic, symptom('info'));
    expect(results(quiet)).not.toContain('problem');
  });

  it('is not deceived by inner packets to that address that are answered', async () => {
    const configuration = overlay(inside);
    const routed = { cell: CELL_B, address: peer.address, ttl: 64 };
    const judgements = await judge(subnetOverlap, { configuration }, (t) => {
      innerPing(t, VTEP_A, routed, { at: 1, count: 10, identifier: 1 });
      innerConnection(t, APP_A, APP_B, { at: 2, clientPort: 40_000, serverPort: 80 });
    });
    expect(results(judgements)).not.toContain('problem');
  });
});

describe('overlay.counter-one-way', () => {
  const dump = (rx: number, tx: number, drops = 0) =>
    factsIn(datapathOutputs, [
      `Port #2 "tnvxlan-overlay" VXLan Stats{rxPackets=${rx}, txPackets=${tx}, rxErrors=0, txErrors=0, rxDropped=${drops}, txDropped=0}`,
    ]);
  const vxlan = (t: Timeline): void => innerPing(t, VTEP_A, VTEP_B, { at: 1, count: 5, identifier: 1 });

  it.each([
    [dump(500, 400), ['healthy']],
    [dump(0, 0), []],
    [dump(0, 5), ['healthy']],
    [dump(0, 500), ['problem']],
    [dump(100_000, 100_000, 12), ['healthy']],
    [dump(500, 400, 60), ['problem']],
    [[...dump(100, 100), ...dump(100, 300)], ['problem']],
    [[...dump(0, 100), ...dump(90, 200)], ['healthy']],
  ])('judges %j', async (datapaths, expected) => {
    expect(results(await judge(counterOneWay, { datapaths }, vxlan))).toEqual(expected);
  });
});
