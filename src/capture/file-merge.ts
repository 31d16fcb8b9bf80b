// Merges the frames of files that overlap in time by (time, file, frame) into chunks. Frames are copied here,
// which reading one file, or files one after the other, never does.

import { absoluteNs } from '../units.js';
import { addDamage, countSkipped } from './capture-facts.js';
import type { CaptureFileReader } from './capture-file-reader.js';
import type { TimeSegment } from './capture-source.js';
import type { FrameChunk } from './chunk.js';
import { MARK_NO_TIME } from './frame-marks.js';
import { scratchChunk } from './input-file.js';
import { copyRow } from './read-window.js';
import type { SequenceEnd } from './segment-clock.js';

/** Most files open at a time. */
const OPEN_FILE_COUNT_MAX = 64;
const SEGMENT_COUNT_MAX = 4096;
const FORWARD_STEP_NS = 86_400e9;
const BACKWARD_STEP_NS = 10e9;
const SPAN_NS = 100 * 86_400e9;

/** One of the files being merged; its next frame is row `row` of its chunk. */
interface Member {
  readonly reader: CaptureFileReader;
  readonly captureIndex: number;
  readonly chunk: FrameChunk;
  row: number;
  /** Base of the chunk's segment less that of the merged one. */
  shiftNs: number;
  /** Time of the next frame in the merged segment; of a frame without time that of the one before it. */
  timeNs: number;
}

/** Files that wait for their first frame to fall due. */
export interface WaitingFiles {
  /** First time of the next file, or null where none waits. */
  nextFirstTimeNs(): bigint | null;
  openNext(): Promise<{ reader: CaptureFileReader; captureIndex: number } | null>;
  noteHeldUp(): void;
}

export class FileMerge {
  private readonly members: Member[] = [];
  private baseNs = 0n;
  private hasBase = false;
  private lastNs = Number.NaN;
  private segmentIndex: number;

  constructor(
    private readonly segments: TimeSegment[],
    private readonly waiting: WaitingFiles,
    end: SequenceEnd | null,
  ) {
    this.segmentIndex = segments.length - 1;
    if (end === null) return;
    this.segmentIndex = end.segmentIndex;
    this.hasBase = true;
    this.baseNs = segments[end.segmentIndex].baseNs;
    this.lastNs = Number(end.lastTimeNs - this.baseNs);
  }

  get readers(): readonly CaptureFileReader[] {
    return this.members.map((member) => member.reader);
  }

  async add(reader: CaptureFileReader, captureIndex: number): Promise<void> {
    const member = { reader, captureIndex, chunk: scratchChunk(), row: 0, shiftNs: 0, timeNs: Number.NaN };
    this.members.push(member);
    await this.refill(member);
  }

  /** Writes the next frames in merged order, at most `rowBudget`; none when every member has ended. */
  async fill(chunk: FrameChunk, rowBudget: number): Promise<void> {
    const rowLimit = Math.min(chunk.frames.timeNs.length, rowBudget);
    chunk.frameCount = 0;
    chunk.endsEpoch = false;
    let at = 0;
    while (chunk.frameCount < rowLimit) {
      if (this.nextFileIsDue()) {
        const opened = await this.waiting.openNext();
        if (opened !== null) await this.add(opened.reader, opened.captureIndex);
        continue;
      }
      const member = this.earliest();
      if (member === null) break;
      const length = member.chunk.frames.capturedLength[member.row];
      if (length > chunk.bytes.length) {
        addDamage(member.reader.facts, 0, `a frame of ${length} bytes is larger than the read buffer`);
      } else {
        if (at + length > chunk.bytes.length) break;
        if (!this.admit(member, chunk.frameCount)) break;
        this.copyFrame(member, chunk, at);
        at += length;
      }
      member.row += 1;
      if (member.row < member.chunk.frameCount) this.readTime(member);
      else await this.refill(member);
    }
    chunk.segment = this.segmentIndex;
  }

  /** What the file after the merged ones needs to know to continue them. */
  end(): SequenceEnd | null {
    const lastTimeNs = this.hasBase ? absoluteNs(this.baseNs, this.lastNs) : null;
    return lastTimeNs === null ? null : { lastTimeNs, segmentIndex: this.segmentIndex };
  }

