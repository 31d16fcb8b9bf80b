// Opens one input: recognises it, decompresses it and puts the reader of its format on it.
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ByteFeed } from './byte-feed.js';
import {
  inputFileOf,
  MemoryByteSource,
  openByteSource,
  StreamByteSource,
  whyUnreadable,
} from './byte-source.js';
import { CaptureError } from './capture-error.js';
import { addDamage, newCaptureFacts } from './capture-facts.js';
import { CaptureFileReader } from './capture-file-reader.js';
import type { CaptureFacts, CaptureInterface, TimeSegment } from './capture-source.js';
import { type FrameChunk, frameIndexByteLength, frameIndexOver } from './chunk.js';
import type { decompress } from './decompress.js';
import {
  type CaptureFormat,
  looksLikeCapture,
  refusalOf,
  SNIFF_LENGTH,
  sniffCompression,
  sniffFormat,
} from './format-sniffer.js';
import { PCAP_HEADER_LENGTH, readPcapHeader } from './pcap-header.js';
import { PcapReader } from './pcap-reader.js';
import { PcapngReader } from './pcapng-reader.js';
import { SegmentClock, type SequenceEnd } from './segment-clock.js';
import { looksLikeText, readText, TEXT_LENGTH_MAX, type TextCatalogue } from './text-capture.js';
import { TextReader, TextRecordSource } from './text-records.js';

/** A path (`-`: standard input; a directory: its capture files), or bytes that come from elsewhere. */
export type CaptureInput = string | { readonly name: string; readonly stream: AsyncIterable<Uint8Array> };

/** Enough of a file to tell the layout of its records. */
const HEAD_LENGTH = 4096;
/** What is read of a pipe to learn when it begins. */
const PIPE_HEAD_LENGTH = 256 * 1024;
/** Takes three frames of any ordinary link type, as many as a reader holds. */
const SCRATCH_BYTES = 1 << 20;
const SCRATCH_FRAMES = 4096;
/** Files that a message names of a directory without captures. */
const LEFT_OUT_NAMED_MAX = 3;
/** Rows asked for at a time to learn when a file begins. */
const PEEK_FRAMES = 64;

/** One file, pipe or stream. */
export class InputFile {
  /** Bytes as stored, or null for pipes. */
  readonly size: number | null;
  /** When its first frame was taken; null until `peek`, or where no frame has a time. */
  firstTimeNs: bigint | null = null;
  hasFrames = true;
  /** False for compressed bytes that turned out to be no capture. */
  recognised = true;
  /** Of an input that is a text, once it was opened: what of it is no packet, which may be what else is known of them. */
  text: string | null = null;
  /** The feed of an input that can be opened only once. */
  private feed: ByteFeed | null = null;

  constructor(
    readonly name: string,
    private readonly stream: AsyncIterable<Uint8Array> | null,
    readonly fromDirectory: boolean,
    private readonly texts: TextCatalogue,
  ) {
    this.size = stream === null ? inputFileOf(name).size : null;
  }

  /** Whether the input can be read a second time. */
  get reopens(): boolean {
    return this.size !== null && this.name !== '-';
  }

  /**
   * Opens the input for reading.
   * @throws CaptureError where it is no capture that can be read
   */
  async open(target: ReaderTarget): Promise<CaptureFileReader> {
    const feed = await this.openFeed();
    try {
      return await openReader(feed, this, target, this.texts);
    } catch (error) {
      feed.close();
      throw error;
    }
  }

  /**
   * Learns when the input begins without consuming it.
   * @throws CaptureError where it is no capture that can be read
   */
  async peek(): Promise<void> {
    const feed = this.reopens ? await this.openFeed() : await this.headOfPipe();
    const target = scratchTarget(this.name);
    let reader: CaptureFileReader | null = null;
    try {
      reader = await openReader(feed, this, target, this.texts);
      const chunk = scratchChunk();
      while (target.facts.firstTimeNs === null && !reader.ended) await reader.fill(chunk, PEEK_FRAMES);
    } finally {
      (reader ?? feed).close();
    }
    this.firstTimeNs = target.facts.firstTimeNs;
    this.hasFrames = target.facts.frames > 0;
  }

