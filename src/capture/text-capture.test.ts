import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/capture-builder.js';
import { openCaptureSource } from './file-source.js';
import type { TextCapture } from './text-capture.js';

/** Lines of `@SECONDS HEX`: frames, of which the text shows the beginning. */
const dump: TextCapture = {
  format: 'dump-text',
  recognises: (head) => head.startsWith('@'),
  read(text) {
    const lines = text.split('\n').flatMap((line) => {
      const [, seconds, hex] = /^@(\d+) ([0-9a-f]+)$/.exec(line) ?? [];
      return seconds === undefined || hex === undefined ? [] : [{ seconds, hex }];
    });
    return {
      linkType: 101,
      frames: lines.map(({ seconds, hex }) => ({
        timeNs: BigInt(seconds) * 1_000_000_000n,
        bytes: Uint8Array.from(Buffer.from(hex, 'hex')),
        originalLength: 60,
      })),
      leftOut: new Map([
        ['lines of no frame', text.split('\n').length - lines.length],
        ['nothing', 0],
      ]),
    };
  },
};
const TEXT = '@1700000000 4500\n@1700000001 45000014\nand so on';
const input = (text: string) => [{ name: 'dump', stream: Readable.from([Buffer.from(text)]) }];

describe('a text that is read as a capture', () => {
  it('gives the frames that its kind finds, with their lengths on the wire', async () => {
    const { source, frames } = await readAll(input(TEXT), undefined, undefined, [dump]);
    expect(frames.map(({ bytes, originalLength }) => [bytes, originalLength])).toEqual([
      ['4500', 60],
      ['45000014', 60],
    ]);
    expect(source.captures).toMatchObject([
      {
        format: 'dump-text',
        linkTypes: [101],
        frames: 2,
        bytes: TEXT.length,
        clock: 'absolute',
        skipped: new Map([['lines of no frame', 1]]),
      },
    ]);
  });

  it('is no capture where nobody recognises it', async () => {
    await expect(openCaptureSource(input(TEXT))).rejects.toThrow('is not a capture file');
    await expect(openCaptureSource(input(`x${TEXT}`), [dump])).rejects.toThrow('is not a capture file');
  });
});
