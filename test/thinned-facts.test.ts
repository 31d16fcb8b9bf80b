import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { judgeInput } from '../src/commands/judge-input.js';
import { runDiagnoses } from '../src/diagnose/run-diagnoses.js';
import { IS_WHOLE, SAMPLE, SEED, sampleOf } from './sampling.js';
import { halved, randomFrom, type Sessions, thinned, untimed, without } from './thinned-facts.js';

const folder = resolve(import.meta.dirname, '../captures');
const captures = readdirSync(folder).filter((name) => /\.pcap(ng)?$/.test(name));
const ROUNDS = IS_WHOLE ? 12 : 6;

describe(`no diagnosis throws on what is left of the sessions of a capture (${SAMPLE})`, () => {
  it.each(sampleOf(captures, 12, 'thinned facts'))('%s', async (name) => {
    const { sessions, quality } = await judgeInput(join(folder, name));
    const random = randomFrom(SEED);
    const faults: string[] = [];
    const judge = (left: Sessions, how: string): void => {
      for (const { where, message } of runDiagnoses(catalogue, left, quality).errors) {
        faults.push(`${how}: ${where}: ${message}`);
      }
    };
    for (const [correlator, list] of sessions) {
      if (list.length > 0) judge(without(sessions, correlator), `without those of ${correlator}`);
    }
    for (let round = 0; round < ROUNDS; round++) {
      judge(halved(sessions, random), 'half of the sessions');
      judge(untimed(sessions, random), 'frames without time');
      judge(thinned(sessions, random), 'shorter lists');
    }
    expect([...new Set(faults)]).toEqual([]);
  });
});
