import { type DispatchTable, NOBODY } from '../dissect/dispatch-table.js';
import type { DissectEngine } from '../dissect/dissect-engine.js';
import type { FrameContext } from '../dissect/frame-context.js';
import { PIECE_FRAGMENT } from '../observe/engine-tables.js';
import { FLOW_HIGH, FLOW_LOW, FLOW_PORTS, FLOW_STACK, STACK_PARENT } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import { frameId, frameNumberOf } from '../units.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { DESTINATION_PORT, SOURCE_PORT, UDP_HEADER_LENGTH, UDP_LENGTH } from '../wire/transport.js';
import { DatagramAssembly, type DatagramCounts } from './datagram-assembly.js';
import type { FlowRegistry } from './flow-registry.js';
import { FragmentSums, type UnfitSum } from './fragment-sums.js';
import type { OmittedRows } from './omitted-rows.js';
import { isIpv4, type Piece, PieceClock, readPiece } from './piece.js';
import { StreamAssembly, type StreamCounts } from './stream-assembly.js';
import type { AssembledStream } from './stream-state.js';

export interface AssemblerCounts {
  /** Datagrams and messages of streams that were put together and read. */
  readonly completed: number;
  /** Datagrams that stayed incomplete, or that still are. */
  readonly abandoned: number;
  /** Bytes that were given up because of a bound. */
  readonly refusedBytes: number;
  /** Pieces and messages without room for their flows or rows in the chunk's tables. */
  readonly refusedMessages: number;
  readonly datagrams: Readonly<DatagramCounts>;
  readonly streams: Readonly<StreamCounts>;
}

const FAILURES_KEPT = 20;

/**
 * Orders payload that crosses frames (fragments of UDP datagrams, segments of claimed TCP streams) and hands whole
 * messages to the dissectors that read frames. Rows appear as if the frame that completed a message had carried all
 * of it. Takes frames in capture order; how they were cut into chunks makes no difference.
 */
export class Assembler {
  /**
   * After `consume`: -1, or the frame up to which rows are to be taken in (and dropped) before `consume` is called
   * again for the rest of the same round, because a table is full.
   */
  pausedAt = -1;

  private readonly clock = new PieceClock();
  private readonly datagrams: DatagramAssembly;
  private readonly streams: StreamAssembly;
  private readonly sums: FragmentSums;
  private readonly readsDatagrams: boolean;
  private refusedMessages = 0;
  private failureCount = 0;

  private nextRow = 0;
  /** Flows of the chunk that have a run-wide flow. */
  private mappedFlows = 0;
  /** Pieces inside messages that were just put together: tunnels may be fragmented within and without. */
  private readonly inner: Piece[] = [];
  private stream: AssembledStream | null = null;
  private datagram: DataView | null = null;
  private unfit: UnfitSum | null = null;
  private piece: Piece | null = null;
  private sourcePort = 0;
  private destinationPort = 0;

  /** `onFailure` hears of dissectors that throw on a message. */
  constructor(
    private readonly dispatch: DispatchTable,
    private readonly flows: FlowRegistry,
    private readonly onFailure: (failure: { where: string; message: string }) => void = () => {},
  ) {
    this.readsDatagrams = dispatch.assembles.includes(1);
    this.datagrams = new DatagramAssembly(flows, this.clock, (source, destination) =>
      this.isRead(source, destination),
    );
    this.streams = new StreamAssembly(flows, this.clock);
    this.sums = new FragmentSums(flows, this.clock);
  }

  get counts(): AssemblerCounts {
    const datagrams = this.datagrams.counts;
    const streams = this.streams.counts;
    return {
      completed: datagrams.completed + streams.messages,
      abandoned: datagrams.abandoned + this.datagrams.openCount,
      refusedBytes: datagrams.refusedBytes + streams.refusedBytes,
      refusedMessages: this.refusedMessages,
      datagrams: { ...datagrams },
      streams: { ...streams },
    };
  }

