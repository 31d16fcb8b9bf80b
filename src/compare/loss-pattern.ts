import { NS_PER_SECOND } from '../units.js';
import type { DirectionTally } from './direction-tally.js';
import {
  ALL_FRAGMENTS,
  FIRST_FRAGMENTS,
  LATER_FRAGMENTS,
  type LossClass,
  type LossProfile,
  type LossRun,
} from './loss-profile.js';

/** Packets of a class that must be lost in a row. */
export const CLASS_LOST_MIN = 5;
/** Fewer suffice where all of the class is lost, nothing else is, and much else arrives meanwhile: IKE sends its first message four times. */
export const SMALL_CLASS_LOST_MIN = 3;
export const SMALL_CLASS_OTHERS_MIN = 20;
export const FRAGMENTS_LOST_MIN = 2;
/** Fragments of two datagrams at least, where nothing else was sent while they were lost. */
const FRAGMENTS_ALONE_MIN = 4;
/** Of what is lost, what the class must account for. */
const COVERED_SHARE = 0.9;
/** Loss that other classes may have meanwhile. */
export const OTHERS_LOST_SHARE = 0.05;
/** How long lost and delivered classes must alternate, so that it is no outage. */
export const INTERLEAVED_SECONDS = 10;
/** Every host takes datagrams of this size (RFC 791): the limit of a path lies above. */
const SIZE_LIMIT_MIN = 576;

/** What the lost packets of a direction have in common. */
export type LossPattern =
  | { readonly kind: 'fragments'; readonly which: 'all' | 'first' | 'later'; readonly run: LossRun }
  | {
      readonly kind: 'size';
      readonly largestDelivered: number;
      readonly smallestLost: number;
      readonly run: LossRun;
    }
  | { readonly kind: 'class'; readonly lossClass: LossClass; readonly run: LossRun }
  | { readonly kind: 'general' };

/** Null where nothing was lost. */
export function patternOf({ lost, profile, fragments }: DirectionTally): LossPattern | null {
  if (lost === 0 || !profile) return null;
  return (
    fragmentPattern(profile, fragments) ??
    sizePattern(profile) ??
    classPattern(profile) ?? { kind: 'general' }
  );
}

/** `fragments`: all that were sent. */
function fragmentPattern(profile: LossProfile, fragments: number): LossPattern | null {
  for (const [value, which] of [
    [ALL_FRAGMENTS, 'all'],
    [LATER_FRAGMENTS, 'later'],
    [FIRST_FRAGMENTS, 'first'],
  ] as const) {
    const lossClass = profile.classOf('fragment', value);
    if (!lossClass) continue;
    if (isWholeLoss(profile, lossClass, FRAGMENTS_LOST_MIN))
      return { kind: 'fragments', which, run: lossClass.run };
    if (which === 'all' && lossClass.lost === fragments && isOnlyDifference(profile, lossClass))
      return { kind: 'fragments', which, run: lossClass.longest };
  }
  return null;
}

/** No fragment arrived and nothing but fragments is lost, however seldom the others were sent. */
function isOnlyDifference(
  profile: LossProfile,
  lossClass: LossClass,
): lossClass is LossClass & { longest: LossRun } {
  const { sent, lost, longest } = lossClass;
  return (
    longest !== null &&
    lost === sent &&
    lost === profile.lost &&
    lost >= FRAGMENTS_ALONE_MIN &&
    profile.delivered > 0
  );
}

/** Everything above a size is lost and everything up to it arrives, of the same service. */
function sizePattern(profile: LossProfile): LossPattern | null {
  const { largestDelivered, smallestLost, lost } = profile;
  if (lost < CLASS_LOST_MIN || largestDelivered === 0) return null;
  if (smallestLost <= largestDelivered || smallestLost < SIZE_LIMIT_MIN) return null;
  // Where nothing of the port arrives, large or small, it may as well be the port.
  const isOfPort = [...profile.classes.values()].some(
    (one) => one.kind === 'port' && one.lost === one.sent && one.lost >= COVERED_SHARE * lost,
  );
  if (isOfPort) return null;
  for (const lossClass of profile.classes.values()) {
    const isService = lossClass.kind === 'port' || lossClass.kind === 'protocol';
    if (!isService || !lossClass.longest || lossClass.lost < COVERED_SHARE * lost) continue;
    if (lossClass.sent - lossClass.lost < 1) continue;
    return { kind: 'size', largestDelivered, smallestLost, run: lossClass.longest };
  }
  return null;
}

/** The class with the most packets lost in a row, a port before a protocol before a mark. */
function classPattern(profile: LossProfile): LossPattern | null {
  const candidates = [...profile.classes.values()].filter(
    (one): one is LossClass & { longest: LossRun } =>
      one.kind !== 'fragment' &&
      (isWholeLoss(profile, one, CLASS_LOST_MIN) || isAllThatIsLost(profile, one)) &&
      one.longest !== null &&
      one.longest.interleavedNs >= INTERLEAVED_SECONDS * NS_PER_SECOND,
  );
  const order = ['port', 'protocol', 'dscp', 'dont-fragment', 'fragment'];
  candidates.sort(
    (a, b) => b.longest.count - a.longest.count || order.indexOf(a.kind) - order.indexOf(b.kind),
  );
  const [best] = candidates;
  return best ? { kind: 'class', lossClass: best, run: best.longest } : null;
}

/** All packets of a small class, and none of many others: by chance, one in 20 lost, that happens to three once in 8,000 times. */
function isAllThatIsLost({ lost }: LossProfile, { sent, lost: ofClass, longest }: LossClass): boolean {
  return (
    ofClass >= SMALL_CLASS_LOST_MIN &&
    ofClass === sent &&
    ofClass === lost &&
    longest !== null &&
    longest.othersDelivered >= SMALL_CLASS_OTHERS_MIN
  );
}

/** All of the class is lost from some moment on to the end of its packets, and it is nearly all that is lost. */
function isWholeLoss(
  profile: LossProfile,
  lossClass: LossClass,
  least: number,
): lossClass is LossClass & { run: LossRun } {
  const { longest, lost } = lossClass;
  if (!longest || longest.count < least || longest.count < COVERED_SHARE * lost) return false;
  if (longest.count < COVERED_SHARE * profile.lost || longest.othersDelivered === 0) return false;
  const others = longest.othersDelivered + longest.othersLost;
  return longest.othersLost < OTHERS_LOST_SHARE * others;
}
