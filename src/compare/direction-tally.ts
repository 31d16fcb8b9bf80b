import { IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import type { DirectionPlan } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import { DelayHistogram } from './delay-histogram.js';
import { headerChanges, hidesChanges, isEqualHeader } from './header-changes.js';
import { LossProfile } from './loss-profile.js';
import { type ChangedPacket, PacketChanges } from './packet-changes.js';

const LOST_KEPT = 1000;
const CITED = 5;
/** As many as a record can name. */
const PROTOCOLS = 32;

/** Losses of one flow one after the other. */
export interface FlowRun {
  count: number;
  readonly first: ComparedPacket;
  last: ComparedPacket;
}

/** Changed packets whose bytes are looked at: those that all directions may still keep. */
export interface ChangeBudget {
  left: number;
}

const CHANGED_KEPT = 2048;

/** What became of the packets of one direction. Bounded: 1,000 lost frames, the first and last five in full. */
export class DirectionTally {
  sent = 0;
  matched = 0;
  lost = 0;
  /** Arrived more often than they were sent. */
  duplicated = 0;
  reordered = 0;
  /** Arrived with a field changed that routers and NATs leave alone. */
  modified = 0;
  /** Arrived in other pieces than they left. */
  recut = 0;
  /** Sent as fragments, and the protocols of all packets as bits. */
  fragments = 0;
  protocols = 0;
  /** Captured where they arrived, not where they were sent. */
  receivedOnly = 0;
  readonly notComparable = {
    outsideWindow: 0,
    snaplen: 0,
    captureLoss: 0,
    captureFilter: 0,
    renumbered: 0,
    crowded: 0,
  };
  readonly lostFrames: number[] = [];
  readonly firstLost: ComparedPacket[] = [];
  lastLost: ComparedPacket[] = [];
  firstDelivered: ComparedPacket | null = null;
  lastDelivered: ComparedPacket | null = null;
  /** The last packet that arrived before the first loss, and the first one after the last. */
  lastGood: ComparedPacket | null = null;
  nextGood: ComparedPacket | null = null;
  readonly changes = new PacketChanges();
  /** Changed in what only their bytes tell. */
  readonly changed: ChangedPacket[] = [];
  readonly delays = new DelayHistogram();
  profile: LossProfile | null = null;
  longestRun: FlowRun | null = null;
  /** By protocol of the catalogue: packets that arrived, and those that are lost. */
  readonly deliveredOf = new Uint32Array(PROTOCOLS);
  readonly lostOf = new Uint32Array(PROTOCOLS);
  private readonly runs = new Map<number, FlowRun>();

  constructor(
    readonly plan: DirectionPlan,
    private readonly budget: ChangeBudget,
    /** By channel, of all directions: one more than the highest ordinal of a packet that arrived. */
    private readonly highest: Float64Array,
  ) {}

  noteDelivered(packet: ComparedPacket, delayNs: Nanoseconds, port: number): void {
    this.noteSent(packet);
    countProtocols(this.deliveredOf, packet.protocols);
    this.matched++;
    if (packet.change === 'recut') this.recut++;
    else this.delays.add(delayNs);
    if (packet.partner && packet.change !== 'recut') this.noteChanges(packet, packet.partner);
    if (this.firstDelivered === null) this.firstDelivered = hold(packet);
    this.lastDelivered = packet;
    if (this.lost > 0 && this.nextGood === null) this.nextGood = hold(packet);
    if (this.runs.size > 0) this.runs.delete(packet.channel);
    this.profile?.note(packet, false, port);
  }

  noteLost(packet: ComparedPacket, port: number): void {
    this.noteSent(packet);
    countProtocols(this.lostOf, packet.protocols);
    if (this.lost === 0 && this.lastDelivered !== null) this.lastGood = hold(this.lastDelivered);
    this.lost++;
    this.nextGood = null;
    if (this.lostFrames.length < LOST_KEPT) this.lostFrames.push(packet.frame);
    if (this.firstLost.length < CITED) this.firstLost.push(packet);
    else this.lastLost = [...this.lastLost.slice(1 - CITED), packet];
    this.profile ??= new LossProfile();
    this.profile.note(packet, true, port);
    this.extendRun(packet);
  }

  noteNotComparable(reason: keyof DirectionTally['notComparable']): void {
    this.sent++;
    this.notComparable[reason]++;
  }

  /** In the order of arrival. A packet is reordered if one that was sent later has arrived before it (RFC 4737). */
  noteReceived(packet: ComparedPacket, isDuplicate: boolean): void {
    if (isDuplicate) {
      this.duplicated++;
      return;
    }
    const { partner } = packet;
    if (partner === null) {
      if (packet.change === 'none') this.receivedOnly++;
      return;
    }
    const position = partner.ordinal + 1;
    if (position < this.highest[packet.channel]) this.reordered++;
    else this.highest[packet.channel] = position;
  }

  /** Of a direction that turns out not to pass the receiver's capture point: what is missing there proves nothing. */
  withdrawLosses(): void {
    this.notComparable.captureLoss += this.lost;
    this.lost = 0;
    this.lostOf.fill(0);
    this.lostFrames.length = 0;
    this.firstLost.length = 0;
    this.lastLost = [];
    this.profile = null;
    this.longestRun = null;
  }

  get citedLost(): readonly ComparedPacket[] {
    return [...this.firstLost, ...this.lastLost];
  }

  private noteSent(packet: ComparedPacket): void {
    this.sent++;
    this.protocols |= packet.protocols;
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) this.fragments++;
  }

  private noteChanges(sent: ComparedPacket, received: ComparedPacket): void {
    const isHidden = hidesChanges(sent, received);
    if (!isHidden && isEqualHeader(sent, received)) return;
    this.modified++;
    hold(sent);
    const pair = { sent, received };
    for (const change of headerChanges(sent, received)) this.changes.note(change, pair);
    if (!isHidden) return;
    if (this.changed.length < CHANGED_KEPT && this.budget.left > 0) {
      this.changed.push(pair);
      this.budget.left--;
    } else this.changes.unread.bound++;
  }

  private extendRun(packet: ComparedPacket): void {
    const run = this.runs.get(packet.channel);
    if (run) {
      run.count++;
      run.last = packet;
    } else {
      this.runs.set(packet.channel, { count: 1, first: packet, last: packet });
    }
    const longest = this.runs.get(packet.channel) ?? null;
    if (longest && longest.count > (this.longestRun?.count ?? 0)) this.longestRun = longest;
  }
}

/** Keeps a packet, and its partner with it, from being used again for another one. */
function hold(packet: ComparedPacket): ComparedPacket {
  packet.isHeld = true;
  return packet;
}

function countProtocols(counts: Uint32Array, protocols: number): void {
  for (let bits = protocols; bits !== 0; bits &= bits - 1) counts[31 - Math.clz32(bits & -bits)]++;
}
