import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/capture-builder.js';
import { MARK_NO_TIME, MARK_OUTBOUND } from './frame-marks.js';
import {
  looksLikeText,
  type TextCapture,
  type TextFormat,
  type TextPacket,
  type TextSection,
} from './text-capture.js';

/** Lines of `@SECONDS HEX`: packets, of which the text shows the beginning; `-` for no time. */
function dumpOf(format: TextFormat, mark: string): TextCapture {
  return {
    open() {
      const pattern = new RegExp(`^${mark}(\\d+|-) ([0-9a-f]+)$`);
      const lines: (RegExpExecArray | null)[] = [];
      return {
        take: (line) => lines.push(pattern.exec(line)) > 0 && pattern.test(line),
        end: () => sectionsOf(lines),
      };
    },
  };

  function sectionsOf(lines: readonly (RegExpExecArray | null)[]): TextSection[] {
    const packets = lines.flatMap((found): TextPacket[] =>
      found === null
        ? []
        : [
            {
              timeNs: found[1] === '-' ? null : BigInt(found[1]) * 1_000_000_000n,
              bytes: Uint8Array.from(Buffer.from(found[2], 'hex')),
              originalLength: 60,
              linkType: 101,
              interfaceName: mark === '@' ? null : 'eth0',
              direction: mark === '@' ? null : 'out',
            },
          ],
    );
    const leftOut = new Map([['lines of no packet', lines.length - packets.length]]);
    return packets.length === 0 ? [] : [{ format, packets, leftOut }];
  }
}
const dump = dumpOf('dump-text', '@');
const other = dumpOf('other-text', '%');
const TEXT = '@1700000000 4500\n@1700000001 45000014\nand so on';
const input = (text: string | Uint8Array, name = 'dump') => ({
  name,
  stream: Readable.from([Buffer.from(text)]),
});
const read = (text: string | Uint8Array, kinds = [dump, other], room = 1 << 20) =>
  readAll([input(text)], room, undefined, { captures: kinds, lines: [] });

describe('a text that is read as a capture', () => {
  it('gives the packets that its kind finds, with their lengths on the wire', async () => {
    const { source, frames } = await read(TEXT);
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
        skipped: new Map([['lines of no packet', 1]]),
      },
    ]);
    expect(source.texts).toEqual([{ file: 'dump', content: '\n\nand so on' }]);
  });

  it('may hold several kinds, each with a clock of its own', async () => {
    const { source, frames } = await read(`${TEXT}\n%3 4501\n%- 4502\n`);
    expect(source.captures[0]?.format).toBe('mixed-text');
    expect(frames.map(({ bytes, segment, timeNs, marks }) => [bytes, segment, timeNs, marks])).toEqual([
      ['4500', 0, 1_700_000_000_000_000_000n, 0],
      ['45000014', 0, 1_700_000_001_000_000_000n, 0],
      ['4501', 1, 3_000_000_000n, MARK_OUTBOUND],
      ['4502', 1, null, MARK_OUTBOUND | MARK_NO_TIME],
    ]);
    expect(source.interfaces.map(({ name }) => name)).toEqual([null, 'eth0']);
    expect(source.segments.map(({ clock }) => clock)).toEqual(['absolute', 'relative']);
  });

  it('is the same in chunks of any size', async () => {
    const text = Array.from(
      { length: 300 },
      (_, index) => `@${1_700_000_000 + index} ${'4500'.repeat(1 + (index % 9))}`,
    );
    const whole = await read(text.join('\n'));
    const pieces = await read(text.join('\n'), [dump], 256);
    expect(pieces.frames).toEqual(whole.frames);
    expect(whole.frames).toHaveLength(300);
  });

  it('may come in two-byte characters', async () => {
    const { frames } = await read(Buffer.from(`\ufeff${TEXT}`, 'utf16le'));
    expect(frames).toHaveLength(2);
  });

  it('yields no packet where nobody knows it', async () => {
    const { source, frames } = await read('what happened today');
    expect(frames).toEqual([]);
    expect(source.captures).toMatchObject([{ format: 'plain-text', frames: 0, damaged: [] }]);
  });

  it('is none where no kind is read, and where there are bytes that no text has', async () => {
    await expect(readAll([input(TEXT)])).rejects.toThrow('is not a capture file');
    await expect(read(`${TEXT}\0`)).rejects.toThrow('is not a capture file');
    expect(looksLikeText(Buffer.from('\u001b[31mred\u001b[0m → green\r\n'))).toBe(true);
    expect(looksLikeText(new Uint8Array())).toBe(false);
  });
});
