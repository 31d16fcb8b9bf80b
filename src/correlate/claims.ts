import type { Dissector } from '../dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG } from '../dissect/frame-context.js';
import { type Slot, WAITING_ROWS_MAX } from '../observe/slot.js';
import { columnsOf } from '../observe/table.js';
import { type FrameId, frameId } from '../units.js';
import type { FlowId } from './flow-id.js';
import type { FlowRegistry } from './flow-registry.js';
import type { FlowStates } from './flow-states.js';
import type { OmittedRows } from './omitted-rows.js';

/** Rows that may wait on a flow. */
const WAITING_PER_FLOW_MAX = 4;
const NOBODY = -1;

/** What becomes of a row. 0: it passes. From FIRST_RELEASE on: it passes, and the rows of a release right before it. */
const HOLD = 1;
const FIRST_RELEASE = 2;

export interface ClaimCounts {
  /** Rows that did not pass because another dissector owns their flow. */
  disputed: number;
  /** Rows of a weak claim that no second one confirmed. */
  unconfirmed: number;
}

interface FlowClaim {
  owner: number;
  /** CLAIM_ of the owner. */
  strength: number;
  readonly waiting: Waiting[];
}

/** Rows of one packet that a dissector took weakly, until a second packet of the flow confirms it. */
interface Waiting {
  readonly claim: FlowClaim;
  readonly dissector: number;
  readonly frame: FrameId;
  /** Rows in the slot, while their round lasts. */
  rows: number[];
  /** Later: their columns, and the frame that they were seen in. */
  saved: { readonly rows: readonly (readonly number[])[]; readonly frame: readonly number[] } | null;
}

/** The rows of one table on which there is something to decide. */
interface Candidates {
  readonly table: number;
  readonly rows: readonly number[];
  next: number;
}

/**
 * Decides whose a flow is where dissectors recognised its payload instead of its port (decision on heuristics). A strong
 * claim owns its two-way flow, a weak one once a second packet confirms it; then the row that waited is released right
 * before the second. A strong owner goes before a weak one, then the higher declared priority, then the first. Rows that
 * do not pass are counted.
 *
 * Rows wait across chunks: a released row of an earlier chunk is appended to the table again, with a frame of its own
 * behind the chunk's frames that carries number, time, lengths and marks of the frame it was seen in. So it reaches its
 * correlators at the same place wherever the chunks were cut. Bounded: 4 rows a flow, WAITING_ROWS_MAX in all, beyond
 * which the longest waiting are given up. Nothing waits beyond its time segment.
 */
export class Claims {
  readonly counts: ClaimCounts = { disputed: 0, unconfirmed: 0 };
  private readonly states: FlowStates<FlowClaim>;
  /** In order of arrival. */
  private readonly waiting = new Set<Waiting>();
  private waitingRows = 0;
  /** Those that began to wait in the current round. */
  private fresh: Waiting[] = [];
  private verdicts: (Uint32Array | undefined)[] = [];
  private releases: number[][] = [];
  private revivedFrames = 0;
  private scratch = new Uint32Array(1024);
  private dissectors: readonly Dissector[] = [];

  constructor(flows: FlowRegistry) {
    this.states = flows.trackStates((claim) => {
      for (const waiting of [...claim.waiting]) this.giveUp(waiting);
    });
  }

  /** Rows that still wait. */
  get waitingCount(): number {
    return this.waitingRows;
  }

  /**
   * Looks at the rows of a round up to frame `until`, in capture order over all tables; call before `accept`.
   * @param global run-wide flows by the chunk's.
   */
  decide(
    slot: Slot,
    dissectors: readonly Dissector[],
    global: Int32Array,
    omitted: OmittedRows | null,
    until: number,
  ): void {
    this.dissectors = dissectors;
    this.releases = [];
    this.revivedFrames = 0;
    this.verdicts = [];
    if (!this.asksAnything(slot, global)) return;
    const candidates = this.collect(slot, omitted, until);
    for (;;) {
      const next = earliest(slot, candidates);
      if (!next) break;
      this.decideRow(slot, next.table, next.rows[next.next++], global);
    }
    for (const waiting of this.fresh) if (this.waiting.has(waiting)) save(slot, waiting);
    this.fresh = [];
  }

  /** The protocol whose payload a flow was recognised by; null where its ports told it, or nothing did. */
  ownerOf(flow: FlowId): string | null {
    const owner = this.states.get(flow)?.owner ?? NOBODY;
    return owner === NOBODY ? null : this.dissectors[owner].protocol;
  }

