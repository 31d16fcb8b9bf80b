import type { CaptureFacts, CaptureInterface, Damage } from './capture-source.js';

/** Damage entries and comments kept of one file; what is beyond is counted in `skipped`. */
const DAMAGE_COUNT_MAX = 100;
const COMMENT_COUNT_MAX = 100;
const COMMENT_LENGTH_MAX = 1024;
/** Distinct names in `skipped`; further unknown block types share one entry. */
const SKIPPED_NAME_COUNT_MAX = 200;
/** `FrameIndex.interfaceIndex` is 16 bits wide. */
const INTERFACE_COUNT_MAX = 65_535;

export function newCaptureFacts(file: string): CaptureFacts {
  return {
    file,
    format: 'unknown',
    linkTypes: [],
    frames: 0,
    records: 0,
    bytes: 0,
    clock: 'absolute',
    firstTimeNs: null,
    lastTimeNs: null,
    damaged: [],
    drops: null,
    snaplen: 0,
    packetsInWords: 0,
    packetsInLists: 0,
    fragmentsUntold: 0,
    comments: [],
    skipped: new Map(),
  };
}

export function countSkipped(facts: CaptureFacts, name: string, count = 1): void {
  const known = facts.skipped.has(name) || facts.skipped.size < SKIPPED_NAME_COUNT_MAX;
  const key = known ? name : 'other';
  facts.skipped.set(key, (facts.skipped.get(key) ?? 0) + count);
}

export function addDamage(facts: CaptureFacts, offset: number, reason: string, isCutShort = false): void {
  if (facts.damaged.length < DAMAGE_COUNT_MAX) {
    (facts.damaged as Damage[]).push({ offset, reason, isCutShort });
  } else {
    countSkipped(facts, 'further damaged places');
  }
}

export function addComment(facts: CaptureFacts, comment: string): void {
  if (facts.comments.length >= COMMENT_COUNT_MAX) {
    countSkipped(facts, 'further comments');
    return;
  }
  const kept = comment.length > COMMENT_LENGTH_MAX ? `${comment.slice(0, COMMENT_LENGTH_MAX)}…` : comment;
  facts.comments.push(kept);
}

/**
 * Adds an interface to the run's list and to the facts of its file.
 * @returns its index in the list; beyond the 65,535th the index of the last one, counted in `skipped`.
 */
export function addInterface(
  facts: CaptureFacts,
  interfaces: CaptureInterface[],
  added: CaptureInterface,
): number {
  if (!facts.linkTypes.includes(added.linkType)) facts.linkTypes.push(added.linkType);
  if (added.snaplen > 0 && (facts.snaplen === 0 || added.snaplen < facts.snaplen)) {
    facts.snaplen = added.snaplen;
  }
  if (interfaces.length >= INTERFACE_COUNT_MAX) {
    countSkipped(facts, 'interfaces beyond the 65535th');
    return INTERFACE_COUNT_MAX - 1;
  }
  interfaces.push(added);
  return interfaces.length - 1;
}