  /**
   * Takes the pieces of a dissected round in.
   * @param global run-wide flows by the chunk's.
   * @returns true where rows or flows were appended to the slot's tables.
   */
  consume(slot: Slot, engine: DissectEngine, global: Int32Array, omitted: OmittedRows | null): boolean {
    const isResumed = this.pausedAt >= 0;
    if (!isResumed) this.nextRow = 0;
    this.mappedFlows = slot.flows.keys.length;
    this.pausedAt = -1;
    const pieceCount = slot.pieces.rows.length;
    let hasAppended = false;
    for (;;) {
      const piece = this.piece ?? this.takePiece(slot, global, omitted, pieceCount);
      if (!piece) return hasAppended;
      this.piece = piece;
      for (;;) {
        const hasRoom = slot.hasRoomForMessage();
        // A pause makes room, unless single frames left more rows than ROWS_PER_FRAME_MAX allows.
        if (!hasRoom && (hasAppended || !isResumed)) {
          this.pausedAt = piece.frameIndex;
          return hasAppended;
        }
        const message = this.nextMessage(piece);
        if (!message) break;
        if (hasRoom) {
          hasAppended = true;
          if (message instanceof DataView) this.dissect(slot, engine, piece, message);
          else this.noteSum(slot, engine, piece, message);
        } else this.refusedMessages++;
      }
      if (this.stream) this.streams.settle(this.stream);
      this.stream = null;
      this.piece = null;
    }
  }

  endSegment(): void {
    this.datagrams.endSegment();
    this.streams.endSegment();
    this.clock.endSegment();
  }

  /** All bounds fall due in capture order, so nothing is left for the end of an epoch. */
  endEpoch(): void {}

  /** Orders the next piece of the round; its messages are then asked for one by one. */
  private takePiece(
    slot: Slot,
    global: Int32Array,
    omitted: OmittedRows | null,
    pieceCount: number,
  ): Piece | null {
    for (;;) {
      let piece = this.inner.shift();
      if (!piece) {
        if (this.nextRow >= pieceCount) return null;
        const row = this.nextRow++;
        const { frame, flow } = slot.pieces.rows;
        if (omitted?.omits(frame[row], flow[row])) continue;
        piece = readPiece(slot, row, global);
      }
      if (piece.flow < 0) {
        this.refusedMessages++;
        continue;
      }
      this.clock.advance(piece.timeNs);
      if (piece.kind === PIECE_FRAGMENT) this.takeFragment(piece);
      else this.takeSegment(piece);
      if (this.datagram || this.stream || this.unfit) return piece;
    }
  }

  private takeFragment(piece: Piece): void {
    this.unfit = this.sums.add(piece);
    if (!this.readsDatagrams || piece.protocol !== PROTOCOL_UDP) return;
    const bytes = this.datagrams.add(piece);
    if (!bytes) return;
    const { counts } = this.datagrams;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length < UDP_HEADER_LENGTH ? -1 : view.getUint16(UDP_LENGTH) || bytes.length;
    if (length < UDP_HEADER_LENGTH || length > bytes.length) {
      counts.malformed++;
      return;
    }
    counts.completed++;
    this.sourcePort = view.getUint16(SOURCE_PORT);
    this.destinationPort = view.getUint16(DESTINATION_PORT);
    this.datagram = new DataView(
      bytes.buffer,
      bytes.byteOffset + UDP_HEADER_LENGTH,
      length - UDP_HEADER_LENGTH,
    );
  }

  private takeSegment(piece: Piece): void {
    const framing = this.dispatch.dissectors[piece.protocol].stream;
    if (framing) this.stream = this.streams.add(piece, framing);
  }

  private nextMessage(piece: Piece): DataView | UnfitSum | null {
    if (piece.kind !== PIECE_FRAGMENT) return this.stream ? this.streams.next(this.stream) : null;
    const { unfit } = this;
    this.unfit = null;
    if (unfit) return unfit;
    const { datagram } = this;
    this.datagram = null;
    return datagram;
  }

  private dissect(slot: Slot, engine: DissectEngine, piece: Piece, message: DataView): void {
    if (!slot.hasFlowsForMessage()) {
      this.refusedMessages++;
      return;
    }
    slot.reindex();
    const { touches, fingerprints, pieces } = slot;
    const known = { pieces: pieces.rows.length, blob: slot.blobLength };
    const counted = { touches: touches.rows.length, fingerprints: fingerprints.rows.length };
    try {
      engine.dissectAssembled(message, piece.frameIndex, this.describe(slot, piece), leafOf(piece));
    } catch (error) {
      this.noteFailure(slot, piece, error);
    }
    if (pieces.rows.length > known.pieces) this.keepInnerPieces(slot, known.pieces);
    // The packets of a message were counted, and told from copies, frame by frame.
    touches.rows.length = counted.touches;
    fingerprints.rows.length = counted.fingerprints;
    pieces.rows.length = known.pieces;
    slot.blobLength = known.blob;
  }

