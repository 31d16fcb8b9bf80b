import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue, textCaptures } from '../dissectors/index.js';
import { sectionsOfText } from '../src/capture/text-capture.js';
import { protocolsOfCatalogue } from '../src/correlate/known-protocols.js';
import { bareCommands } from '../src/side-files/bare-commands.js';
import { Reading } from '../src/side-files/read-side-files.js';
import { SideFileError } from '../src/side-files/side-file-error.js';
import { textFile } from '../src/side-files/text-file.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * Whoever writes a text decides what is repeated in it: every reader of texts takes time in proportion to its length, and to
 * that of its lines.
 */

const folder = resolve(import.meta.dirname, '../captures');
const SIZE = 1 << 15;
const LINE_SHORT = 500;
const LINE_LONG = 4090;
const LINES_SAMPLED = 2;
const PIECES_SAMPLED = 4;

const terms = {
  readers: catalogue.flatMap(({ sideFiles = [] }) => sideFiles),
  diagnoses: catalogue.flatMap(({ diagnoses }) => diagnoses),
  tunnelKinds: protocolsOfCatalogue(catalogue).tunnelKinds(),
};

async function refused(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SideFileError)) throw error;
  }
}

const WAYS: Readonly<Record<string, (text: string) => void | Promise<void>>> = {
  'a capture': (text) => {
    for (const { packets } of sectionsOfText(text, textCaptures)) for (const packet of packets) void packet;
  },
  'side files in a paste': (text) => new Reading(terms).takePaste('text', text),
  'a side file': (text) => new Reading(terms).take('text', text, null),
  'a topology': (text) => new Reading(terms).take('text', text, 'topology'),
  'a configuration': (text) => refused(new Reading(terms).take('text', text, 'config')),
  'bare commands': (text) => void bareCommands(textFile('text', text), terms.readers),
};

/** CPU of this process in milliseconds: other work on the machine does not count. */
async function spent(way: (text: string) => void | Promise<void>, text: string): Promise<number> {
  const from = process.cpuUsage();
  await way(text);
  return process.cpuUsage(from).user / 1000;
}

async function isInProportion(
  way: (text: string) => void | Promise<void>,
  less: string,
  more: string,
  factor: number,
): Promise<void> {
  // Margins are for collections of garbage; what grows with the square passes them by far at one of the sizes.
  for (let attempt = 1; ; attempt++) {
    const [once, twice] = [await spent(way, less), await spent(way, more)];
    if (twice <= factor * once + 60) return;
    if (attempt === 3)
      expect(twice, `${once} ms for ${less.length} characters`).toBeLessThan(factor * once + 60);
  }
}

const REPEATED: Readonly<Record<string, string>> = {
  newlines: '\n',
  blanks: ' ',
  tabs: '\t',
  'carriage returns': '\r',
  'one long line': 'a',
  digits: '0\n',
  quotes: '> ',
  'quoted lines': '> > >\n',
  fences: '```\n',
  colours: '\u001b[0m',
  escapes: '\u001b]',
  entities: '&gt;',
  'opening braces': '{',
  'opening braces in lines': '{\n',
  'opening brackets in lines': '[[\n',
  'objects in objects': '{"a":\n',
  objects: '{"a":1}\n',
  'closing braces': '}\n',
  strings: '"',
  prompts: 'root@host:~# ',
  commands: '$ tcpdump -n\n',
};

const repeated = (piece: string, length: number): string =>
  piece.repeat(Math.ceil(length / piece.length)).slice(0, length);

describe(`time in proportion to the length of a text (${SAMPLE})`, () => {
  it.each(sampleOf(Object.entries(REPEATED), PIECES_SAMPLED, 'pieces of texts'))('%s', async (_, piece) => {
    for (const way of Object.values(WAYS)) {
      await isInProportion(way, repeated(piece, SIZE), repeated(piece, 2 * SIZE), 2.6);
    }
  });
});

/** Lines of samples: what the readers know. */
const LINES = [
  ...new Set(
    ['.', 'side-files'].flatMap((name) =>
      readdirSync(join(folder, name))
        .filter((file) => /\.(?:txt|log)$/.test(file))
        .flatMap((file) => readFileSync(join(folder, name, file), 'utf8').split('\n')),
    ),
  ),
].filter((line) => line.trim() !== '' && line.length < LINE_SHORT / 2);

/** The line with one of its tokens, or a pair, so often that it has `length` characters: it almost matches. */
function stretched(line: string, at: number, token: string, length: number): string {
  const count = Math.max(1, Math.floor((length - line.length) / token.length));
  const long = `${line.slice(0, at)}${token.repeat(count)}${line.slice(at + token.length)}\n`;
  return repeated(long, SIZE);
}

describe(`time in proportion to the length of lines (${SAMPLE})`, () => {
  it.each(sampleOf(LINES, LINES_SAMPLED, 'lines of readers'))('%j', async (line) => {
    for (const way of [WAYS['a capture'], WAYS['side files in a paste'], WAYS['bare commands']]) {
      await isInProportion(way, repeated(`${line}\n`, SIZE), repeated(`${line}\n`, 2 * SIZE), 2.6);
      for (const { 0: token, index } of line.matchAll(/\s+|\w+|[^\w\s]/g)) {
        await isInProportion(
          way,
          stretched(line, index, token, LINE_SHORT),
          stretched(line, index, token, LINE_LONG),
          2.6,
        );
      }
    }
  });
});
