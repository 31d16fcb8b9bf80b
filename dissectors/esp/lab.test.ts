import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { udpencap } from '../udpencap/dissector.js';
import { espPairs } from './correlator.js';
import { esp } from './dissector.js';
import type { EspPair } from './session.js';
import { sasOf, spiText } from './shared/sa-pairs.js';

/*
 * Captures of real daemons with independent counts of every SA (truth.json). They do not ship with the project; where
 * they are missing, the test is skipped.
 */

const lab = resolve(import.meta.dirname, '../../../shared/captures/lab');
const scenarios = existsSync(lab) ? readdirSync(lab).filter((name) => /esp|ike/.test(name)) : [];

interface CountedSa {
  readonly packets: number;
  readonly distinct: number;
  readonly duplicates: number;
  readonly missing_inside: number;
  readonly seq_max: number;
}

/** By capture file, then by "address spi 0x…". */
function truthOf(scenario: string): Map<string, Map<string, CountedSa>> {
  const { facts } = JSON.parse(readFileSync(join(lab, scenario, 'truth.json'), 'utf8')) as {
    facts: Record<string, { esp?: Record<string, CountedSa> }>;
  };
  const counted = Object.entries(facts).filter(([file, { esp: sas }]) => /\.pcap/.test(file) && sas);
  return new Map(counted.map(([file, { esp: sas = {} }]) => [file, new Map(Object.entries(sas))]));
}

async function pairsOf(file: string): Promise<readonly EspPair[]> {
  const source = await openCaptureSource([file]);
  try {
    const { runner } = await runPipeline(source, [esp, udpencap], [espPairs], { threads: 0 });
    return (runner.sessions().get(espPairs.name) ?? []) as readonly EspPair[];
  } finally {
    await source.close();
  }
}

describe.skipIf(scenarios.length === 0)(
  'captures of real daemons (skipped where ../shared is missing)',
  () => {
    it.each(scenarios)('%s: every SA has the counts of the truth', async (scenario) => {
      for (const [file, counted] of truthOf(scenario)) {
        const sas = (await pairsOf(join(lab, scenario, file))).flatMap(sasOf);
        for (const [name, truth] of counted) {
          const [address, , spi] = name.split(' ');
          const found = sas.filter((sa) => spiText(sa.spi) === spi && sa.from === address);
          expect(found, `${file} ${name}`).toMatchObject([
            {
              packets: truth.packets,
              distinct: truth.distinct,
              duplicates: truth.duplicates ?? 0,
              missing: truth.missing_inside,
              highestSequence: truth.seq_max,
            },
          ]);
        }
      }
    });
  },
);
