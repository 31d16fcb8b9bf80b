import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Batch } from '../../src/correlate/correlator.js';
import type { FrameRef } from '../../src/moment.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { ControlLedger } from './control-ledger.js';
import * as openvpn from './layout.js';
import { OpenvpnDirectionState } from './open-direction.js';
import { type PacketFacts, sessionText } from './packet-facts.js';
import { PacketIdReader } from './packet-ids.js';
import { isPingLength, PING_LENGTH_MAX } from './ping.js';
import { type OPENVPN_ROWS, PROOF_STRONG, PROOF_WEAK, WRAP_UNREAD } from './rows.js';
import {
  BRIEF_RUN_SECONDS_MIN,
  type OneWayRun,
  type OpenvpnConversation,
  type OpenvpnEndpoint,
  RUN_PACKETS_MIN,
  RUN_SECONDS_MIN,
  type Way,
} from './session.js';

type Rows = Batch<typeof OPENVPN_ROWS>;

const RUNS_KEPT = 16;
/** Data packets of an encrypted kind, and nothing else on the flow, that make a conversation on the protocol's own port. */
const DATA_ALONE_MIN = 10;

export interface ConversationKey {
  readonly low: OpenvpnEndpoint;
  readonly high: OpenvpnEndpoint;
  readonly transport: 'udp' | 'tcp';
  readonly stack: number;
  readonly segment: SegmentIndex;
  /** True where one of the ports is the protocol's own. */
  readonly isOnPort: boolean;
}

/** A conversation while its packets come in. Bounded by its parts: ControlLedger, OpenvpnDirectionState, RUNS_KEPT runs. */
export class OpenConversation {
  lastFrame: FrameId = 0;
  private readonly control = new ControlLedger();
  private readonly directions: readonly [OpenvpnDirectionState, OpenvpnDirectionState];
  private readonly wrappings = new Set<number>();
  /** A control packet was seen that can hardly be anything else. */
  private isClaimed = false;
  private readonly runs: OneWayRun[] = [];
  private briefRun: OneWayRun | null = null;
  private clientWay: Way | null;
  private first: FrameRef | null = null;
  private runWay: Way | -1 = -1;
  private runPackets = 0;
  private runPings = 0;
  private runControlBack = 0;
  private runFirstNs: Nanoseconds = Number.NaN;
  private runFirstFrame: FrameId = 0;
  /** Data packets of the silent side before the run, and the last one of them. */
  private runBackPackets = 0;
  private runBackNs: Nanoseconds = Number.NaN;
  private runBackFrame: FrameId = 0;

  constructor(readonly key: ConversationKey) {
    this.directions = [new OpenvpnDirectionState(key.segment), new OpenvpnDirectionState(key.segment)];
    const { low, high, isOnPort } = key;
    if (!isOnPort || low.port === high.port) this.clientWay = null;
    else this.clientWay = high.port === openvpn.PORT ? 0 : 1;
  }

  /** Takes a row in; for control packets, returns the facts. */
  add(batch: Rows, row: number): PacketFacts | null {
    const { columns } = batch;
    const index = columns.rows.frame[row];
    const ns = batch.timeNs[index];
    const frame = batch.frameIdOf(index);
    const way = columns.rows.direction[row] === 1 ? 1 : 0;
    const opcode = columns.opcode[row];
    const direction = this.directions[way];
    const reverse = this.directions[1 - way];
    const isFragment = columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT;
    this.first ??= { frame, timeNs: ns, segment: batch.segment };
    this.lastFrame = frame;
    const proof = columns.proof[row];
    if (proof === PROOF_STRONG || (proof === PROOF_WEAK && this.key.isOnPort)) this.isClaimed = true;
    const mark = batch.marks[index];
    if ((mark & MARK_INBOUND) !== 0) direction.inbound++;
    else if ((mark & MARK_OUTBOUND) !== 0) direction.outbound++;
    let facts: PacketFacts | null = null;
    if (openvpn.isData(opcode)) this.addData(columns, row, way, ns, frame);
    else {
      facts = factsOf(batch, row, way, { frame, timeNs: ns, segment: batch.segment }, isFragment);
      this.addControl(facts);
    }
    direction.notePacket(ns, frame, columns.length[row], reverse.packets);
    if (isFragment)
      direction.noteFragment({ frame, timeNs: ns, segment: batch.segment }, columns.length[row]);
    return facts;
  }