  /** Rows of a checksum that does not fit; what its datagram says was taken in frame by frame. */
  private noteSum(slot: Slot, engine: DissectEngine, piece: Piece, unfit: UnfitSum): void {
    if (!slot.hasFlowsForMessage()) {
      this.refusedMessages++;
      return;
    }
    slot.reindex();
    this.sourcePort = unfit.sourcePort;
    this.destinationPort = unfit.destinationPort;
    const { rows } = slot.damaged;
    const known = rows.length;
    try {
      engine.noteAssembledSum(piece.frameIndex, this.describe(slot, piece), unfit);
    } catch (error) {
      this.noteFailure(slot, piece, error);
    }
    rows.length = known;
  }

  private keepInnerPieces(slot: Slot, knownPieces: number): void {
    const global = this.flows.mapFlows(slot, this.mappedFlows);
    this.mappedFlows = slot.flows.keys.length;
    for (let row = knownPieces; row < slot.pieces.rows.length; row++) {
      const piece = readPiece(slot, row, global);
      this.inner.push({ ...piece, bytes: piece.bytes.slice() });
    }
  }

  /** The context of the message: what the spine would know had one frame carried it. */
  private describe(slot: Slot, piece: Piece): (frame: FrameContext) => void {
    const { words } = slot.flows.keys;
    const { udpPort, entropySourcePort } = this.dispatch;
    const at = piece.chunkFlow * KEY_WORDS;
    return (frame) => {
      const from = at + (piece.direction === 0 ? FLOW_LOW : FLOW_HIGH);
      const to = at + (piece.direction === 0 ? FLOW_HIGH : FLOW_LOW);
      for (let word = 0; word < 4; word++) {
        frame.source[word] = words[from + word];
        frame.destination[word] = words[to + word];
      }
      frame.family = isIpv4(slot, piece.chunkFlow) ? 4 : 6;
      frame.stack = words[at + FLOW_STACK];
      frame.depth = depthOf(slot, frame.stack);
      frame.timeToLive = 0;
      frame.networkOffset = 0;
      frame.networkLength = frame.view.byteLength;
      if (piece.kind === PIECE_FRAGMENT) {
        frame.protocol = piece.protocol;
        frame.sourcePort = this.sourcePort;
        frame.destinationPort = this.destinationPort;
        const owner = piece.protocol === PROTOCOL_UDP ? udpPort[this.destinationPort] : NOBODY;
        const isEntropy = owner !== NOBODY && entropySourcePort[owner] === 1;
        frame.resumeConversation(isEntropy ? this.destinationPort : this.sourcePort);
        return;
      }
      const ports = words[at + FLOW_PORTS];
      frame.protocol = PROTOCOL_TCP;
      frame.sourcePort = piece.direction === 0 ? ports >>> 16 : ports & 0xffff;
      frame.destinationPort = piece.direction === 0 ? ports & 0xffff : ports >>> 16;
      frame.flow = piece.chunkFlow;
      frame.direction = piece.direction;
    };
  }

  private isRead(sourcePort: number, destinationPort: number): boolean {
    const { udpPort, udpHeuristics, assembles } = this.dispatch;
    let leaf = udpPort[destinationPort];
    if (leaf === NOBODY) leaf = udpPort[sourcePort];
    if (leaf !== NOBODY) return assembles[leaf] === 1;
    return udpHeuristics.some(({ index }) => assembles[index] === 1);
  }

  private noteFailure(slot: Slot, piece: Piece, error: unknown): void {
    if (this.failureCount++ >= FAILURES_KEPT) return;
    const { capture, number } = slot.chunk.frames;
    const frame = frameNumberOf(frameId(capture[piece.frameIndex], number[piece.frameIndex]));
    const message = error instanceof Error ? error.message : String(error);
    this.onFailure({ where: `message completed in frame ${frame}`, message });
  }
}

/** Datagrams go to the dissector that owns their ports or recognises them; segments name their dissector. */
function leafOf(piece: Piece): number {
  return piece.kind === PIECE_FRAGMENT ? NOBODY : piece.protocol;
}

/** How many tunnels a stack has. */
function depthOf(slot: Slot, stack: number): number {
  let depth = 0;
  for (let at = stack; at !== 0; at = slot.stacks.words[at * KEY_WORDS + STACK_PARENT]) depth++;
  return depth;
}
