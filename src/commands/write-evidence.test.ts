import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openCaptureSource } from '../capture/file-source.js';
import { scratchChunk } from '../capture/input-file.js';
import { analyze } from './run-analysis.js';
import { compare } from './run-compare.js';
import { writeEvidence } from './write-evidence.js';

const captures = resolve(import.meta.dirname, '../../captures');
const file = (name: string): string => join(captures, name);
const folder = mkdtempSync(join(tmpdir(), 'capan-evidence-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tsharkMissing = spawnSync('tshark', ['--version']).status !== 0;

async function framesOf(
  path: string,
): Promise<{ bytes: string; timeNs: bigint; comments: readonly string[] }[]> {
  const source = await openCaptureSource([path]);
  const chunk = scratchChunk();
  const frames: { bytes: string; timeNs: bigint; comments: readonly string[] }[] = [];
  while (await source.fill(chunk)) {
    for (let index = 0; index < chunk.frameCount; index++) {
      const at = chunk.frames.offset[index];
      const bytes = Buffer.from(chunk.bytes.subarray(at, at + chunk.frames.capturedLength[index])).toString(
        'hex',
      );
      const timeNs = source.segments[chunk.segment].baseNs + BigInt(chunk.frames.timeNs[index]);
      frames.push({ bytes, timeNs, comments: source.captures[0].comments });
    }
  }
  await source.close();
  return frames;
}

describe('evidence', () => {
  it('holds every frame that a finding cites, byte for byte and at its time', async () => {
    const name = file('esp-one-way.pcap');
    const report = await analyze([name], { threads: 0 });
    const path = join(folder, 'one.pcapng');
    await writeEvidence(report, [name], { path, isFolder: false, contextSeconds: 1 });
    const original = await framesOf(name);
    const kept = await framesOf(path);
    const known = new Map(original.map((frame) => [`${frame.timeNs}`, frame.bytes]));
    for (const { timeNs, bytes } of kept) expect(known.get(`${timeNs}`)).toBe(bytes);
    const times = new Set(kept.map(({ timeNs }) => timeNs));
    for (const { evidence } of report.findings)
      for (const { frame } of evidence) expect(times.has(original[frame - 1].timeNs)).toBe(true);
    expect(kept.length).toBeLessThan(original.length);
  });

  it('more context is more of the tunnel, and none is the cited frames alone', async () => {
    const name = file('vxlan-no-return.pcap');
    const report = await analyze([name], { threads: 0 });
    const counts: number[] = [];
    for (const contextSeconds of [0, 2, 1000]) {
      const path = join(folder, `context-${contextSeconds}.pcapng`);
      await writeEvidence(report, [name], { path, isFolder: false, contextSeconds });
      counts.push((await framesOf(path)).length);
    }
    const cited = new Set(report.findings.flatMap(({ evidence }) => evidence.map(({ frame }) => frame)));
    expect(counts[0]).toBeGreaterThanOrEqual(cited.size);
    expect(counts[1]).toBeGreaterThan(counts[0]);
    expect(counts[2]).toBeGreaterThan(counts[1]);
  });

  it('a folder gets one file a finding', async () => {
    const name = file('vxlan-no-return.pcap');
    const report = await analyze([name], { threads: 0 });
    const path = join(folder, 'each');
    execFileSync('mkdir', [path]);
    await writeEvidence(report, [name], { path, isFolder: true, contextSeconds: 1 });
    const citing = report.findings.filter(({ evidence }) => evidence.length > 0);
    expect(readdirSync(path)).toEqual(citing.map(({ id }, index) => `${index + 1}-${id}.pcapng`));
  });

  it('says so where no finding cites a frame', async () => {
    const name = file('esp-healthy.pcap');
    const report = await analyze([name], { threads: 0 });
    const path = join(folder, 'none.pcapng');
    const said = await writeEvidence({ ...report, findings: [] }, [name], {
      path,
      isFolder: false,
      contextSeconds: 1,
    });
    expect(said).toContain('no evidence was written');
    expect(readdirSync(folder)).not.toContain('none.pcapng');
  });

  it.skipIf(tsharkMissing)('of both ends: frames of both, and tshark reads why each is there', async () => {
    const [a, b] = ['a', 'b'].map((side) => file(`paths/esp-loss/${side}.pcap`));
    const report = await compare([a], [b], { threads: 0 });
    const path = join(folder, 'both.pcapng');
    await writeEvidence(report, [a, b], { path, isFolder: false, contextSeconds: 0.5 });
    const fields = ['-T', 'fields', '-e', 'frame.interface_description', '-e', 'frame.comment'];
    const lines = execFileSync('tshark', ['-r', path, ...fields], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(/side [ab]: .*\[\d+\] [a-z0-9.-]+.*frame \d+ of /);
  });
});
