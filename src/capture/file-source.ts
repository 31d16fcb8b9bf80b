// Puts the inputs in time order and gives out their frames as one capture.
import { CAPTURE_COUNT_MAX } from '../units.js';
import { CaptureError } from './capture-error.js';
import { addDamage, countSkipped, newCaptureFacts } from './capture-facts.js';
import type { CaptureFileReader } from './capture-file-reader.js';
import type {
  CaptureFacts,
  CaptureInterface,
  CaptureSource,
  InputFacts,
  ReopenableInput,
  TimeSegment,
} from './capture-source.js';
import { FRAMES_PER_EPOCH, type FrameChunk } from './chunk.js';
import { FileMerge, type WaitingFiles } from './file-merge.js';
import {
  type CaptureInput,
  expandInput,
  type InputFile,
  type LeftOutFile,
  scratchChunk,
  scratchTarget,
} from './input-file.js';
import type { SequenceEnd } from './segment-clock.js';
import { NO_TEXTS, type TextCatalogue } from './text-capture.js';

export type { CaptureInput } from './input-file.js';

/** Files that overlap by no more are read one after the other. */
const OVERLAP_NS = 1_000_000_000n;

/**
 * Opens files, pipes and directories as one capture in time order (by the time of their first frames).
 * Chunks that are filled from it must all be of one size, with at least 4 rows. A file that cannot be read
 * beside others that can is an entry in its own facts.
 * @param texts kinds of text that are read as captures too
 * @throws CaptureError where none of the inputs can be read
 */
export async function openCaptureSource(
  inputs: readonly CaptureInput[],
  texts: TextCatalogue = NO_TEXTS,
): Promise<CaptureSource> {
  const failures: CaptureError[] = [];
  const files: InputFile[] = [];
  const leftOut: LeftOutFile[] = [];
  for (const input of inputs) {
    await keepingFailure(failures, () => {
      const expanded = expandInput(input, texts);
      files.push(...expanded.files);
      leftOut.push(...expanded.leftOut);
      failures.push(...expanded.unreadable);
    });
  }
  if (files.length > CAPTURE_COUNT_MAX) {
    throw new CaptureError(
      `${files.length} files are more than ${CAPTURE_COUNT_MAX}; name fewer`,
      files[0].name,
    );
  }
  const readable: InputFile[] = [];
  const severalInputs = files.length > 1;
  for (const file of files) {
    const ok = await keepingFailure(failures, async () => {
      if (severalInputs) await file.peek();
    });
    if (ok) readable.push(file);
    // A compressed file of a directory that holds something else is none of its captures.
    else if (file.fromDirectory && !file.recognised) {
      failures.pop();
      leftOut.push({ file: file.name, reason: 'compressed, but no capture' });
    }
  }
  if (readable.length === 0) throw failures[0] ?? new CaptureError('no input was given', '');
  readable.sort(byFirstTime);
  const source = new FileSequence(readable, failures, leftOut);
  await source.openFirst();
  return source;
}

async function keepingFailure(
  failures: CaptureError[],
  attempt: () => void | Promise<void>,
): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    failures.push(error);
    return false;
  }
}

/** Files without a time stay behind the others, in the order in which they were given. */
function byFirstTime(a: InputFile, b: InputFile): number {
  if (a.firstTimeNs === null || b.firstTimeNs === null) {
    return Number(a.firstTimeNs === null) - Number(b.firstTimeNs === null);
  }
  if (a.firstTimeNs === b.firstTimeNs) return 0;
  return a.firstTimeNs < b.firstTimeNs ? -1 : 1;
}

class FileSequence implements CaptureSource, WaitingFiles {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: CaptureInterface[] = [];
  readonly segments: TimeSegment[] = [];
  readonly totalBytes: number | null;
  reopenable?: ReopenableInput;
  private nextFile = 0;
  private active: CaptureFileReader | null = null;
  private merge: FileMerge | null = null;
  private previousEnd: SequenceEnd | null = null;
  private frameCount = 0;
  private readonly openReaders = new Set<CaptureFileReader>();
  private closedBytes = 0;

  constructor(
    private readonly files: readonly InputFile[],
    failures: readonly CaptureError[],
    readonly leftOut: readonly LeftOutFile[],
  ) {
    const unreadable = failures.map((failure) => {
      const facts = newCaptureFacts(failure.file);
      addDamage(facts, failure.offset ?? 0, failure.message);
      return facts;
    });
    this.captures = [...files.map((file) => newCaptureFacts(file.name)), ...unreadable];
    const sizes = files.map((file) => file.size);
    this.totalBytes = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    if (failures.length === 0 && files.every((file) => file.reopens)) {
      this.reopenable = { paths: files.map((file) => file.name), adopt: (facts) => this.adopt(facts) };
    }
  }

  get texts(): { readonly file: string; readonly content: string }[] {
    return this.files.flatMap(({ name, text }) => (text === null ? [] : [{ file: name, content: text }]));
  }

  private adopt({ captures, interfaces, segments }: InputFacts): void {
    this.captures.forEach((facts, index) => {
      Object.assign(facts, captures[index]);
    });
    this.interfaces.splice(0, this.interfaces.length, ...interfaces);
    this.segments.splice(0, this.segments.length, ...segments);
  }

  get consumedBytes(): number {
    let sum = this.closedBytes;
    for (const reader of this.openReaders) sum += reader.consumedBytes;
    return sum;
  }