  private addData(columns: Rows['columns'], row: number, way: Way, ns: Nanoseconds, frame: FrameId): void {
    const direction = this.directions[way];
    const keyId = columns.keyId[row];
    const opcode = columns.opcode[row];
    const length = columns.length[row];
    const packetId = columns.packetId[row];
    direction.dataOpcode = opcode;
    direction.dataKeyId = keyId;
    direction.noteData(ns, frame, length, packetId, columns.peerId[row]);
    this.directions[1 - way].noteAnswer(ns);
    let reader = direction.readers[keyId];
    if (!reader) {
      reader = new PacketIdReader(this.key.segment, keyId, opcode === openvpn.DATA_V2);
      direction.readers[keyId] = reader;
    }
    reader.observe(packetId, columns.packetIdTail[row], ns, frame);
    if (this.control.awaitsData(keyId, way)) {
      this.control.noteData(keyId, way, frame, ns, this.key.segment);
    }
    this.extendRun(way, ns, frame, length, opcode);
  }

  private extendRun(way: Way, ns: Nanoseconds, frame: FrameId, length: number, opcode: number): void {
    if (this.runWay !== way) {
      if (this.runWay !== -1) this.closeRun(this.runWay, { frame, timeNs: ns, segment: this.key.segment });
      this.runWay = way;
      this.runPackets = 0;
      this.runPings = 0;
      this.runControlBack = 0;
      this.runFirstNs = ns;
      this.runFirstFrame = frame;
      const back = this.directions[1 - way];
      this.runBackPackets = back.dataPackets;
      this.runBackNs = back.lastDataNs;
      this.runBackFrame = back.lastDataFrame;
    }
    this.runPackets++;
    if (length <= PING_LENGTH_MAX && isPingLength(length, opcode, null)) this.runPings++;
  }

  private closeRun(way: Way, next: FrameRef): void {
    this.briefRun = this.longerBriefRun(way, next);
    const run = this.runOf(way, next);
    if (!run) return;
    this.runs.push(run);
    if (this.runs.length > RUNS_KEPT) this.runs.splice(RUNS_KEPT / 2, 1);
  }

  private runOf(way: Way, next: FrameRef | null): OneWayRun | null {
    const isLong = this.runSeconds(way) >= RUN_SECONDS_MIN;
    return isLong && this.runPackets >= RUN_PACKETS_MIN ? this.currentRun(way, next) : null;
  }

  private runSeconds(way: Way): number {
    return (this.directions[way].lastDataNs - this.runFirstNs) / NS_PER_SECOND;
  }

  private longerBriefRun(way: Way, next: FrameRef | null): OneWayRun | null {
    if (this.runPackets < Math.max(RUN_PACKETS_MIN, (this.briefRun?.packets ?? 0) + 1)) return this.briefRun;
    const seconds = this.runSeconds(way);
    const isBrief = seconds >= BRIEF_RUN_SECONDS_MIN && seconds < RUN_SECONDS_MIN;
    return isBrief ? this.currentRun(way, next) : this.briefRun;
  }

  private currentRun(way: Way, next: FrameRef | null): OneWayRun {
    const { segment } = this.key;
    const live = this.directions[way];
    return {
      way,
      packets: this.runPackets,
      pings: this.runPings,
      first: { frame: this.runFirstFrame, timeNs: this.runFirstNs, segment },
      last: { frame: live.lastDataFrame, timeNs: live.lastDataNs, segment },
      lastBack:
        this.runBackPackets > 0 ? { frame: this.runBackFrame, timeNs: this.runBackNs, segment } : null,
      nextBack: next,
      controlBack: this.runControlBack,
    };
  }

