import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { analyzeSource } from '../../src/commands/run-analysis.js';
import type { Finding } from '../../src/report/report.js';
import { SAMPLE, sampleOf } from '../../test/sampling.js';
import { catalogue } from '../index.js';

const FILES_IN_SAMPLE = 25;

/* Captures of real links and of real faults, where they are at hand. */

const shared = resolve(import.meta.dirname, '../../../shared/captures');
const lab = join(shared, 'lab');
const real = join(shared, 'real');

async function loud(file: string): Promise<Finding[]> {
  const source = await openCaptureSource([file]);
  try {
    const { findings, errors } = await analyzeSource(source, catalogue, { threads: 0 });
    expect(errors.filter(({ where }) => where.includes('keepalive'))).toEqual([]);
    return findings.filter(({ id, severity }) => id.startsWith('keepalive.') && severity !== 'info');
  } finally {
    await source.close();
  }
}

const secondsOf = (time: string | null): number => Date.parse(time ?? '') / 1000;

describe.skipIf(!existsSync(lab))(`lab captures (${existsSync(lab) ? 'at hand' : 'not at hand'})`, () => {
  it('finds four lost keepalives where they were dropped', async () => {
    const findings = await loud(join(lab, 'keepalive-gap/b.pcapng'));
    expect(findings.map(({ id }) => id)).toEqual(['keepalive.gap']);
    const [{ first, last, counts, direction, where }] = findings;
    expect(counts.missed).toBe(4);
    expect(direction).toEqual({ from: '10.0.8.8', to: '10.0.8.1' });
    expect(where).toBe('path');
    expect(secondsOf(first)).toBeCloseTo(1_795_184_802.65, 1);
    expect(secondsOf(last)).toBeCloseTo(1_795_184_806.65, 1);
  });

  it.each(['a.pcap', 'b.pcap'])('finds the border router that stopped, in %s', async (file) => {
    const findings = await loud(join(lab, 'keepalive-br-stops', file));
    expect(findings.map(({ id }) => id)).toEqual(['keepalive.stopped']);
    expect(secondsOf(findings[0].first)).toBeCloseTo(1_795_184_809.1, 1);
    expect(findings[0].direction).toEqual({ from: '10.0.8.1', to: '10.0.8.8' });
  });

  const silent = [
    'keepalive-gap/a.pcap',
    'keepalive-gap/a-underlay.pcap',
    'keepalive-br-stops/a-underlay.pcap',
  ];
  const scenarios = existsSync(lab) ? readdirSync(lab) : [];
  const others = scenarios
    .filter((scenario) => !/keepalive-(gap|br-stops)/.test(scenario))
    .flatMap((scenario) =>
      readdirSync(join(lab, scenario))
        .filter((file) => /\.pcap(ng)?$/.test(file))
        .map((file) => `${scenario}/${file}`),
    );

  it('is silent on everything else', async () => {
    const alarms: string[] = [];
    for (const file of [...silent, ...sampleOf(others, FILES_IN_SAMPLE, 'keepalive lab')]) {
      for (const { id } of await loud(join(lab, file))) alarms.push(`${file}: ${id}`);
    }
    expect(alarms, SAMPLE).toEqual([]);
  }, 60_000);
});

/** Where streams without a format of their own are most likely. */
const PUBLIC_FOLDERS = ['07-vpn', '09-scion', '12-pairs'];

describe.skipIf(!existsSync(real))(
  `public captures (${existsSync(real) ? 'at hand' : 'not at hand'})`,
  () => {
    it('is silent on tunnels and links', async () => {
      const alarms: string[] = [];
      const files = PUBLIC_FOLDERS.flatMap((folder) =>
        readdirSync(join(real, folder)).map((name) => join(real, folder, name)),
      );
      for (const file of sampleOf(files, FILES_IN_SAMPLE, 'keepalive public')) {
        try {
          for (const { id } of await loud(file)) alarms.push(`${file}: ${id}`);
        } catch (error) {
          // Not every file of the collection is a capture.
          if (!(error instanceof Error) || error.name !== 'CaptureError') throw error;
        }
      }
      expect(alarms, SAMPLE).toEqual([]);
    }, 120_000);
  },
);
