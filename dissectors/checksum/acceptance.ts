import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { groupBy } from '../../src/correlate/group-by.js';
import { type Conversation, isBefore } from '../../src/correlate/traffic.js';
import { innerWays } from '../../src/diagnose/carried-tunnel.js';
import { VERDICT_ZERO_OVER_IPV6 } from '../../src/dissect/checksum-note.js';
import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP } from '../../src/wire/ip.js';
import type { ChecksumFaults } from './correlator.js';

/*
 * Whether packets with a faulty checksum are accepted, told by the answers to the conversations that they carry. The flow
 * registry knows when each direction of a conversation began and ended, not every packet in between; that suffices for
 * conversations that never get an answer, or only once a packet was right.
 */

/** All faults of one kind from one host to another, whatever they carry. */
export interface Lane {
  readonly kind: number;
  readonly verdict: number;
  readonly sender: string;
  readonly receiver: string;
  readonly layerStack: number;
  readonly faults: readonly ChecksumFaults[];
}

export function lanesOf(sessions: readonly ChecksumFaults[]): Lane[] {
  const lanes = groupBy(
    sessions,
    (one) => `${one.kind} ${one.verdict} ${one.layerStack} ${one.sender} ${one.receiver}`,
  );
  return [...lanes.values()].map((faults) => ({ ...faults[0], faults }));
}

/**
 * 'silent': nothing came back after the first faulty packet, or only after a right one. 'answered': it is taken all the
 * same. 'mixed': some are faulty, and the conversation goes on. 'reply': the faulty packets are answers themselves.
 */
export type Fate = 'silent' | 'answered' | 'mixed' | 'reply' | 'unknown';

/** After that time without an answer TCP asks again (RFC 6298, section 2.1); what comes later answers the repetition. */
const ANSWER_SECONDS = 1;
/** From this share of faulty packets on an answered conversation shows that they are accepted. */
const ACCEPTED_SHARE = 0.5;

export function fateOf(quality: CaptureQuality, faults: ChecksumFaults): Fate {
  const found = conversationOf(quality, faults);
  if (!found?.fromA.first) return 'unknown';
  const { fromA: forth, fromB: back } = found;
  if (!back.first || !back.last || isBefore(back.last, faults.first)) return 'silent';
  if (forth.first && isBefore(back.first, forth.first)) return 'reply';
  if (forth.packets > faults.packets && secondsBetween(faults.last, back.first) >= ANSWER_SECONDS)
    return 'silent';
  return faults.estimated >= ACCEPTED_SHARE * forth.packets ? 'answered' : 'mixed';
}

/** Whether an answer is due: TCP and ICMP ask; UDP may, or may not. */
export function mustBeAnswered({ conversation: { protocol } }: ChecksumFaults): boolean {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
}

/** A conversation whose packets have no such fault, and that is answered. */
export interface AnsweredRight {
  readonly from: string;
  readonly to: string;
  readonly stack: number;
  readonly at: FrameRef;
}

/** Between the same two hosts, or through the same tunnel the same way: what is right and answered; null if nothing is. */
export function answeredOnLane(
  quality: CaptureQuality,
  lane: Lane,
  sessions: readonly ChecksumFaults[],
): AnsweredRight | null {
  const stacks = new Set(lane.faults.map(({ conversation }) => conversation.stack));
  for (const stack of stacks) {
    for (const { from, to } of waysBeside(quality, lane, stack)) {
      const answered = answeredBetween(quality, { from, to, stack }, sessions);
      if (answered) return answered;
    }
  }
  for (const faults of lane.faults) {
    const { stack, from, to } = faults.conversation;
    const back = conversationOf(quality, faults)?.fromB.first;
    if (back && back.frame > faults.last.frame && fateOf(quality, faults) === 'silent')
      return { from, to, at: back, stack };
  }
  return null;
}

/** What the sender asks other hosts with right sums, or other hosts through the same tunnel the same way, and is answered. */
export function answeredElsewhere(
  quality: CaptureQuality,
  { sender, receiver, layerStack }: Lane,
  sessions: readonly ChecksumFaults[],
): AnsweredRight | null {
  const ways = layerStack === 0 ? [] : innerWays(quality, layerStack);
  const own = ways.find(({ from, to }) => from === sender && to === receiver);
  for (const { from, to, outerDirection } of ways) {
    if (outerDirection !== own?.outerDirection) continue;
    const answered = answeredBetween(quality, { from, to, stack: layerStack }, sessions);
    if (answered) return answered;
  }
  for (const { a, b, stack } of quality.traffic.all()) {
    if (stack !== layerStack || (a !== sender && b !== sender)) continue;
    const to = a === sender ? b : a;
    if (to === receiver) continue;
    const answered = answeredBetween(quality, { from: sender, to, stack }, sessions);
    if (answered) return answered;
  }
  return null;
}

interface Way {
  readonly from: string;
  readonly to: string;
}

/** Who asks whom beside the faulty packets. Where UDP has no checksum, the questions of the other end are right as well. */
function waysBeside(
  quality: CaptureQuality,
  { sender, receiver, layerStack, verdict }: Lane,
  stack: number,
): readonly Way[] {
  const isEitherEnd = verdict === VERDICT_ZERO_OVER_IPV6;
  if (stack === layerStack) {
    const forth = { from: sender, to: receiver };
    return isEitherEnd ? [forth, { from: receiver, to: sender }] : [forth];
  }
  const { flows } = quality;
  if (flows.parentStack(stack) !== layerStack) return [];
  const layer = flows.tunnelLayers(stack).at(-1);
  const ofSender = layer?.low === sender ? 0 : 1;
  return innerWays(quality, stack).filter(({ outerDirection }) => isEitherEnd || outerDirection === ofSender);
}

function answeredBetween(
  { traffic }: CaptureQuality,
  { from, to, stack }: Way & { readonly stack: number },
  sessions: readonly ChecksumFaults[],
): AnsweredRight | null {
  for (const { protocol, portOfA, portOfB, fromA, fromB } of traffic.between(from, to, stack)
    ?.conversations ?? []) {
    if (!fromA.first || !fromB.first || isBefore(fromB.first, fromA.first)) continue;
    const isFaulty = sessions.some(
      ({ conversation: one }) =>
        one.stack === stack &&
        one.protocol === protocol &&
        one.from === from &&
        one.to === to &&
        one.fromPort === portOfA &&
        one.toPort === portOfB,
    );
    if (!isFaulty) return { from, to, stack, at: fromB.first };
  }
  return null;
}

function conversationOf({ traffic }: CaptureQuality, faults: ChecksumFaults): Conversation | null {
  const { stack, protocol, from, to, fromPort, toPort } = faults.conversation;
  const pair = traffic.between(from, to, stack);
  return (
    pair?.conversations.find(
      (one) => one.protocol === protocol && one.portOfA === fromPort && one.portOfB === toPort,
    ) ?? null
  );
}

function secondsBetween(a: FrameRef, b: FrameRef): number {
  return a.segment === b.segment ? (b.timeNs - a.timeNs) / NS_PER_SECOND : 0;
}
