import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll } from '../../test/capture-builder.js';
import { runConvert } from './convert.js';
import { convertOptions } from './convert-options.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

const sample = new URL('../../captures/esp-healthy.pcap', import.meta.url).pathname;
let folder = '';
let messages: string[] = [];
const terminal: Terminal = {
  color: false,
  columns: null,
  write: () => Promise.resolve(),
  message: (line) => messages.push(line),
  progress: null,
  screen: null,
};
const convert = (captures: string[], output: string) => {
  messages = [];
  return runConvert({ captures, output, quiet: false }, terminal, new AbortController().signal);
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-convert-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('convert', () => {
  it('writes the very frames of a capture', async () => {
    const output = join(folder, 'out.pcapng');
    expect(await convert([sample], output)).toBe(0);
    const [before, after] = [await readAll([sample]), await readAll([output])];
    expect(after.frames).toEqual(before.frames);
    expect(after.source.captures[0]?.format).toBe('pcapng');
    expect(messages).toEqual([`${output}: ${before.frames.length} frames`]);
  });

  it('writes what a text says of packets, and leaves no file where that is nothing', async () => {
    const text = join(folder, 'paste.txt');
    writeFileSync(
      text,
      '2026-03-02 22:14:05.5 IP 10.0.0.1 > 10.0.0.2: ICMP\n\t0x0000:  4500 0014 0001 0000 4001\n',
    );
    const output = join(folder, 'text.pcapng');
    expect(await convert([text], output)).toBe(0);
    expect((await readAll([output])).frames).toMatchObject([
      {
        linkType: 101,
        bytes: '45000014000100004001',
        originalLength: 20,
        timeNs: 1_772_489_645_500_000_000n,
      },
    ]);
    writeFileSync(text, 'nothing of the kind');
    await expect(convert([text], join(folder, 'none.pcapng'))).rejects.toThrow('holds no packet');
    expect(readdirSync(folder).filter((name) => name.includes('none') || name.includes('partial'))).toEqual(
      [],
    );
  });

  it.skipIf(!existsSync('/dev/full'))('writes to a device as it is, and says that it is full', async () => {
    await expect(convert([sample], '/dev/full')).rejects.toThrow('cannot write /dev/full: no space left');
    expect(lstatSync('/dev/full').isCharacterDevice()).toBe(true);
    expect(await convert([sample], '/dev/null')).toBe(0);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('never writes over what it reads', async () => {
    const text = join(folder, 'own.txt');
    writeFileSync(text, 'unchanged');
    await expect(convert([text], text)).rejects.toThrow(UsageError);
    expect(readFileSync(text, 'utf8')).toBe('unchanged');
  });

  it('needs an input and a file', () => {
    expect(convertOptions({}, ['a', 'b', 'c'])).toEqual({ captures: ['a', 'b'], output: 'c', quiet: false });
    for (const words of [[], ['a'], ['a', '-'], ['a', '']]) {
      expect(() => convertOptions({}, words)).toThrow(UsageError);
    }
  });
});
