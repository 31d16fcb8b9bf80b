import { type Slot, type SlotLayout, WAITING_ROWS_MAX } from '../observe/slot.js';
import { ORIGIN_ASSEMBLED } from '../observe/table.js';
import { PROTOCOL_UDP } from '../wire/ip.js';
import { VERDICT_WRONG } from './checksum-note.js';
import { ChecksumVerifier } from './checksum-verifier.js';
import { type DispatchTable, ignore, NOBODY } from './dispatch-table.js';
import type { Binding, Dissect, Dissector } from './dissector.js';
import { Fingerprints } from './fingerprints.js';
import { CLAIM_WEAK, FrameContext, NOTED_PROTOCOLS_MAX, SPINE_PROTOCOLS } from './frame-context.js';
import { IdentityRecorder } from './identity-recorder.js';
import { LinkLayer } from './link-layer.js';
import { NetworkLayer } from './network-layer.js';
import { PieceRecorder } from './piece-recorder.js';
import { TransportLayer } from './transport-layer.js';

const ROWS_PER_CHUNK = 16_384;

export interface SlotSizes {
  readonly chunkBytes: number;
  readonly frameCapacity: number;
  readonly seed: number;
  readonly identitySeed?: number;
}

/** The layout of every slot of a run. */
export function slotLayout(dissectors: readonly Dissector[], sizes: SlotSizes): SlotLayout {
  return {
    ...sizes,
    flowCapacity: 8192,
    stackCapacity: 1024,
    blobBytes: 1 << 20,
    tables: dissectors.map(({ observes, rowsPerChunk, carriedBy }) => ({
      schema: observes,
      capacity: rowsPerChunk ?? Math.max(ROWS_PER_CHUNK, sizes.frameCapacity),
      revivableRows: carriedBy.udpHeuristic ? WAITING_ROWS_MAX : 0,
    })),
  };
}

/**
 * The dissectors bound to one slot. Stateless between frames: what is observed of a frame depends on that frame
 * alone.
 */
export class DissectEngine {
  private readonly frame: FrameContext;
  private readonly link: LinkLayer;
  private readonly transport: TransportLayer;
  private readonly leaves: Dissect[];
  private readonly notesProtocols: boolean;
  private readonly checksums: ChecksumVerifier | null;

  constructor(
    readonly dispatch: DispatchTable,
    private readonly slot: Slot,
  ) {
    this.frame = new FrameContext(slot);
    this.leaves = dispatch.dissectors.map(() => ignore);
    const pieces = new PieceRecorder();
    this.transport = new TransportLayer(dispatch, this.leaves, pieces, SPINE_PROTOCOLS.indexOf('transport'));
    const network = new NetworkLayer(
      dispatch,
      this.leaves,
      this.transport,
      pieces,
      SPINE_PROTOCOLS.indexOf('ip'),
    );
    this.link = new LinkLayer(network, SPINE_PROTOCOLS.indexOf('link'));
    const fingerprints = new Fingerprints(slot.fingerprints);
    network.onOutermost = (frame, offset, payload, end) =>
      fingerprints.record(frame, this.link.addressHash[0], offset, payload, end);
    const { identitySeed } = slot.layout;
    this.notesProtocols = identitySeed !== undefined;
    if (identitySeed !== undefined) network.identities = new IdentityRecorder(slot.identities, identitySeed);
    this.checksums =
      dispatch.checksum === NOBODY
        ? null
        : new ChecksumVerifier((frame, offset, end) => {
            this.noteDamage(frame);
            this.leaves[dispatch.checksum](frame, offset, end);
          });
    network.checksums = this.checksums;
    this.bind(network);
  }

  private noteDamage(frame: FrameContext): void {
    const { checksum } = frame;
    if (checksum?.verdict !== VERDICT_WRONG) return;
    const { damaged } = this.slot;
    const row = damaged.rows.append(frame);
    damaged.rows.flow[row] = frame.innermostFlow;
    damaged.rows.direction[row] = frame.innermostDirection;
    damaged.depth[row] = checksum.depth;
    damaged.weight[row] = checksum.weight;
  }

