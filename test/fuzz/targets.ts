import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { CaptureError } from '../../src/capture/capture-error.js';
import { analyze } from '../../src/commands/run-analysis.js';
import { compare } from '../../src/commands/run-compare.js';
import type { Report } from '../../src/report/report.js';
import type { SideFilePaths } from '../../src/side-files/read-side-files.js';
import { SideFileError } from '../../src/side-files/side-file-error.js';
import { writePcap } from '../build/capture-file.js';
import { readFrames } from '../build/read-frames.js';
import { type Mutation, mutateBytes, mutateFrames } from './mutations.js';
import { assertSound } from './sound.js';

/*
 * What is fuzzed: each target takes bytes, as it would from an attacker, and throws where what comes of them is not
 * sound. Seeds are the captures and texts that ship.
 */

export interface Target {
  readonly name: string;
  /** Names of its seeds, for a choice of one. */
  readonly seeds: readonly string[];
  /** A seed with these changes. */
  input(seed: string, changes: readonly Mutation[]): Promise<Uint8Array>;
  /** @throws Error that says what is not sound. */
  run(bytes: Uint8Array): Promise<void>;
}

const captures = resolve(import.meta.dirname, '../../captures');
const named = (folder: string, pattern: RegExp): readonly string[] =>
  readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort();
const PLAIN = /\.pcap$/;
/** So little is held that an input of a few kilobytes goes through several rounds. */
const SMALL_CHUNK = 1 << 14;

const scratch = mkdtempSync(join(tmpdir(), 'capan-fuzz-'));

function streamOf(bytes: Uint8Array, name = 'fuzzed') {
  return { name, stream: Readable.from([Buffer.from(bytes)]) };
}

/** What cannot be read at all is refused in one line; that is sound as well. */
async function judged(work: () => Promise<Report>): Promise<void> {
  let report: Report;
  try {
    report = await work();
  } catch (error) {
    if (!(error instanceof CaptureError || error instanceof SideFileError)) throw error;
    if (error.message.includes('\n')) throw new Error(`refused in more than a line: ${error.message}`);
    return;
  }
  await assertSound(report);
}

const analyzed = (bytes: Uint8Array): Promise<void> =>
  judged(() => analyze([streamOf(bytes)], { threads: 0, chunkBytes: SMALL_CHUNK }));

/** Any byte of the file may change: of its headers, records and packets. */
function fileTarget(name: string, folder: string, pattern: RegExp): Target {
  return {
    name,
    seeds: named(folder, pattern),
    input: async (seed, changes) => mutateBytes(readFileSync(join(folder, seed)), changes),
    run: analyzed,
  };
}

/** The file stays whole, and the packets of one protocol change, get lost, come again and late. */
function packetTarget(protocol: string): Target {
  return {
    name: `packets/${protocol}`,
    seeds: named(captures, PLAIN).filter((name) => name.startsWith(`${protocol}-`)),
    async input(seed, changes) {
      const { frames, linkType } = await readFrames(join(captures, seed));
      return writePcap(mutateFrames(frames, changes), { linkType, nanoseconds: true });
    },
    run: analyzed,
  };
}

/** Texts beside a capture, given by this option. */
function sideFileTarget(name: string, pattern: RegExp, paths: (path: string) => SideFilePaths): Target {
  const folder = join(captures, 'side-files');
  const capture = join(captures, 'esp-healthy.pcap');
  return {
    name,
    seeds: named(folder, pattern),
    input: async (seed, changes) => mutateBytes(readFileSync(join(folder, seed)), changes),
    run: (bytes) =>
      judged(() => {
        const path = join(scratch, 'side-file');
        writeFileSync(path, bytes);
        return analyze([capture], { threads: 0, chunkBytes: SMALL_CHUNK, sideFiles: paths(path) });
      }),
  };
}

/** One end of a path as it is, named by a byte, and the other one changed. */
function twoEndsTarget(): Target {
  const seeds = named(captures, PLAIN);
  return {
    name: 'compare',
    seeds,
    async input(seed, changes) {
      const { frames, linkType } = await readFrames(join(captures, seed));
      const changed = writePcap(mutateFrames(frames, changes), { linkType, nanoseconds: true });
      return new Uint8Array(Buffer.concat([Buffer.from([seeds.indexOf(seed)]), changed]));
    },
    run: (bytes) =>
      judged(() => {
        const own = readFileSync(join(captures, seeds[(bytes[0] ?? 0) % seeds.length]));
        const options = { threads: 0, chunkBytes: SMALL_CHUNK };
        return compare([streamOf(own, 'a')], [streamOf(bytes.subarray(1), 'b')], options);
      }),
  };
}

const protocols = [...new Set(named(captures, PLAIN).map((name) => name.replace(/-.*$/s, '')))];

export const targets: readonly Target[] = [
  fileTarget('pcap', captures, PLAIN),
  fileTarget('pcapng', captures, /\.pcapng$/),
  fileTarget('texts', captures, /\.txt$/),
  sideFileTarget('side-files', /\.(txt|log)$/, (path) => ({ log: [path] })),
  sideFileTarget('configuration', /\.(json|ya?ml)$/, (path) => ({ config: path })),
  twoEndsTarget(),
  ...protocols.map(packetTarget),
].filter(({ seeds }) => seeds.length > 0);
