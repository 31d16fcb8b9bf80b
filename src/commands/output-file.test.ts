import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WholeFile, writeOutputFile } from './output-file.js';

const FULL = '/dev/full';
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-output-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a file that is written whole', () => {
  it('takes its name at the end, and the permissions of the one before', () => {
    const path = join(folder, 'report.txt');
    writeFileSync(path, 'before', { mode: 0o600 });
    const file = new WholeFile(path);
    file.write(Buffer.from('after'));
    expect(readFileSync(path, 'utf8')).toBe('before');
    file.complete();
    file.abandon();
    expect(readFileSync(path, 'utf8')).toBe('after');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['report.txt']);
  });

  it('leaves what stood there where it is given up', () => {
    const path = join(folder, 'report.txt');
    writeFileSync(path, 'before');
    const file = new WholeFile(path);
    file.write(Buffer.from('half'));
    file.abandon();
    expect(readFileSync(path, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['report.txt']);
  });

  it('replaces what a link names, not the link', () => {
    const path = join(folder, 'report.txt');
    const link = join(folder, 'link');
    writeFileSync(path, 'before');
    symlinkSync(path, link);
    writeOutputFile(link, ['after']);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('after');
  });

  it.skipIf(!existsSync(FULL))('writes to a device as it is, and says in one line that it is full', () => {
    expect(() => writeOutputFile(FULL, ['text'])).toThrow(
      'cannot write the report to /dev/full: no space left',
    );
    expect(lstatSync(FULL).isCharacterDevice()).toBe(true);
  });
});
