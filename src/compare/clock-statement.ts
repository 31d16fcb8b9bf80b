import type { CaptureQuality } from '../correlate/capture-quality.js';
import { mostBy } from '../moment.js';
import { formatRfc3339 } from '../rfc3339.js';
import { absoluteNs, type Nanoseconds, NS_PER_SECOND } from '../units.js';
import type { ClockModel, ClockPiece, ClockStep } from './clock.js';
import type { SetBack, SetBacks } from './set-backs.js';
import { SIDES, type Side } from './side.js';

/** A jump of the differences this near to where a clock was set back is what the step leaves of it. */
const SAME_STEP_NS = 5 * NS_PER_SECOND;

/** How the clocks of both captures differ, as these state their times. */
export interface ClockStatement {
  /** B's clock minus A's, from the base of each side's first segment; null where nothing says. */
  readonly offsetNs: Nanoseconds | null;
  /** The line of which that is said; undefined where there is none. */
  readonly piece: ClockPiece | undefined;
  /** Times as A states them. */
  readonly steps: readonly ClockStep[];
}

type SetBacksOfSides = Readonly<Record<Side, SetBacks>>;

/** The offset of the longest stretch without a step, and all steps: those that packets tell and those that a capture shows. */
export function stateClock(
  clock: ClockModel | null,
  setBacks: SetBacksOfSides,
  window: { readonly firstNs: Nanoseconds; readonly lastNs: Nanoseconds },
): ClockStatement {
  if (!clock) return { offsetNs: null, piece: undefined, steps: [] };
  const steps = stepsOf(clock, setBacks);
  const atNs =
    setBacks.a.all.length + setBacks.b.all.length > 0
      ? middleOf(steps, window)
      : middleOfPiece(clock, window);
  return {
    offsetNs: clock.offsetAt(atNs) + correctionAt(setBacks, clock, atNs),
    piece: clock.pieceAt(atNs),
    steps: steps.map(({ timeNs, stepNs }) => ({ timeNs: timeNs - shiftAt(setBacks.a, timeNs), stepNs })),
  };
}

function stepsOf(clock: ClockModel, setBacks: SetBacksOfSides): ClockStep[] {
  const rest = [...clock.steps];
  const steps = SIDES.flatMap((side) =>
    setBacks[side].all.map(({ atNs, shiftNs }, index): ClockStep => {
      const backNs = shiftNs - (setBacks[side].all[index - 1]?.shiftNs ?? 0);
      const timeNs = side === 'a' ? atNs : clock.timeOfA(atNs);
      const near = rest.findIndex((step) => Math.abs(step.timeNs - timeNs) < SAME_STEP_NS);
      const left = near < 0 ? 0 : rest.splice(near, 1)[0].stepNs;
      return { timeNs, stepNs: (side === 'a' ? backNs : -backNs) + left };
    }),
  );
  return [...steps, ...rest].sort((x, y) => x.timeNs - y.timeNs);
}

/** What the set-backs of both sides add to the difference of the stated times, at a time of A made to run on. */
function correctionAt({ a, b }: SetBacksOfSides, clock: ClockModel, timeNs: Nanoseconds): Nanoseconds {
  return shiftAt(a, timeNs) - shiftAt(b, timeNs + clock.offsetAt(timeNs));
}

function shiftAt({ all }: SetBacks, timeNs: Nanoseconds): Nanoseconds {
  let shiftNs = 0;
  for (const setBack of all) if (isBefore(setBack, timeNs)) shiftNs = setBack.shiftNs;
  return shiftNs;
}

function isBefore({ atNs }: SetBack, timeNs: Nanoseconds): boolean {
  return atNs < timeNs;
}

function middleOf(
  steps: readonly ClockStep[],
  { firstNs, lastNs }: { readonly firstNs: Nanoseconds; readonly lastNs: Nanoseconds },
): Nanoseconds {
  const edges = [firstNs, ...steps.map(({ timeNs }) => timeNs), lastNs];
  let longest = 1;
  for (let edge = 2; edge < edges.length; edge++) {
    if (edges[edge] - edges[edge - 1] > edges[longest] - edges[longest - 1]) longest = edge;
  }
  return (edges[longest - 1] + edges[longest]) / 2;
}

/** The middle of the window, or of the piece with the most packets. */
function middleOfPiece(
  { pieces }: ClockModel,
  { firstNs, lastNs }: { readonly firstNs: Nanoseconds; readonly lastNs: Nanoseconds },
): Nanoseconds {
  if (pieces.length === 1) return (firstNs + lastNs) / 2;
  const samples = (one: ClockPiece): number => one.forwardSamples + one.backwardSamples;
  return mostBy(pieces, samples).atNs;
}

/** A time from the base of the first segment, in RFC 3339; null where the capture has no date. */
export function timeText({ segments }: CaptureQuality, timeNs: Nanoseconds): string | null {
  const [first] = segments;
  if (!first || first.clock === 'relative') return null;
  const ns = absoluteNs(first.baseNs, timeNs);
  return ns === null ? null : formatRfc3339(ns);
}