  private addControl(facts: PacketFacts): void {
    if (facts.wrapping !== WRAP_UNREAD) this.wrappings.add(facts.wrapping);
    if (openvpn.isClientReset(facts.opcode)) this.clientWay = facts.way;
    else if (openvpn.isServerReset(facts.opcode)) this.clientWay = facts.way === 0 ? 1 : 0;
    if (this.runWay !== -1 && this.runWay !== facts.way) this.runControlBack++;
    if (!this.control.add(facts)) return;
    const isHard = openvpn.isClientReset(facts.opcode) || openvpn.isServerReset(facts.opcode);
    for (const direction of this.directions) {
      if (isHard)
        direction.beginSession(
          facts.ref.timeNs,
          this.directions[0].packets + this.directions[1].packets - direction.packets,
        );
      else if (facts.opcode === openvpn.SOFT_RESET) direction.retireKey(facts.keyId);
    }
    if (isHard) this.endRun();
  }

  /** A new session begins: a stretch of one-way data of the old one ends without an answer. */
  private endRun(): void {
    if (this.runWay === -1) return;
    this.briefRun = this.longerBriefRun(this.runWay, null);
    const run = this.runOf(this.runWay, null);
    if (run) this.runs.push(run);
    this.runWay = -1;
  }

  /**
   * Null where nothing proves that this is OpenVPN: a control packet with random session ids where they must be, packet ids that count up, or, on the
   * protocol's own port, nothing but data of one kind.
   */
  describe(): OpenvpnConversation | null {
    const [low, high] = this.directions;
    const { first, key } = this;
    if (!first) return null;
    const lowDirection = low.describe(key.low, key.high, high.packets, high.lastNs);
    const highDirection = high.describe(key.high, key.low, low.packets, low.lastNs);
    const data = low.dataPackets + high.dataPackets;
    const isProven = this.isClaimed || lowDirection.packetIds !== null || highDirection.packetIds !== null;
    const isDataAlone =
      key.isOnPort &&
      data >= DATA_ALONE_MIN &&
      isOfOneKind(lowDirection) &&
      isOfOneKind(highDirection) &&
      (low.dataOpcode === high.dataOpcode || low.dataOpcode === 0 || high.dataOpcode === 0);
    if (!isProven && !isDataAlone) return null;
    const open = this.runWay === -1 ? null : this.runOf(this.runWay, null);
    const last = low.lastFrame > high.lastFrame ? lowDirection.last : highDirection.last;
    return {
      transport: key.transport,
      clientWay: this.clientWay,
      stack: key.stack,
      segment: key.segment,
      wrappings: [...this.wrappings].sort((a, b) => a - b),
      first,
      last: last ?? first,
      directions: [lowDirection, highDirection],
      handshakes: this.control.describe(),
      handshakesDropped: this.control.handshakesDropped,
      runs: open ? [...this.runs, open] : [...this.runs],
      briefRun: this.runWay === -1 ? this.briefRun : this.longerBriefRun(this.runWay, null),
    };
  }
}

/** A session has one peer id and one key at a time; a second one may come with another login, or new keys. */
function isOfOneKind({ peerIds, keyIds }: OpenvpnConversation['directions'][number]): boolean {
  return peerIds.length <= 2 && keyIds.length <= 2;
}

function factsOf(batch: Rows, row: number, way: Way, ref: FrameRef, isFragment: boolean): PacketFacts {
  const { columns } = batch;
  const ackCount = columns.ackCount[row];
  return {
    way,
    opcode: columns.opcode[row],
    keyId: columns.keyId[row],
    length: columns.length[row],
    wrapping: columns.wrapping[row],
    session:
      columns.sessionHigh[row] === 0 && columns.sessionLow[row] === 0
        ? null
        : sessionText(columns.sessionHigh[row], columns.sessionLow[row]),
    remote: ackCount > 0 ? sessionText(columns.remoteHigh[row], columns.remoteLow[row]) : null,
    messageId: columns.messageId[row],
    ackCount,
    ackHighest: columns.ackHighest[row],
    ackBits: columns.ackBits[row],
    alertLevel: columns.alertLevel[row],
    alertDescription: columns.alertDescription[row],
    isFragment,
    ref,
  };
}
