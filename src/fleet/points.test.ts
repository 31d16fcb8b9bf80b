import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findPoints, pointNameOf } from './points.js';

const root = mkdtempSync(join(tmpdir(), 'capan-points-'));
afterAll(() => rmSync(root, { recursive: true }));

function folderWith(name: string, ...files: string[]): string {
  for (const file of files) {
    mkdirSync(join(root, name, file, '..'), { recursive: true });
    writeFileSync(join(root, name, file), 'x');
  }
  return join(root, name);
}

function pointsIn(folder: string, ...inputs: string[]): [string, string[]][] {
  return findPoints(inputs).map(({ name, files }) => [
    name,
    files.map((file) => file.replace(`${folder}/`, '')),
  ]);
}

describe('the name of a place', () => {
  it.each([
    ['cell-7_00001_20251009085320.pcapng', 'cell-7'],
    ['cell-7_eth0.pcap', 'cell-7_eth0'],
    ['node1.pcap3', 'node1'],
    ['node1.pcap12.gz', 'node1'],
    ['node1-2025-10-09_08:53:20.pcap', 'node1'],
    ['node1-20251009-085320.pcap.zst', 'node1'],
    ['tier-frontend-cali0ab_1760000000.pcap', 'tier-frontend-cali0ab'],
    // A number before the suffix counts hosts as well as files.
    ['host-2.pcap', 'host-2'],
    ['10.0.3.7.pcap', '10.0.3.7'],
  ])('%s is %s', (file, name) => {
    expect(pointNameOf(file)).toBe(name);
  });
});

describe('points', () => {
  it('are the files of one name in a folder, whatever rotation adds', () => {
    const folder = folderWith(
      'ring',
      'a_00002_20251009085420.pcapng',
      'a_00001_20251009085320.pcapng',
      'b.pcap',
    );
    expect(pointsIn(folder, folder)).toEqual([
      ['a', ['a_00001_20251009085320.pcapng', 'a_00002_20251009085420.pcapng']],
      ['b', ['b.pcap']],
    ]);
  });

  it('have the name of their folder where that holds one place', () => {
    const folder = folderWith(
      'hosts',
      'h1/cap.pcap0',
      'h1/cap.pcap1',
      'h2/cap.pcap',
      'h3/eth0.pcap',
      'h3/eth1.pcap',
    );
    expect(pointsIn(folder, folder)).toEqual([
      ['h1', ['h1/cap.pcap0', 'h1/cap.pcap1']],
      ['h2', ['h2/cap.pcap']],
      ['h3/eth0', ['h3/eth0.pcap']],
      ['h3/eth1', ['h3/eth1.pcap']],
    ]);
  });

  it('are found by patterns, and a file that is named twice counts once', () => {
    const folder = folderWith('glob', 'r1/x.pcap', 'r2/y.pcap', 'r2/notes.txt');
    const found = [
      ['x', ['r1/x.pcap']],
      ['y', ['r2/y.pcap']],
    ];
    expect(pointsIn(folder, `${folder}/**/*.pcap`, `${folder}/r?/x.pcap`)).toEqual(found);
  });

  it('with one name in two folders keep apart', () => {
    const folder = folderWith('twice', 'r1/x.pcap', 'r2/x.pcap');
    expect(
      pointsIn(folder, join(folder, 'r1/x.pcap'), join(folder, 'r2/x.pcap')).map(([name]) => name),
    ).toEqual(['r1/x', 'r2/x']);
  });

  it('need captures', () => {
    const folder = folderWith('none', 'notes.txt');
    expect(() => findPoints([folder])).toThrow(/hold captures/);
    expect(() => findPoints([`${folder}/*.pcap`])).toThrow(/no file has a name/);
    expect(() => findPoints([join(folder, 'absent.pcap')])).toThrow(/cannot be read/);
  });
});