  private bind(network: NetworkLayer): void {
    const { dispatch, leaves, link, slot } = this;
    const subDissector = (protocol: string, name: string): Dissect => {
      const index = dispatch.exitIndex(`${protocol}.${name}`);
      if (index === NOBODY) return ignore;
      return (frame, offset, end) => leaves[index](frame, offset, end);
    };
    dispatch.dissectors.forEach((dissector, index) => {
      const binding: Binding = {
        protocolIndex: SPINE_PROTOCOLS.length + index,
        subDissector: (name) => subDissector(dissector.protocol, name),
        innerEthernet: (frame, offset, end) => link.dissectEthernet(frame, offset, end),
        innerIp: (frame, offset, end) => network.dissectIp(frame, offset, end),
        innerEtherType: (frame, etherType, offset, end) =>
          link.dissectEtherType(frame, etherType, offset, end),
      };
      leaves[index] = dissector.bind(slot.tables[index], binding);
    });
  }

  /**
   * Dissects frames from `firstFrame` on until `endFrame` (default: the end of the chunk), or until a table is full.
   * @returns index of the first frame that was not dissected.
   */
  dissectChunk(firstFrame: number, endFrame: number = this.slot.chunk.frameCount): number {
    const { slot, frame, link, checksums } = this;
    const { frames } = slot.chunk;
    slot.clearTables();
    slot.firstFrame = firstFrame;
    if (this.notesProtocols) slot.protocols.fill(0, firstFrame, endFrame);
    frame.aggregatesRows = slot.aggregatesRows;
    frame.beginRound();
    let index = firstFrame;
    for (; index < endFrame; index++) {
      if (!slot.hasRoom()) break;
      const offset = frames.offset[index];
      const end = offset + frames.capturedLength[index];
      const wireEnd = offset + frames.originalLength[index];
      frame.begin(slot.view, index, frames.marks[index], wireEnd, end < wireEnd);
      if (checksums === null) {
        link.dissect(frame, frames.linkType[index], offset, end);
      } else {
        checksums.beginFrame();
        link.dissect(frame, frames.linkType[index], offset, end);
        checksums.endFrame(frame);
      }
      frames.marks[index] = frame.marks;
    }
    slot.nextFrame = index;
    if (this.notesProtocols) this.noteProtocols();
    slot.groupRows();
    return index;
  }

  /** Notes which protocols the rows of a frame tell of; of aggregated rows `FrameContext.noteAggregated` did. */
  private noteProtocols(): void {
    const { protocols } = this.slot;
    const tables = Math.min(this.slot.tables.length, NOTED_PROTOCOLS_MAX);
    for (let table = 0; table < tables; table++) {
      const { frame, claim, length } = this.slot.tables[table].rows;
      const bit = 1 << table;
      for (let row = 0; row < length; row++) {
        if (claim[row] !== CLAIM_WEAK) protocols[frame[row]] |= bit;
      }
    }
  }

  /**
   * Dissects a message that the assembler put together; its rows carry the frame that completed it.
   * `describe` fills in the context (addresses, ports, stack, flow) of that frame.
   */
  dissectAssembled(
    view: DataView,
    frameIndex: number,
    describe: (frame: FrameContext) => void,
    leaf: number,
  ): void {
    const { frame } = this;
    frame.begin(view, frameIndex, this.slot.chunk.frames.marks[frameIndex], view.byteLength, false);
    this.checksums?.beginFrame();
    describe(frame);
    frame.origin = ORIGIN_ASSEMBLED;
    frame.aggregatesRows = false;
    frame.beginRound();
    frame.payloadLength = view.byteLength;
    if (leaf !== NOBODY) this.leaves[leaf](frame, 0, view.byteLength);
    else if (frame.protocol === PROTOCOL_UDP)
      this.transport.dissectAssembledDatagram(frame, 0, view.byteLength);
  }

  /**
   * Tells of a transport checksum that does not fit in a datagram of fragments, under the frame that completed it.
   * `describe` fills in the context (addresses, ports, stack, flow).
   */
  noteAssembledSum(
    frameIndex: number,
    describe: (frame: FrameContext) => void,
    unfit: { readonly length: number; readonly sum: number; readonly found: number },
  ): void {
    const { frame, slot, checksums } = this;
    if (checksums === null) return;
    frame.begin(slot.view, frameIndex, slot.chunk.frames.marks[frameIndex], 0, false);
    describe(frame);
    frame.networkLength = unfit.length;
    frame.innermostFlow = frame.flow;
    frame.innermostDirection = frame.direction;
    checksums.assembled(frame, unfit.sum, unfit.found);
  }
}
