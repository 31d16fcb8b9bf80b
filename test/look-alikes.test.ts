import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { reportFrames } from './build/run-capture.js';
import { answers } from './look-alikes/answers.js';
import { tunnels } from './look-alikes/tunnels.js';
import { underlay } from './look-alikes/underlay.js';

const IDS = new Set(catalogue.flatMap(({ diagnoses = [] }) => diagnoses.map(({ id }) => id)));

describe('healthy look-alikes', () => {
  it.each([...answers, ...tunnels, ...underlay].map((one) => [one.id ?? 'any', one.shows, one] as const))(
    '%s: %s',
    async (_id, _shows, { id, build, allow = [], linkType }) => {
      const { findings } = await reportFrames(
        build()
          .frames()
          .map((frame) => ({ ...frame, ...(linkType ? { linkType } : {}) })),
        catalogue,
      );
      const loud = findings.filter(({ severity }) => severity === 'error' || severity === 'warning');
      expect(loud.map((finding) => finding.id).filter((one) => !allow.includes(one))).toEqual([]);
      if (id === null) return;
      expect([...IDS]).toContain(id);
      expect(findings.map((finding) => finding.id)).not.toContain(id);
    },
  );
});
