import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../src/report/report.js';

const golden = resolve(import.meta.dirname, '../captures/golden');

/** Findings of one capture that show, or say as a guess, what happens at the receiver. */
const SHOWN_AT_THE_RECEIVER = new Map([
  ['ike.natt-4500-local', 'the frames are marked as received by the host that captured'],
  ['tcp.arrived-not-acknowledged', 'the frames are marked as received by the host that captured'],
  ['tcp.data-missing', 'acknowledgments and SACK blocks of the receiver say what it lacks'],
  ['overlay.policy-reject', 'said as most likely, where the same host answers beside it'],
  ['vxlan.vni-mismatch', 'both directions are in the capture, and requests of both stay unanswered'],
]);

describe('kind: one capture proves what passed it, nothing else', () => {
  it('no finding of one capture says that packets arrive, but where that is shown', () => {
    const reports = readdirSync(golden).filter((file) => file.endsWith('.json'));
    expect(reports.length).toBeGreaterThan(100);
    for (const file of reports) {
      const { command, findings } = JSON.parse(readFileSync(join(golden, file), 'utf8')) as Report;
      if (command !== 'analyze') continue;
      for (const { id, title, explanation } of findings) {
        if (!SHOWN_AT_THE_RECEIVER.has(id)) expect(`${title}. ${explanation}`, file).not.toMatch(/\barriv/);
      }
    }
  });
});