  /** Opens the first file, so that a single one that cannot be read fails at once. */
  async openFirst(): Promise<void> {
    if (this.files.length === 1) this.active = await this.openReader(0, this.segments);
    else this.active = (await this.openNext())?.reader ?? null;
    // A text was read to its end to find its packets, which a second reader would have to do again.
    if (this.files.some(({ text }) => text !== null)) delete this.reopenable;
    this.nextFile = Math.max(this.nextFile, 1);
    this.stopAtNextFile();
  }

  fill(chunk: FrameChunk): boolean | Promise<boolean> {
    if (this.merge !== null) return this.fillMerged(chunk, this.merge);
    const { active } = this;
    if (active === null) {
      if (this.nextFile < this.files.length) return this.advance().then(() => this.fill(chunk));
      chunk.frameCount = 0;
      chunk.endsEpoch = true;
      return false;
    }
    const waiting = active.fill(chunk, this.epochBudget());
    if (waiting === undefined) return this.afterFill(chunk, active);
    return waiting.then(() => this.afterFill(chunk, active));
  }

  close(): void {
    for (const reader of this.openReaders) reader.close();
    this.openReaders.clear();
    this.active = null;
    this.merge = null;
    this.nextFile = this.files.length;
  }

  nextFirstTimeNs(): bigint | null {
    return this.files[this.nextFile]?.firstTimeNs ?? null;
  }

  /** Opens the next file; one that has become unreadable since is noted in its facts. */
  async openNext(): Promise<{ reader: CaptureFileReader; captureIndex: number } | null> {
    const captureIndex = this.nextFile;
    this.nextFile += 1;
    try {
      const reader = await this.openReader(captureIndex, this.merge === null ? this.segments : []);
      return { reader, captureIndex };
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      addDamage(this.captures[captureIndex], error.offset ?? 0, error.message);
      return null;
    }
  }

  noteHeldUp(): void {
    const facts = this.captures[this.nextFile];
    if (!facts.skipped.has(HELD_UP)) countSkipped(facts, HELD_UP);
  }

  private async openReader(captureIndex: number, segments: TimeSegment[]): Promise<CaptureFileReader> {
    const { interfaces, previousEnd } = this;
    const facts = this.captures[captureIndex];
    const reader = await this.files[captureIndex].open({
      facts,
      captureIndex,
      interfaces,
      segments,
      previousEnd,
    });
    this.openReaders.add(reader);
    return reader;
  }

  private async advance(): Promise<void> {
    this.active = (await this.openNext())?.reader ?? null;
    this.stopAtNextFile();
  }

  private stopAtNextFile(): void {
    const first = this.nextFirstTimeNs();
    if (first !== null) this.active?.clock.stopAt(first);
  }

  private afterFill(chunk: FrameChunk, reader: CaptureFileReader): boolean | Promise<boolean> {
    if (chunk.frameCount > 0) {
      this.countFrames(chunk, reader.ended);
      return true;
    }
    if (reader.ended) {
      this.previousEnd = reader.clock.end() ?? this.previousEnd;
      this.closeReader(reader);
      this.active = null;
    } else if (reader.paused) {
      return this.decideOverlap(reader).then(() => this.fill(chunk));
    }
    return this.fill(chunk);
  }

  private countFrames(chunk: FrameChunk, readerEnded: boolean): void {
    this.frameCount += chunk.frameCount;
    const noMore = readerEnded && !this.files.slice(this.nextFile).some((file) => file.hasFrames);
    chunk.endsEpoch = noMore || this.frameCount % FRAMES_PER_EPOCH === 0;
  }

  private epochBudget(): number {
    return FRAMES_PER_EPOCH - (this.frameCount % FRAMES_PER_EPOCH);
  }

  private closeReader(reader: CaptureFileReader): void {
    this.closedBytes += reader.consumedBytes;
    this.openReaders.delete(reader);
    reader.close();
  }

  /** The active file has reached the first time of the next: one after the other, or merged? */
  private async decideOverlap(reader: CaptureFileReader): Promise<void> {
    const captureIndex = this.nextFile - 1;
    const first = this.nextFirstTimeNs();
    const overlaps = first !== null && (await this.runsPast(captureIndex, first + OVERLAP_NS));
    if (!overlaps) {
      reader.clock.clearStop();
      return;
    }
    const end = reader.clock.end();
    reader.clock.detach();
    reader.clock.clearStop();
    this.active = null;
    this.merge = new FileMerge(this.segments, this, end);
    await this.merge.add(reader, captureIndex);
  }

  /** Whether the file has a frame after that instant; a pipe, which cannot be read twice, is taken to. */
  private async runsPast(captureIndex: number, timeNs: bigint): Promise<boolean> {
    const file = this.files[captureIndex];
    if (!file.reopens) return true;
    const probe = await file.open(scratchTarget(file.name));
    probe.clock.stopAt(timeNs);
    const chunk = scratchChunk();
    while (!probe.ended && !probe.paused) await probe.fill(chunk, FRAMES_PER_EPOCH);
    const { paused } = probe;
    probe.close();
    return paused;
  }

  private async fillMerged(chunk: FrameChunk, merge: FileMerge): Promise<boolean> {
    const before = merge.readers;
    await merge.fill(chunk, this.epochBudget());
    for (const reader of before) if (!merge.readers.includes(reader)) this.closeReader(reader);
    const isOver = merge.readers.length === 0;
    if (isOver) {
      this.merge = null;
      this.previousEnd = merge.end() ?? this.previousEnd;
    }
    if (chunk.frameCount === 0) return this.fill(chunk);
    this.countFrames(chunk, isOver);
    return true;
  }
}

const HELD_UP = 'waits for one of 64 overlapping files to end';
