import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SAMPLE_CAPTURES } from '../../captures/cases/all.js';
import { catalogue } from '../../dissectors/index.js';
import type { Finding, Report } from '../report/report.js';
import { type DiagnosisMetadata, EVIDENCE_FACTS, type EvidenceFact } from './diagnosis-metadata.js';

const golden = resolve(import.meta.dirname, '../../captures/golden');
const diagnoses = new Map(
  catalogue.flatMap((entry) => entry.diagnoses.map((one): [string, DiagnosisMetadata] => [one.id, one])),
);
const withRules = [...diagnoses.values()].filter(({ ruledOut }) => ruledOut !== undefined);

function gone(id: string, fact: EvidenceFact): readonly string[] {
  return diagnoses.get(id)?.ruledOut?.[fact] ?? [];
}

/** Causes and steps of a finding that a fact has ruled out, though others are left. */
function stillListed({ id, causes, nextSteps }: Finding, fact: EvidenceFact): string[] {
  return [causes, nextSteps].flatMap((texts) => {
    const out = texts.filter((text) => gone(id, fact).some((beginning) => text.startsWith(beginning)));
    return out.length < texts.length ? out : [];
  });
}

describe('causes and steps that evidence rules out', () => {
  it.each(withRules.map((one) => [one.id, one] as const))('of %s are ones that it has', (_, one) => {
    for (const beginning of Object.values(one.ruledOut ?? {}).flat()) {
      const texts = [...one.causes, ...one.nextSteps].filter((text) => text.startsWith(beginning));
      expect(texts, beginning).toHaveLength(1);
    }
  });

  it.each(withRules.map((one) => [one.id, one] as const))('of %s leave a cause for each fact', (_, one) => {
    for (const fact of Object.keys(EVIDENCE_FACTS) as EvidenceFact[]) {
      const left = one.causes.filter((text) => !gone(one.id, fact).some((out) => text.startsWith(out)));
      expect(left.length, fact).toBeGreaterThan(0);
    }
  });

  it('are in no finding of a sample capture whose report shows the fact', () => {
    for (const { file } of SAMPLE_CAPTURES) {
      const report = JSON.parse(readFileSync(join(golden, `${file}.json`), 'utf8')) as Report;
      for (const finding of report.findings) {
        if (finding.lastGood) expect(stillListed(finding, 'worked-before'), file).toEqual([]);
      }
    }
  });
});