  private async openFeed(): Promise<ByteFeed> {
    if (this.feed !== null) return this.feed;
    const { name, size, stream } = this;
    const source =
      stream === null ? await openByteSource({ path: name, size }) : new StreamByteSource(stream);
    const feed = new ByteFeed(source);
    if (!this.reopens) this.feed = feed;
    return feed;
  }

  private async headOfPipe(): Promise<ByteFeed> {
    const feed = await this.openFeed();
    await feed.ensure(PIPE_HEAD_LENGTH);
    if (this.texts.captures.length > 0 && isText(feed.heldBytes())) await feed.ensure(TEXT_LENGTH_MAX + 1);
    return new ByteFeed(new MemoryByteSource(feed.heldBytes().slice()));
  }
}

/** Where a reader puts what it finds. */
export interface ReaderTarget {
  readonly facts: CaptureFacts;
  readonly captureIndex: number;
  readonly interfaces: CaptureInterface[];
  readonly segments: TimeSegment[];
  readonly previousEnd: SequenceEnd | null;
}

/** A target whose findings are thrown away. */
export function scratchTarget(file: string): ReaderTarget {
  return { facts: newCaptureFacts(file), captureIndex: 0, interfaces: [], segments: [], previousEnd: null };
}

/** A chunk in ordinary memory, for frames that are looked at or copied on. */
export function scratchChunk(): FrameChunk {
  const columns = new ArrayBuffer(frameIndexByteLength(SCRATCH_FRAMES));
  return {
    bytes: new Uint8Array(SCRATCH_BYTES),
    frames: frameIndexOver(columns, 0, SCRATCH_FRAMES),
    frameCount: 0,
    segment: 0,
    endsEpoch: false,
  };
}

/** Decompressors are loaded where there is something to decompress. */
async function decompressed(...input: Parameters<typeof decompress>): Promise<ByteFeed> {
  const { decompress } = await import('./decompress.js');
  return new ByteFeed(await decompress(...input));
}

async function openReader(
  stored: ByteFeed,
  input: InputFile,
  target: ReaderTarget,
  texts: TextCatalogue,
): Promise<CaptureFileReader> {
  const { name, size } = input;
  await stored.ensure(SNIFF_LENGTH);
  const compression = sniffCompression(stored.heldBytes());
  const feed = compression === null ? stored : await decompressed(stored, compression, name, size);
  await feed.ensure(HEAD_LENGTH);
  const head = feed.heldBytes();
  const { fault } = feed.source;
  if (head.length === 0 && fault !== null) throw new CaptureError(`${name}: ${fault}`, name, 0);
  if (texts.captures.length > 0 && isText(head)) return openText(feed, input, target, texts);
  input.recognised = compression === null;
  const format = sniffFormat(head, name);
  input.recognised = true;
  return readerOf(feed, format, name, target);
}

/** The reader of a format on a feed that holds the head of the file, 24 bytes of it at least for pcap. */
export function readerOf(
  feed: ByteFeed,
  format: CaptureFormat,
  name: string,
  { facts, captureIndex, interfaces, segments, previousEnd }: ReaderTarget,
): CaptureFileReader {
  const clock = new SegmentClock(segments, facts, captureIndex, previousEnd);
  if (format === 'pcapng') {
    const walker = new PcapngReader(facts, captureIndex, interfaces, clock);
    return new CaptureFileReader(facts, clock, walker, feed, 0);
  }
  const layout = readPcapHeader(feed.heldBytes(), name);
  feed.discardHeld(PCAP_HEADER_LENGTH);
  facts.bytes = PCAP_HEADER_LENGTH;
  if (layout.oddVersion !== null) {
    addDamage(facts, 4, `pcap version ${layout.oddVersion} does not exist; read as 2.4`);
  }
  const walker = new PcapReader(layout, facts, captureIndex, interfaces, clock);
  return new CaptureFileReader(facts, clock, walker, feed, PCAP_HEADER_LENGTH);
}

/** A capture that was damaged on its way may look like a text and is still refused with its own words. */
function isText(held: Uint8Array): boolean {
  const head = held.subarray(0, HEAD_LENGTH);
  return !looksLikeCapture(head) && refusalOf(head) === null && looksLikeText(head);
}