  private nextFileIsDue(): boolean {
    const due = this.waiting.nextFirstTimeNs();
    if (due === null || this.members.length === 0) return false;
    const earliest = this.earliest();
    if (earliest !== null && Number(due - this.baseNs) > earliest.timeNs) return false;
    if (this.members.length < OPEN_FILE_COUNT_MAX) return true;
    this.waiting.noteHeldUp();
    return false;
  }

  private earliest(): Member | null {
    let first: Member | null = null;
    for (const member of this.members) {
      if (first === null || member.timeNs < first.timeNs) first = member;
    }
    return first;
  }

  /** Whether the member's next frame fits the chunk's segment; opens another where the chunk is empty. */
  private admit(member: Member, row: number): boolean {
    const { chunk } = member;
    if (Number.isNaN(chunk.frames.timeNs[member.row]))
      return this.segmentIndex >= 0 || this.openFor(member, row);
    const step = member.timeNs - this.lastNs;
    const { hasBase } = this;
    let by: string | null = null;
    if (!hasBase) by = 'file';
    else if (step > FORWARD_STEP_NS) by = 'step-forward';
    else if (step < -BACKWARD_STEP_NS) by = 'step-backward';
    else if (Math.abs(member.timeNs) > SPAN_NS) by = 'span';
    if (by !== null && !this.openFor(member, row, by)) return false;
    this.lastNs = member.timeNs;
    return true;
  }

  private openFor(member: Member, row: number, by = 'file'): boolean {
    if (row > 0) return false;
    if (this.segments.length >= SEGMENT_COUNT_MAX) {
      member.chunk.frames.timeNs[member.row] = Number.NaN;
      member.chunk.frames.marks[member.row] |= MARK_NO_TIME;
      countSkipped(member.reader.facts, `times beyond the ${SEGMENT_COUNT_MAX}th time segment`);
      return true;
    }
    const { baseNs: memberBaseNs, clock } = this.segmentOf(member);
    const timeNs = member.chunk.frames.timeNs[member.row];
    const timed = !Number.isNaN(timeNs);
    const baseNs = absoluteNs(memberBaseNs, timeNs) ?? memberBaseNs;
    this.segments.push({ baseNs, captureIndex: member.captureIndex, clock, openedBy: by });
    this.segmentIndex = this.segments.length - 1;
    this.baseNs = baseNs;
    this.hasBase = timed;
    this.lastNs = Number.NaN;
    for (const other of this.members) {
      const before = other.shiftNs;
      other.shiftNs = Number(this.segmentOf(other).baseNs - baseNs);
      other.timeNs += other.shiftNs - before;
    }
    return true;
  }

  private copyFrame(member: Member, chunk: FrameChunk, at: number): void {
    const { frames, bytes } = member.chunk;
    const row = chunk.frameCount;
    const offset = frames.offset[member.row];
    copyRow(frames, member.row, chunk.frames, row);
    chunk.frames.offset[row] = at;
    chunk.frames.timeNs[row] += member.shiftNs;
    chunk.bytes.set(bytes.subarray(offset, offset + frames.capturedLength[member.row]), at);
    chunk.frameCount = row + 1;
  }

  /** Brings the member's next frames, or takes it out where it has none left. */
  private async refill(member: Member): Promise<void> {
    const { reader, chunk } = member;
    do {
      await reader.fill(chunk, chunk.frames.timeNs.length);
    } while (chunk.frameCount === 0 && !reader.ended);
    member.row = 0;
    if (chunk.frameCount === 0) {
      reader.close();
      this.members.splice(this.members.indexOf(member), 1);
      return;
    }
    member.shiftNs = Number(this.segmentOf(member).baseNs - this.baseNs);
    this.readTime(member);
  }

  private readTime(member: Member): void {
    const timeNs = member.chunk.frames.timeNs[member.row];
    if (!Number.isNaN(timeNs)) member.timeNs = timeNs + member.shiftNs;
    else if (Number.isNaN(member.timeNs)) member.timeNs = Number.NEGATIVE_INFINITY;
  }

  private segmentOf(member: Member): TimeSegment {
    return member.reader.clock.segments[member.chunk.segment];
  }
}
