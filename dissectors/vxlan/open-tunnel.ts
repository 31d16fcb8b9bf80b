import type { Batch } from '../../src/correlate/correlator.js';
import { OpenRef } from '../../src/correlate/open-ref.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import { TunnelDirectionState } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { LaneUse, type OpenMacPair, type OpenReservedUse } from './lane-use.js';
import type { VXLAN_ROWS } from './rows.js';
import {
  type Addressing,
  BEHIND_HIGH,
  BEHIND_LOW,
  type InnerFlow,
  type PolicyUse,
  type VxlanDirection,
  type VxlanTunnel,
} from './session.js';
import type { SideCounters } from './side-counters.js';

const POLICIES_MAX = 256;
const MAC_PAIRS_MAX = 1024;
const ADDRESSINGS_MAX = 1024;
const HOSTS_MAX = 4096;
const LANES_MAX = 1024;

export class OpenVxlanDirection extends TunnelDirectionState implements VxlanDirection {
  tagged = 0;
  untagged = 0;
  reserved: OpenReservedUse | null = null;
  private readonly byPolicy = new Map<number, PolicyUse>();
  /** By the hash of the lane. */
  private readonly laneUses = new Map<number, LaneUse>();

  get policies(): readonly PolicyUse[] {
    return [...this.byPolicy.values()];
  }

  laneUse(tunnel: OpenTunnel, batch: Batch<typeof VXLAN_ROWS>, row: number, at: FrameRef): LaneUse {
    const lane = batch.columns.lane[row];
    const known = this.laneUses.get(lane);
    if (known?.fits(batch, row)) return known;
    const use = new LaneUse(this, tunnel, batch, row, at);
    if (!known && this.laneUses.size < LANES_MAX) this.laneUses.set(lane, use);
    return use;
  }

  policy(policyId: number): PolicyUse | null {
    const known = this.byPolicy.get(policyId);
    if (known) return known;
    if (this.byPolicy.size >= POLICIES_MAX) return null;
    const use = { policyId, packets: 0 };
    this.byPolicy.set(policyId, use);
    return use;
  }

  /**
   * `header` holds the stray bits of bytes 0 to 3, `trailer` those of byte 7. Counting is left to the caller.
   */
  reserve(header: number, trailer: number, at: FrameRef): OpenReservedUse {
    this.reserved ??= { header: 0, trailer: 0, packets: 0, first: at, last: openRef(at) };
    this.reserved.header |= header;
    this.reserved.trailer |= trailer;
    return this.reserved;
  }
}

export type OpenAddressing = Addressing & { readonly last: OpenRef };

/** Who is on the two sides of a tunnel. */
export interface TunnelIdentity {
  readonly segment: SegmentIndex;
  readonly stack: number;
  readonly outerStack: number;
  readonly low: string;
  readonly high: string;
  readonly vni: number;
}

/** What a tunnel asks of a flow inside it. */
export interface TunnelFlow {
  readonly isConversation: boolean;
  readonly isTwoWay: boolean;
  /** Hands what was counted since the last call on to the tunnel. */
  settle(counters: SideCounters): void;
  describe(): InnerFlow;
}

/**
 * State of one tunnel in one time segment. Bounded: the _MAX constants above, and the flows that the
 * correlator allows.
 */
export class OpenTunnel {
  isGpe = false;
  readonly directions: readonly [OpenVxlanDirection, OpenVxlanDirection];
  readonly flows: TunnelFlow[] = [];
  private flooded: { packets: number; readonly first: OpenRef; readonly last: OpenRef } | null = null;
  private readonly macPairs = new Map<string, OpenMacPair>();
  private readonly addressings = new Map<string, OpenAddressing>();
  private readonly hosts = new Map<string, number>();

  constructor(readonly identity: TunnelIdentity) {
    const { low, high } = identity;
    this.directions = [new OpenVxlanDirection(low, high), new OpenVxlanDirection(high, low)];
  }

  /** Notes that an inner address sends from, and another one is behind, a side of the tunnel. */
  place(source: string, destination: string, outerDirection: number): void {
    this.placeHost(source, outerDirection === 0 ? BEHIND_LOW : BEHIND_HIGH);
    this.placeHost(destination, outerDirection === 0 ? BEHIND_HIGH : BEHIND_LOW);
  }

  private placeHost(address: string, side: number): void {
    const known = this.hosts.get(address);
    if (known !== undefined) this.hosts.set(address, known | side);
    else if (this.hosts.size < HOSTS_MAX) this.hosts.set(address, side);
  }

  macPair(source: string, destination: string, outerDirection: number, at: FrameRef): OpenMacPair | null {
    const key = `${source} ${destination} ${outerDirection}`;
    const known = this.macPairs.get(key);
    if (known) return known;
    if (this.macPairs.size >= MAC_PAIRS_MAX) return null;
    const pair = { source, destination, outerDirection, first: at, last: openRef(at) };
    this.macPairs.set(key, pair);
    return pair;
  }

  addressing(
    mac: string,
    address: string,
    isSource: boolean,
    outerDirection: number,
    at: FrameRef,
  ): OpenAddressing | null {
    const key = `${mac} ${address} ${isSource} ${outerDirection}`;
    const known = this.addressings.get(key);
    if (known) return known;
    if (this.addressings.size >= ADDRESSINGS_MAX) return null;
    const addressing = { mac, address, isSource, outerDirection, packets: 0, first: at, last: openRef(at) };
    this.addressings.set(key, addressing);
    return addressing;
  }

  /** Packets to a group address, up to the frame `at`. */
  flood(packets: number, at: FrameRef): void {
    if (!this.flooded) {
      this.flooded = { packets, first: openRef(at), last: openRef(at) };
      return;
    }
    this.flooded.packets += packets;
    if (at.frame < this.flooded.first.frame) this.flooded.first.set(at.frame, at.timeNs);
    if (at.frame > this.flooded.last.frame) this.flooded.last.set(at.frame, at.timeNs);
  }

  describe(counters: SideCounters): VxlanTunnel {
    for (const flow of this.flows) flow.settle(counters);
    const { identity, isGpe, directions, flooded } = this;
    const kept = new SessionStore<InnerFlow>(interestOf);
    for (const flow of this.flows) if (flow.isConversation) kept.add(flow.describe());
    return {
      ...identity,
      isGpe,
      directions,
      macPairs: [...this.macPairs.values()],
      addressings: [...this.addressings.values()],
      hosts: this.hosts,
      isMirror:
        (directions[0].packets === 0 || directions[1].packets === 0) &&
        this.flows.some((flow) => flow.isConversation && flow.isTwoWay),
      flooded,
      flows: kept.sessions(),
    };
  }
}

/** Unanswered conversations first, then the longest. */
function interestOf({ sides }: InnerFlow): number {
  const isOneWay = sides[0].packets === 0 || sides[1].packets === 0;
  return sides[0].packets + sides[1].packets + (isOneWay ? 1e12 : 0);
}

function openRef({ frame, timeNs, segment }: FrameRef): OpenRef {
  return new OpenRef(frame, timeNs, segment);
}