  /** False where every row of a table may be seen. */
  hasDecided(table: number): boolean {
    return this.verdicts[table] !== undefined;
  }

  /**
   * Leaves in `order[0 … count)` the rows that correlators may see, and puts released rows in.
   * @returns the new count.
   */
  accept(table: number, order: Uint32Array, count: number): number {
    const verdicts = this.verdicts[table];
    if (!verdicts) return count;
    if (this.scratch.length < order.length) this.scratch = new Uint32Array(order.length);
    const { scratch } = this;
    let accepted = 0;
    for (let at = 0; at < count; at++) {
      const verdict = verdicts[order[at]];
      if (verdict === HOLD) continue;
      if (verdict >= FIRST_RELEASE) {
        for (const row of this.releases[verdict - FIRST_RELEASE]) scratch[accepted++] = row;
      }
      scratch[accepted++] = order[at];
    }
    order.set(scratch.subarray(0, accepted));
    return accepted;
  }

  /** Times of the next segment do not compare: what waits is given up, owners stay. */
  endSegment(): void {
    for (const waiting of this.waiting) this.giveUp(waiting);
  }

  /** False where every row belongs to the dissector that owns its flow: so it is with nearly all rounds. */
  private asksAnything(slot: Slot, global: Int32Array): boolean {
    for (let table = 0; table < slot.tables.length; table++) {
      if (!this.dissectors[table].carriedBy.udpHeuristic) continue;
      const { claim, flow, length } = slot.tables[table].rows;
      for (let row = 0; row < length; row++) {
        if (claim[row] === CLAIM_PORT) continue;
        const known = flow[row] < 0 ? undefined : this.states.get(global[flow[row]]);
        if (known?.owner !== table) return true;
        if (claim[row] === CLAIM_STRONG && known.strength !== CLAIM_STRONG) return true;
      }
    }
    return false;
  }

  private collect(slot: Slot, omitted: OmittedRows | null, until: number): Candidates[] {
    const candidates: Candidates[] = [];
    for (let table = 0; table < slot.tables.length; table++) {
      if (!this.dissectors[table].carriedBy.udpHeuristic) continue;
      const { frame, flow, claim, length } = slot.tables[table].rows;
      const rows: number[] = [];
      for (let row = 0; row < length; row++) {
        if (claim[row] === CLAIM_PORT || frame[row] > until) continue;
        if (!omitted?.omits(frame[row], flow[row])) rows.push(row);
      }
      if (rows.length === 0) continue;
      // Rows of the assembler stand at the table's end.
      rows.sort((a, b) => frame[a] - frame[b] || a - b);
      candidates.push({ table, rows, next: 0 });
      this.verdicts[table] = new Uint32Array(length);
    }
    return candidates;
  }

  private decideRow(slot: Slot, table: number, row: number, global: Int32Array): void {
    const { rows } = slot.tables[table];
    const strength = rows.claim[row];
    const flow = rows.flow[row] < 0 ? -1 : global[rows.flow[row]];
    if (flow < 0) {
      // Without a flow there is no second packet to wait for.
      if (strength !== CLAIM_STRONG) this.hold(table, row, 'unconfirmed');
      return;
    }
    let claim = this.states.get(flow);
    if (!claim) {
      claim = { owner: NOBODY, strength: CLAIM_PORT, waiting: [] };
      this.states.set(flow, claim);
    }
    if (claim.owner === table) {
      if (strength === CLAIM_STRONG) claim.strength = CLAIM_STRONG;
    } else if (!this.outranks(table, strength, claim)) this.hold(table, row, 'disputed');
    else if (strength === CLAIM_STRONG) this.own(slot, claim, table, row, strength);
    else this.confirm(slot, claim, table, row);
  }

  private outranks(table: number, strength: number, claim: FlowClaim): boolean {
    if (claim.owner === NOBODY) return true;
    if (strength !== claim.strength) return strength === CLAIM_STRONG;
    return this.priorityOf(table) > this.priorityOf(claim.owner);
  }

  private priorityOf(table: number): number {
    return this.dissectors[table].carriedBy.udpHeuristic?.priority ?? 0;
  }

