import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { analyzeSource } from '../../src/commands/run-analysis.js';
import type { Report } from '../../src/report/report.js';
import { catalogue } from '../index.js';

/* Public captures of SCION, and lab captures of look-alikes, where they are at hand. */

const captures = resolve(import.meta.dirname, '../../../shared/captures');
const isAtHand = existsSync(captures);

async function analyze(file: string): Promise<Report> {
  const source = await openCaptureSource([join(captures, file)]);
  try {
    return await analyzeSource(source, catalogue, { threads: 0 });
  } finally {
    await source.close();
  }
}

function filesOf(folder: string, pattern: RegExp): string[] {
  if (!isAtHand) return [];
  return readdirSync(join(captures, folder))
    .filter((name) => pattern.test(name))
    .map((name) => `${folder}/${name}`);
}

describe.skipIf(!isAtHand)(`captures (${isAtHand ? 'at hand' : 'not at hand'})`, () => {
  it('of routers and hosts are read, and nothing is wrong with them', async () => {
    const files = [
      ...filesOf('real/12-pairs', /^netsys-lab/),
      ...filesOf('real/09-scion', /^lschulz.*\.pcap$/),
    ];
    expect(files.length).toBe(7);
    for (const file of files) {
      const { tunnels, findings, captures: read } = await analyze(file);
      const links = tunnels.filter(({ kind }) => kind === 'scion');
      const packets = links
        .flatMap(({ directions }) => directions)
        .reduce((sum, one) => sum + one.packets, 0);
      expect(packets, file).toBe(read[0].frames);
      expect(
        findings.filter(({ id }) => id.startsWith('scion.')),
        file,
      ).toEqual([]);
    }
  });

  it('of keepalives without a SCION header are left to those without a format', async () => {
    for (const file of ['lab/keepalive-healthy/a.pcap', 'lab/keepalive-gap/b.pcapng']) {
      const { tunnels, findings } = await analyze(file);
      expect(
        tunnels.filter(({ kind }) => kind === 'scion'),
        file,
      ).toEqual([]);
      expect(
        findings.filter(({ id }) => id.startsWith('scion.')),
        file,
      ).toEqual([]);
    }
  });
});