async function openText(
  feed: ByteFeed,
  input: InputFile,
  { facts, captureIndex, interfaces, segments, previousEnd }: ReaderTarget,
  kinds: TextCatalogue,
): Promise<CaptureFileReader> {
  const { sections, rest } = await readText(feed, kinds, facts);
  feed.close();
  input.text = rest;
  const clock = new SegmentClock(segments, facts, captureIndex, previousEnd);
  const walker = new TextReader(facts, captureIndex, interfaces, clock);
  const source = new ByteFeed(new TextRecordSource(sections, facts.bytes, facts, captureIndex, interfaces));
  return new CaptureFileReader(facts, clock, walker, source, OFFSET_OF_NO_FILE);
}

/** A file of a directory that is not read, and why. */
export interface LeftOutFile {
  readonly file: string;
  readonly reason: string;
}

/** What an input stands for. */
export interface ExpandedInput {
  readonly files: readonly InputFile[];
  /** Files of a directory that hold no packets. */
  readonly leftOut: readonly LeftOutFile[];
  /** Files of a directory that cannot be opened, which may have been captures. */
  readonly unreadable: readonly CaptureError[];
}

/** Records of packets are no part of the text: the bytes of the input are counted already. */
const OFFSET_OF_NO_FILE = -(2 ** 52);

/**
 * The files that the inputs stand for; of a directory those that look like captures, by name.
 * @param texts kinds of text that are read as captures
 * @throws CaptureError for a path that does not exist and for a directory without captures
 */
export function expandInput(input: CaptureInput, texts: TextCatalogue): ExpandedInput {
  const given = (files: readonly InputFile[]): ExpandedInput => ({ files, leftOut: [], unreadable: [] });
  if (typeof input !== 'string') return given([new InputFile(input.name, input.stream, false, texts)]);
  if (input === '-' || !isDirectory(input)) return given([new InputFile(input, null, false, texts)]);
  const files: InputFile[] = [];
  const leftOut: LeftOutFile[] = [];
  const unreadable: CaptureError[] = [];
  for (const name of namesIn(input)) {
    const path = join(input, name);
    try {
      const reason = whyLeftOut(path);
      if (reason === null) files.push(new InputFile(path, null, true, texts));
      else leftOut.push({ file: path, reason });
    } catch (error) {
      unreadable.push(new CaptureError(`${path}: ${whyUnreadable(error)}`, path));
    }
  }
  if (files.length === 0) {
    const seen = [...unreadable.map(({ message }) => message), ...leftOut.map(leftOutText)];
    const shown = seen.slice(0, LEFT_OUT_NAMED_MAX).join('; ');
    const more = seen.length > LEFT_OUT_NAMED_MAX ? `; and ${seen.length - LEFT_OUT_NAMED_MAX} more` : '';
    const what = `the directory holds no pcap or pcapng file${seen.length === 0 ? '' : ` (${shown}${more})`}`;
    throw new CaptureError(`${input}: ${what}; name the files`, input);
  }
  return { files, leftOut, unreadable };
}

/** "d/notes.txt: a text". */
export function leftOutText({ file, reason }: LeftOutFile): string {
  return `${file}: ${reason}`;
}

/** @throws CaptureError where the directory cannot be listed */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    throw new CaptureError(`${folder}: ${whyUnreadable(error)}`, folder);
  }
}

/**
 * Why a file of a directory is none of its captures, or null where it looks like one.
 * @throws Error of the file system
 */
function whyLeftOut(path: string): string | null {
  const stats = statSync(path);
  if (stats.isDirectory()) return 'a directory in the directory';
  if (!stats.isFile()) return 'no file, but a pipe, socket or device';
  if (stats.size === 0) return 'empty';
  const head = headOf(path);
  if (looksLikeCapture(head)) return null;
  // The advice behind the semicolon is for a file that was named.
  const [known] = refusalOf(head)?.split(';') ?? [];
  return known ?? (looksLikeText(head) ? 'a text; texts are read where they are named' : 'no capture');
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Whoever opens it says why it cannot be read.
    return false;
  }
}

/** The first bytes of a file. @throws Error of the file system */
function headOf(path: string): Uint8Array {
  const head = new Uint8Array(SNIFF_LENGTH);
  let descriptor = -1;
  try {
    descriptor = openSync(path, 'r');
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    if (descriptor >= 0) closeSync(descriptor);
  }
}
