import type { CaptureSource } from '../capture/capture-source.js';
import type { FrameChunk } from '../capture/chunk.js';
import type { Dissector } from '../dissect/dissector.js';
import type { Report } from '../report/report.js';
import { absoluteNs } from '../units.js';
import { clockShiftNs, type EvidencePlan, frameKey, type Window } from './evidence-plan.js';
import { FrameMatcher, isMeant } from './frame-matcher.js';
import { LayerReader } from './layer-reader.js';

/** What a frame is to a finding: why it matters, or null where it is kept to understand the others. */
export interface Role {
  readonly plan: EvidencePlan;
  readonly why: string | null;
}

/** A frame that belongs to the evidence, in the chunk that was read last. */
export interface EvidenceFrame {
  readonly index: number;
  /** Index in `captures[]` of the report. */
  readonly capture: number;
  readonly roles: readonly Role[];
}

const CHUNK_BYTES = 1 << 20;
const FRAMES = 16_384;
const LAST_GOOD = 'the last frame before it that was well';

/** Reads the input once more and tells which frames belong to which finding. */
export class EvidenceFrames {
  private readonly reader: LayerReader;
  private readonly matchers = new Map<string, FrameMatcher>();
  private readonly captures: readonly number[];

  constructor(
    private readonly source: CaptureSource,
    private readonly report: Report,
    private readonly plans: readonly EvidencePlan[],
    private readonly dissectors: readonly Dissector[],
  ) {
    this.reader = new LayerReader(dissectors, { chunkBytes: CHUNK_BYTES, frameCapacity: FRAMES });
    this.captures = captureIndices(source, report);
  }

  get chunk(): FrameChunk {
    return this.reader.chunk;
  }

  /** The frames of the next chunk that are wanted; null at the end. */
  async next(): Promise<readonly EvidenceFrame[] | null> {
    const { chunk } = this.reader;
    if (!(await this.source.fill(chunk))) return null;
    const inTime = this.plans.map((plan) => this.framesInTime(plan));
    const roles: Role[][] = Array.from({ length: chunk.frameCount }, () => []);
    this.plans.forEach((plan, at) => {
      for (let index = 0; index < chunk.frameCount; index++) {
        const why = this.whyCited(plan, index);
        if (why !== null) roles[index].push({ plan, why });
      }
      if (plan.around === null) inTime[at] = null;
    });
    if (inTime.some((one) => one !== null)) this.matchAround(inTime, roles);
    return roles.flatMap((ofFrame, index) =>
      ofFrame.length === 0 ? [] : { index, capture: this.captureOf(index), roles: ofFrame },
    );
  }

  private matchAround(inTime: readonly (Uint8Array | null)[], roles: readonly Role[][]): void {
    for (const round of this.reader.rounds()) {
      const done = new Set<FrameMatcher>();
      this.plans.forEach((plan, at) => {
        const wanted = inTime[at];
        if (wanted === null || plan.around === null) return;
        const matcher = this.matcherOf(plan.around);
        if (!done.has(matcher)) matcher.match(round);
        done.add(matcher);
        for (let index = round.firstFrame; index < round.nextFrame; index++) {
          if (wanted[index] === 0 || roles[index].some((role) => role.plan === plan)) continue;
          if (isMeant(plan.around.root, matcher.masks[index])) roles[index].push({ plan, why: null });
        }
      });
    }
  }

  private matcherOf(expression: NonNullable<EvidencePlan['around']>): FrameMatcher {
    const known = this.matchers.get(expression.text);
    if (known !== undefined) return known;
    const protocols = this.dissectors.map(({ protocol }) => protocol);
    const matcher = new FrameMatcher(expression.terms, protocols, FRAMES);
    this.matchers.set(expression.text, matcher);
    return matcher;
  }

  private whyCited(plan: EvidencePlan, index: number): string | null {
    const { number } = this.chunk.frames;
    const why = plan.cited.get(frameKey(this.captureOf(index), number[index]));
    if (why !== undefined) return why;
    const { lastGood } = plan;
    if (lastGood === null || lastGood.frame !== number[index]) return null;
    return this.timeNs(index) === lastGood.timeNs ? LAST_GOOD : null;
  }

  /** One byte a frame, or null where no frame of the chunk lies in a window. */
  private framesInTime(plan: EvidencePlan): Uint8Array | null {
    const { chunk } = this;
    const wanted = new Uint8Array(chunk.frameCount);
    let count = 0;
    for (let index = 0; index < chunk.frameCount; index++) {
      if (!plan.windows.some((window) => this.isInside(window, index))) continue;
      wanted[index] = 1;
      count++;
    }
    return count === 0 ? null : wanted;
  }

  private isInside({ fromNs, toNs, capture }: Window, index: number): boolean {
    const own = this.captureOf(index);
    const timeNs = this.timeNs(index);
    if (timeNs === null || (capture !== null && capture !== own)) return false;
    const zeroNs =
      capture === null
        ? clockShiftNs(this.report, own)
        : (this.source.captures[this.chunk.frames.capture[index]]?.firstTimeNs ?? 0n);
    return fromNs <= timeNs - zeroNs && timeNs - zeroNs <= toNs;
  }

  private timeNs(index: number): bigint | null {
    const baseNs = this.source.segments[this.chunk.segment]?.baseNs ?? 0n;
    return absoluteNs(baseNs, this.chunk.frames.timeNs[index]);
  }

  private captureOf(index: number): number {
    return this.captures[this.chunk.frames.capture[index]] ?? 0;
  }
}

/** By capture of the source its place in the report: the source may have put the files in another order. */
function captureIndices(source: CaptureSource, { captures }: Report): number[] {
  const taken = new Set<number>();
  return source.captures.map(({ file }) => {
    const index = captures.findIndex((capture, at) => capture.file === file && !taken.has(at));
    taken.add(index);
    return Math.max(0, index);
  });
}
