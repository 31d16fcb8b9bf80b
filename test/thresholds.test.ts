import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_CAPTURES } from '../captures/cases/all.js';
import { catalogue, dissectors } from '../dissectors/index.js';
import { analyze } from '../src/commands/run-analysis.js';
import { protocolsOfCatalogue } from '../src/correlate/known-protocols.js';
import { adjustableThresholds, type Configuration } from '../src/side-files/configuration.js';
import { configurationJsonSchema } from '../src/side-files/configuration-schema.js';
import { NO_SIDE_KNOWLEDGE } from '../src/side-files/side-knowledge.js';
import { runBytes } from './build/run-bytes.js';

const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
const root = resolve(import.meta.dirname, '..');
const sample = (file: string): string => join(root, 'captures', file);

const EMPTY: Configuration = {
  file: 'spy',
  thresholds: new Map(),
  names: [],
  local: [],
  overlayNetworks: [],
  overlayEndpoints: [],
  ipsec: [],
  expectedTraffic: [],
  expectedTunnels: [],
};

/** Notes which thresholds are asked for. */
class AskedThresholds extends Map<string, ReadonlyMap<string, number>> {
  readonly asked = new Set<string>();

  override get(id: string): ReadonlyMap<string, number> {
    const { asked } = this;
    return new (class extends Map<string, number> {
      override get(name: string): undefined {
        asked.add(`${id} ${name}`);
        return undefined;
      }
    })();
  }
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-thresholds-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function configured(value: unknown): {
  readonly sideFiles: { readonly config: string };
  readonly threads: 0;
} {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify(value));
  return { sideFiles: { config }, threads: 0 };
}

describe('thresholds of a configuration', () => {
  it('are read by every diagnosis that calls them adjustable', async () => {
    const adjustable = diagnoses.filter(({ thresholds }) => adjustableThresholds(thresholds).length > 0);
    const correlators = catalogue.flatMap((entry) => entry.correlators);
    const thresholds = new AskedThresholds();
    for (const { write } of SAMPLE_CAPTURES) {
      const { evidence } = await runBytes([write()], { dissectors, correlators });
      const side = { ...NO_SIDE_KNOWLEDGE, configuration: { ...EMPTY, thresholds } };
      for (const diagnosis of adjustable) [...diagnosis.diagnose({ ...evidence, side })];
    }
    // These two look at side files before they look at thresholds.
    const needSideFiles = ['expect.no-traffic', 'overlay.counter-one-way'];
    const never = adjustable
      .filter(({ id }) => !needSideFiles.includes(id))
      .flatMap(({ id, thresholds: own }) => adjustableThresholds(own).map(([name]) => `${id} ${name}`))
      .filter((one) => !thresholds.asked.has(one));
    expect(adjustable.length).toBeGreaterThan(8);
    expect(never).toEqual([]);
  });

  it('change the verdict, and the report says which values were used', async () => {
    const usual = await analyze([sample('esp-loss.pcap')], { threads: 0 });
    expect(usual.findings.find(({ id }) => id === 'esp.loss')?.thresholds).toMatchObject({
      warningPercent: 1,
    });
    const tolerant = {
      thresholds: { 'esp.loss': { warningPercent: 10, errorPercent: 20, burstPackets: 100 } },
    };
    const silenced = await analyze([sample('esp-loss.pcap')], configured(tolerant));
    expect(silenced.findings.map(({ id }) => id)).not.toContain('esp.loss');
    expect(silenced.checked.find(({ id }) => id === 'esp.loss')?.result).toBe('healthy');
    const strict = await analyze(
      [sample('esp-loss.pcap')],
      configured({ thresholds: { 'esp.loss': { errorPercent: 2 } } }),
    );
    expect(strict.findings.find(({ id }) => id === 'esp.loss')).toMatchObject({
      severity: 'error',
      thresholds: { errorPercent: 2, warningPercent: 1 },
    });
  });

  it('apply to expectations and counters too', async () => {
    const window = { thresholds: { 'expect.no-traffic': { window: 600 } } };
    const expectation = { expect: [{ from: '198.51.100.7', protocol: 'tcp', port: 61_005 }] };
    const loud = await analyze([sample('expect-no-traffic.pcap')], configured(expectation));
    expect(loud.findings.map(({ id }) => id)).toEqual(['expect.no-traffic']);
    const report = await analyze(
      [sample('expect-no-traffic.pcap')],
      configured({ ...expectation, ...window }),
    );
    expect(report.checked.find(({ id }) => id === 'expect.no-traffic')).toMatchObject({
      result: 'insufficient-data',
      reason: expect.stringContaining('capture for at least 600 s'),
    });
  });
});

describe('docs/configuration.schema.json', () => {
  it('is current (npm run schema writes it)', () => {
    const committed = readFileSync(join(root, 'docs/configuration.schema.json'), 'utf8');
    expect(JSON.parse(committed)).toEqual(
      JSON.parse(configurationJsonSchema(diagnoses, protocolsOfCatalogue(catalogue).tunnelKinds())),
    );
  });
});
