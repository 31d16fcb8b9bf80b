import type { FrameRef } from '../../src/moment.js';
import * as bfd from './layout.js';
import type { BfdEnd, BfdPause, BfdPhase, OtherTtl } from './session.js';

/** Phases of one end: the first half and the newest half of them are kept. */
const PHASES_MAX = 256;
const PAUSES_FIRST_KEPT = 32;
const PAUSES_MAX = 64;
const PEERS_MAX = 8;
const NS_PER_MICROSECOND = 1000;

/** A control packet as a correlator sees it. */
export interface ControlPacket {
  state: number;
  diagnostic: number;
  flags: number;
  multiplier: number;
  timeToLive: number;
  yourDiscriminator: number;
  desiredMinTx: number;
  requiredMinRx: number;
}

/** Who sends what to whom: the part of an end that never changes. */
export type EndKey = Pick<BfdEnd, 'from' | 'to' | 'stack' | 'segment' | 'carrier' | 'discriminator'>;

/** Follows what one system sends under one discriminator. Holds PHASES_MAX phases and PAUSES_MAX pauses. */
export class EndTracker {
  private packets = 0;
  private hasAuthentication = false;
  private readonly peers: number[] = [];
  private readonly phases: BfdPhase[] = [];
  private readonly pauses: BfdPause[] = [];
  private otherTtl: OtherTtl | null = null;
  private first: FrameRef | null = null;
  private last: FrameRef | null = null;

  /** `direction`: that of its packets on their flow. */
  constructor(
    readonly key: EndKey,
    readonly direction: number,
  ) {}

  /** Takes the next packet in. */
  add(packet: ControlPacket, ref: FrameRef): void {
    this.packets++;
    const phase = this.phases.at(-1);
    if (phase) this.notePause(phase, ref);
    this.first ??= ref;
    this.last = ref;
    if ((packet.flags & bfd.FLAG_AUTHENTICATION) !== 0) this.hasAuthentication = true;
    this.noteTtl(packet.timeToLive, ref);
    this.notePeer(packet.yourDiscriminator);
    if (phase && isContinued(phase, packet)) {
      phase.last = ref;
      phase.count++;
      return;
    }
    this.phases.push({
      myDiscriminator: this.key.discriminator,
      yourDiscriminator: packet.yourDiscriminator,
      state: packet.state,
      diagnostic: packet.diagnostic,
      multiplier: packet.multiplier,
      desiredMinTx: packet.desiredMinTx,
      requiredMinRx: packet.requiredMinRx,
      isDemand: (packet.flags & bfd.FLAG_DEMAND) !== 0,
      first: ref,
      last: ref,
      count: 1,
    });
    if (this.phases.length > PHASES_MAX) this.phases.splice(PHASES_MAX / 2, 1);
  }

  end(): BfdEnd | null {
    const { first, last, packets, hasAuthentication, peers, phases, pauses, otherTtl } = this;
    if (!first || !last) return null;
    return { ...this.key, packets, hasAuthentication, peers, phases, pauses, otherTtl, first, last };
  }

  /** Longer than the detection time can be at the least: the peer may ask for slower packets still. */
  private notePause(phase: BfdPhase, to: FrameRef): void {
    const from = phase.last;
    if (phase.state !== bfd.STATE_UP) return;
    const { multiplier, desiredMinTx } = phase;
    if (!(to.timeNs - from.timeNs > multiplier * desiredMinTx * NS_PER_MICROSECOND)) return;
    this.pauses.push({ from, to, multiplier, desiredMinTx });
    if (this.pauses.length <= PAUSES_MAX) return;
    let shortest = PAUSES_FIRST_KEPT;
    for (let at = shortest + 1; at < this.pauses.length; at++) {
      if (lengthOf(this.pauses[at]) < lengthOf(this.pauses[shortest])) shortest = at;
    }
    this.pauses.splice(shortest, 1);
  }

  private noteTtl(timeToLive: number, ref: FrameRef): void {
    const { carrier } = this.key;
    const isSingleHop = carrier === bfd.CARRIER_SINGLE_HOP || carrier === bfd.CARRIER_MICRO;
    if (!isSingleHop || timeToLive === bfd.TTL_SINGLE_HOP) return;
    if (!this.otherTtl) {
      this.otherTtl = { first: ref, last: ref, count: 1, min: timeToLive, max: timeToLive };
      return;
    }
    this.otherTtl.last = ref;
    this.otherTtl.count++;
    this.otherTtl.min = Math.min(this.otherTtl.min, timeToLive);
    this.otherTtl.max = Math.max(this.otherTtl.max, timeToLive);
  }

  private notePeer(discriminator: number): void {
    if (discriminator === 0 || this.peers.length >= PEERS_MAX) return;
    if (!this.peers.includes(discriminator)) this.peers.push(discriminator);
  }
}

function isContinued(phase: BfdPhase, packet: ControlPacket): boolean {
  return (
    phase.state === packet.state &&
    phase.diagnostic === packet.diagnostic &&
    phase.yourDiscriminator === packet.yourDiscriminator &&
    phase.multiplier === packet.multiplier &&
    phase.desiredMinTx === packet.desiredMinTx &&
    phase.requiredMinRx === packet.requiredMinRx &&
    phase.isDemand === ((packet.flags & bfd.FLAG_DEMAND) !== 0)
  );
}

function lengthOf({ from, to }: BfdPause): number {
  return to.timeNs - from.timeNs;
}
