import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import type { Report } from '../src/report/report.js';

/* Captures that broke something once, and what is right: skipped where they are not at hand. */

const folder = resolve(import.meta.dirname, '../../shared/captures/hostile');
const files = existsSync(folder) ? readdirSync(folder).filter((name) => /\.pcap(ng)?$/.test(name)) : [];

const reportOf = (name: string): Promise<Report> => analyze([join(folder, name)], { threads: 0 });
const idsOf = ({ findings }: Report): string[] => findings.map(({ id }) => id);

describe.skipIf(files.length === 0)('hostile captures (skipped without ../shared)', () => {
  it.each(files)('%s breaks no part', async (name) => {
    expect((await reportOf(name)).errors).toEqual([]);
  });

  it.each(['waiting', 'reduce'])('keep no proven stall from being told (%s)', async (kind) => {
    expect(idsOf(await reportOf(`ike-auth-failure-${kind}-empty.pcap`))).toContain('ike.auth-failure');
  });

  it.each(['ethernet-in-ethernet-65535', 'mpls-ethernet', 'ppi-linktype-65536', 'pktap-linktype-65536'])(
    'are not read for ever, and that is said (%s)',
    async (name) => {
      expect(idsOf(await reportOf(`${name}.pcap`))).toContain('capture.undissected');
    },
  );

  it('count no drops that nobody can have counted', async () => {
    const { captures } = await reportOf('pcapng-drops-unsafe-integer.pcapng');
    expect(captures[0].drops ?? null).toBeNull();
    expect(JSON.stringify(captures[0].skipped)).toContain('drop counts beyond belief');
  });
});
