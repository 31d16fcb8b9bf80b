import { PauseTracker } from '../../src/correlate/pauses.js';
import { LINK_TYPE } from '../build/link.js';
import { Names, otherMac, otherOfKind, renamedFrames } from './addresses.js';
import type { Dressed, Frame, Transformation } from './trace.js';

/* Others in the same capture: what they do says nothing about the incident. */

export const OUT_OF_ORDER = 'frames are not in order of time';
const RENAMED: ReadonlySet<number> = new Set(Object.values(LINK_TYPE));
const COMPANY_FACTOR = 10;
const COMPANY_FRAMES_MAX = 3000;
const COPY_LATER_NS = 370_000_000n;

function inOrder(frames: readonly Frame[]): Frame[] {
  return frames
    .map((frame, index) => ({ frame, index }))
    .sort((a, b) =>
      a.frame.timeNs === b.frame.timeNs ? a.index - b.index : a.frame.timeNs < b.frame.timeNs ? -1 : 1,
    )
    .map(({ frame }) => frame);
}

export function isInOrder(frames: readonly Frame[]): boolean {
  return frames.every(({ timeNs }, at) => at === 0 || timeNs >= frames[at - 1].timeNs);
}

/** Stretches in which the capture may not have run: company there would prove that it did. */
function pausesOf(frames: readonly Frame[]): readonly (readonly [bigint, bigint])[] {
  const tracker = new PauseTracker();
  const start = frames[0].timeNs;
  for (let at = 1; at < frames.length; at++) {
    tracker.note(0, Number(frames[at - 1].timeNs - start), Number(frames[at].timeNs - start), at);
  }
  tracker.endSegment();
  return tracker.pauses().map(({ fromNs, toNs }) => [start + BigInt(fromNs), start + BigInt(toNs)]);
}

const amongHealthy: Transformation['apply'] = (trace, { random, healthy }) => {
  const { frames, linkType } = trace;
  if (linkType !== LINK_TYPE.ethernet) return 'not Ethernet';
  if (!isInOrder(frames)) return OUT_OF_ORDER;
  const first = frames[0].timeNs;
  const last = frames[frames.length - 1].timeNs;
  const pauses = pausesOf(frames);
  const wanted = Math.min(COMPANY_FRAMES_MAX, COMPANY_FACTOR * frames.length);
  const company: Frame[] = [];
  const taken = new Set<string>();
  for (let turn = 0; turn < 40 && company.length < wanted; turn++) {
    const other = healthy[Math.floor(random() * healthy.length)];
    const later = first - other.frames[0].timeNs + BigInt(Math.floor(random() * 1e6));
    const others = renamedFrames(other, new Names(otherOfKind(random, taken)), {
      mac: otherMac,
    });
    for (const frame of others) {
      const timeNs = frame.timeNs + later;
      if (timeNs > last || pauses.some(([from, to]) => timeNs > from && timeNs < to)) continue;
      company.push({ ...frame, timeNs, origin: 0 });
    }
  }
  const all = inOrder([...frames, ...company]);
  return { files: [{ frames: all, linkType }], nameBefore: (text) => text };
};

const twice: Transformation['apply'] = (trace, { random }) => {
  const { frames, linkType } = trace;
  if (!isInOrder(frames)) return OUT_OF_ORDER;
  if (!RENAMED.has(linkType)) return 'no addresses to rename';
  const names = new Names(otherOfKind(random));
  const copies = renamedFrames(trace, names, { mac: otherMac }).map((frame) => ({
    ...frame,
    timeNs: frame.timeNs + COPY_LATER_NS,
    copy: 1,
  }));
  const dressed: Dressed = {
    files: [{ frames: inOrder([...frames, ...copies]), linkType }],
    nameBefore: names.nameBefore,
  };
  return dressed;
};

export const COMPANY: readonly Transformation[] = [
  { name: 'among healthy traffic', promise: 'same', apply: amongHealthy, silences: ['capture.*'] },
  { name: 'twice on other addresses', promise: 'twice', apply: twice, silences: ['capture.*'] },
];
