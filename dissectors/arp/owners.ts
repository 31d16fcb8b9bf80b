import { type Correlation, type CorrelationRun, defineCorrelator } from '../../src/correlate/correlator.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { formatIpv4, formatMac } from '../../src/wire/address.js';
import type { Rows } from './arp-rows.js';
import dissector, { ARP_REPLY, type arp } from './dissector.js';

/** One MAC address took an IPv4 address over from another one, as one and the same listener saw it. */
export interface ArpTakeover {
  readonly from: string;
  readonly to: string;
  /** The claim before, and the one that took over. */
  readonly before: FrameRef;
  readonly at: FrameRef;
  /** Whether the new claimant had the address before the old one, less than CONTEST_SECONDS ago. */
  readonly isReturn: boolean;
  /** In a reply; otherwise in an announcement to all. */
  readonly isReply: boolean;
}

/** Who claims an IPv4 address, in one tunnel (or none) and time segment. */
export interface ArpOwner {
  readonly segment: SegmentIndex;
  readonly stack: number;
  readonly address: string;
  /** Claims in replies and announcements. */
  claims: number;
  /** At most MACS_MAX. */
  readonly macs: Set<string>;
  /** Takeovers of all kinds, and those in which a MAC address came back; of the latter, those in replies. */
  takeovers: number;
  returns: number;
  returnsInReplies: number;
  /** The first takeovers, at most TAKEOVERS_KEPT, and the last one. */
  readonly kept: ArpTakeover[];
  last: ArpTakeover | null;
}

/** The claims that one listener saw. */
interface Heard {
  mac: string;
  at: FrameRef;
  /** By MAC address: its last claim. */
  readonly claims: Map<string, FrameRef>;
}

interface OpenOwner {
  readonly owner: ArpOwner;
  /** By address and MAC address of who was answered; '' for announcements, which all hear. */
  readonly heard: Map<string, Heard>;
}

export const CONTEST_SECONDS = 60;
const CONTEST_NS = CONTEST_SECONDS * NS_PER_SECOND;
const OWNERS_MAX = 4096;
const LISTENERS_MAX = 32;
const MACS_MAX = 8;
const TAKEOVERS_KEPT = 4;
const TO_ALL = '';

/**
 * Follows who claims an address. Listeners are kept apart: the same address may exist on several links of one
 * capture, and a host with balanced links tells each neighbour another MAC address. Holds at most OWNERS_MAX
 * addresses between epochs, each with LISTENERS_MAX listeners and MACS_MAX MAC addresses.
 */
class OwnerCorrelation implements Correlation<ArpOwner, typeof arp.observes> {
  private readonly open = new Map<string, OpenOwner>();
  private readonly closed = new SessionStore<ArpOwner>(({ returns, macs }) => returns * MACS_MAX + macs.size);

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, _flow: number, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const address = columns.senderAddress[row];
      const isAnnouncement = address === columns.targetAddress[row];
      if (address === 0 || (!isAnnouncement && columns.operation[row] !== ARP_REPLY)) continue;
      const mac = formatMac(columns.senderMacHigh[row], columns.senderMacLow[row]);
      if (isGroupOrEmpty(mac)) continue;
      const listener = isAnnouncement
        ? TO_ALL
        : `${columns.targetAddress[row]} ${columns.targetMacHigh[row]} ${columns.targetMacLow[row]}`;
      note(this.ownerOf(batch, row, address), listener, mac, refOf(batch, row));
    }
  }

  private ownerOf(batch: Rows, row: number, address: number): OpenOwner {
    const flow = batch.flowOf(row);
    const stack = flow < 0 ? 0 : this.run.flows.stack(flow);
    const key = `${stack} ${address}`;
    const known = this.open.get(key);
    if (known) {
      // Moves to the end: the map's order is then by last frame.
      this.open.delete(key);
      this.open.set(key, known);
      return known;
    }
    const owner: ArpOwner = {
      segment: batch.segment,
      stack,
      address: formatIpv4(address),
      claims: 0,
      macs: new Set(),
      takeovers: 0,
      returns: 0,
      returnsInReplies: 0,
      kept: [],
      last: null,
    };
    const opened = { owner, heard: new Map<string, Heard>() };
    this.open.set(key, opened);
    return opened;
  }

  endSegment(): void {
    for (const { owner } of this.open.values()) this.closed.add(owner);
    this.open.clear();
  }

  endEpoch(): void {
    if (this.open.size <= OWNERS_MAX) return;
    let excess = this.open.size - OWNERS_MAX / 2;
    for (const [key, { owner }] of this.open) {
      if (excess-- <= 0) break;
      this.open.delete(key);
      this.closed.add(owner);
    }
  }

  sessions(): readonly ArpOwner[] {
    return [...this.closed.sessions(), ...[...this.open.values()].map(({ owner }) => owner)];
  }
}

function note({ owner, heard }: OpenOwner, listener: string, mac: string, at: FrameRef): void {
  owner.claims++;
  if (owner.macs.size < MACS_MAX) owner.macs.add(mac);
  if (!owner.macs.has(mac)) return;
  const own = heard.get(listener);
  const toAll = heard.get(TO_ALL);
  const latest = own && toAll ? (toAll.at.frame > own.at.frame ? toAll : own) : (own ?? toAll);
  if (latest && latest.mac !== mac && at.timeNs - latest.at.timeNs <= CONTEST_NS) {
    const earlier = own?.claims.get(mac) ?? toAll?.claims.get(mac);
    const isReturn = earlier !== undefined && at.timeNs - earlier.timeNs <= CONTEST_NS;
    const isReply = listener !== TO_ALL;
    keep(owner, { from: latest.mac, to: mac, before: latest.at, at, isReturn, isReply });
  }
  if (own) {
    own.mac = mac;
    own.at = at;
    own.claims.set(mac, at);
  } else if (heard.size < LISTENERS_MAX || listener === TO_ALL) {
    heard.set(listener, { mac, at, claims: new Map([[mac, at]]) });
  }
}

function keep(owner: ArpOwner, takeover: ArpTakeover): void {
  owner.takeovers++;
  if (takeover.isReturn) owner.returns++;
  if (takeover.isReturn && takeover.isReply) owner.returnsInReplies++;
  if (owner.kept.length < TAKEOVERS_KEPT) owner.kept.push(takeover);
  owner.last = takeover;
}

function isGroupOrEmpty(mac: string): boolean {
  return mac === '00:00:00:00:00:00' || (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** Who claims which address. */
export const arpOwners = defineCorrelator<ArpOwner, typeof arp.observes>({
  name: 'arp-owners',
  reads: dissector,
  order: 'capture',
  create: (run) => new OwnerCorrelation(run),
});