  /** A weak row: the packet waits if it is the flow's first of this dissector, else it confirms the one that does. */
  private confirm(slot: Slot, claim: FlowClaim, table: number, row: number): void {
    const frame = frameIdAt(slot, slot.tables[table].rows.frame[row]);
    const waiting = claim.waiting.find(({ dissector }) => dissector === table);
    if (waiting && waiting.frame !== frame) {
      this.own(slot, claim, table, row, slot.tables[table].rows.claim[row]);
      return;
    }
    const rowsOfFlow = claim.waiting.reduce((sum, { rows }) => sum + rows.length, 0);
    if (rowsOfFlow >= WAITING_PER_FLOW_MAX) {
      this.hold(table, row, 'unconfirmed');
      return;
    }
    this.setVerdict(table, row, HOLD);
    this.waitingRows++;
    if (waiting) waiting.rows.push(row);
    else {
      const first: Waiting = { claim, dissector: table, frame, rows: [row], saved: null };
      claim.waiting.push(first);
      this.waiting.add(first);
      this.fresh.push(first);
    }
    for (const oldest of this.waiting) {
      if (this.waitingRows <= WAITING_ROWS_MAX) break;
      this.giveUp(oldest);
    }
  }

  private own(slot: Slot, claim: FlowClaim, table: number, row: number, strength: number): void {
    claim.owner = table;
    claim.strength = strength;
    for (const waiting of [...claim.waiting]) {
      if (waiting.dissector === table) {
        this.setVerdict(table, row, FIRST_RELEASE + this.releases.length);
        this.releases.push(waiting.saved ? this.revive(slot, waiting, waiting.saved, row) : waiting.rows);
        this.remove(waiting);
      } else if (strength === CLAIM_STRONG || this.priorityOf(waiting.dissector) <= this.priorityOf(table)) {
        this.counts.disputed += waiting.rows.length;
        this.remove(waiting);
      }
    }
  }

  /** Appends rows of an earlier round again; `row` is the one that releases them, of the same flow. */
  private revive(slot: Slot, waiting: Waiting, saved: NonNullable<Waiting['saved']>, row: number): number[] {
    const table = slot.tables[waiting.dissector];
    const { rows } = table;
    const columns = columnsOf(table);
    const frame = slot.layout.frameCapacity + this.revivedFrames++;
    frameColumns(slot).forEach((column, index) => {
      column[frame] = saved.frame[index];
    });
    return saved.rows.map((values) => {
      const revived = rows.length++;
      columns.forEach((column, index) => {
        column[revived] = values[index];
      });
      rows.frame[revived] = frame;
      rows.flow[revived] = rows.flow[row];
      return revived;
    });
  }

  private hold(table: number, row: number, why: keyof ClaimCounts): void {
    this.counts[why]++;
    this.setVerdict(table, row, HOLD);
  }

  private setVerdict(table: number, row: number, verdict: number): void {
    const verdicts = this.verdicts[table];
    if (verdicts) verdicts[row] = verdict;
  }

  private giveUp(waiting: Waiting): void {
    this.counts.unconfirmed += waiting.rows.length;
    this.remove(waiting);
  }

  private remove(waiting: Waiting): void {
    this.waitingRows -= waiting.rows.length;
    this.waiting.delete(waiting);
    waiting.claim.waiting.splice(waiting.claim.waiting.indexOf(waiting), 1);
  }
}

/** The table whose next row was seen first; undefined when all are done. */
function earliest(slot: Slot, candidates: readonly Candidates[]): Candidates | undefined {
  let first: Candidates | undefined;
  let firstFrame = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.next >= candidate.rows.length) continue;
    const frame = slot.tables[candidate.table].rows.frame[candidate.rows[candidate.next]];
    if (frame >= firstFrame) continue;
    first = candidate;
    firstFrame = frame;
  }
  return first;
}

function save(slot: Slot, waiting: Waiting): void {
  const table = slot.tables[waiting.dissector];
  const columns = columnsOf(table);
  const frame = table.rows.frame[waiting.rows[0]];
  waiting.saved = {
    rows: waiting.rows.map((row) => columns.map((column) => column[row])),
    frame: frameColumns(slot).map((column) => column[frame]),
  };
}

function frameColumns(slot: Slot): (Uint32Array | Float64Array | Uint16Array | Uint8Array)[] {
  const { number, capture, timeNs, originalLength, capturedLength, linkType, interfaceIndex, marks } =
    slot.frames;
  return [number, capture, timeNs, originalLength, capturedLength, linkType, interfaceIndex, marks];
}

function frameIdAt(slot: Slot, frameIndex: number): FrameId {
  return frameId(slot.frames.capture[frameIndex], slot.frames.number[frameIndex]);
}
