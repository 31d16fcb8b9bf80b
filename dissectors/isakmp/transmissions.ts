import type { FrameRef } from '../../src/moment.js';
import { NS_PER_MILLISECOND, NS_PER_SECOND } from '../../src/units.js';
import type { MessageFacts } from './message-facts.js';
import type { IkeMessage, IkeTransmission } from './session.js';

/*
 * Tells a message that was sent again from another piece, another view or a duplicate of the same sending.
 */

const TRANSMISSIONS_KEPT = 32;
/** No daemon repeats that soon (libreswan's 0.5 s is the shortest timer): a copy, or a duplicate on the network. */
const REPEAT_MIN_NS = 50 * NS_PER_MILLISECOND;
/** IKE fragments of one sending leave together; the shortest timer is 0.5 s. */
const FRAGMENTS_SPAN_NS = 400 * NS_PER_MILLISECOND;
/** Within that time the same message between other addresses is the same sending, seen on the other side of a NAT. */
const SAME_SENDING_NS = NS_PER_SECOND;

export type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

interface TrackedTransmission extends IkeTransmission {
  /** Path and fragment number of every transmission, as path * 65536 + number. */
  readonly seen: Set<number>;
}

export interface TrackedMessage extends Mutable<IkeMessage> {
  transmissions: TrackedTransmission[];
  /** Of the whole message; null while only first fragments were seen. */
  digest: string | null;
  /** Of the first fragment alone; null where there is none. */
  headDigest: string | null;
  readonly isIkeFragmented: boolean;
}

/** Whether a row is about a message that is known, be it a piece of it or a repetition. */
export function isSameMessage(message: TrackedMessage, facts: MessageFacts): boolean {
  if (facts.fragmentNumber > 0 || message.isIkeFragmented) {
    // Repeated fragments may be cut anew, so their bytes do not tell; their number does (IKEv1 states it last only).
    const sameTotal =
      facts.version === 1 || message.fragmentTotal === 0 || message.fragmentTotal === facts.fragmentTotal;
    return facts.fragmentNumber > 0 && message.isIkeFragmented && sameTotal;
  }
  if (message.length !== facts.length) return false;
  if (facts.isFirstFragment) return message.headDigest === null || message.headDigest === facts.digest;
  return message.digest === null || message.digest === facts.digest;
}

/** `other-view`: the same sending between other addresses, as a capture shows it that has both sides of a NAT. */
export type Transmission = 'new' | 'known' | 'other-view';

/** Adds a transmission to the sending it belongs to, or begins a new one. */
export function addTransmission(message: TrackedMessage, facts: MessageFacts, path: number): Transmission {
  const { ref } = facts;
  const { transmissions } = message;
  if (facts.isAssembled) {
    const open = transmissions.findLast((one) => one.isFragmented && !one.isComplete && one.path === path);
    if (open) {
      open.isComplete = true;
      open.lastFrame = ref;
      return 'known';
    }
  }
  const key = path * 65_536 + facts.fragmentNumber;
  const known = transmissions.findLast((one) => isPartOf(one, key, path, ref));
  if (known) {
    const isOtherView = !isSeenOn(known, path);
    known.seen.add(key);
    known.lastFrame = ref;
    if (facts.fragmentNumber > 0) known.fragments.add(facts.fragmentNumber);
    return isOtherView ? 'other-view' : 'known';
  }
  message.transmissionCount++;
  if (transmissions.length >= TRANSMISSIONS_KEPT) transmissions.pop();
  transmissions.push({
    ...ref,
    path,
    isFragmented: facts.isFirstFragment || facts.isAssembled,
    isComplete: !facts.isFirstFragment,
    fragments: new Set(facts.fragmentNumber > 0 ? [facts.fragmentNumber] : []),
    lastFrame: ref,
    seen: new Set([key]),
  });
  return 'new';
}

function isSeenOn({ seen }: TrackedTransmission, path: number): boolean {
  return [...seen].some((key) => Math.floor(key / 65_536) === path);
}

/** Whether a transmission belongs to a sending that is known: another fragment of it, its other side of a NAT, or a duplicate. */
function isPartOf(transmission: TrackedTransmission, key: number, path: number, ref: FrameRef): boolean {
  const elapsedNs = Math.abs(ref.timeNs - transmission.timeNs);
  if (transmission.seen.has(key)) return elapsedNs < REPEAT_MIN_NS;
  return elapsedNs < (isSeenOn(transmission, path) ? FRAGMENTS_SPAN_NS : SAME_SENDING_NS);
}
