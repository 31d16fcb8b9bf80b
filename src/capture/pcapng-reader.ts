// Walks the blocks of a pcapng file in place (draft-ietf-opsawg-pcapng). Knows nothing of files or chunks.
import { addComment, addDamage, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import type { FrameIndex } from './chunk.js';
import { MARK_NO_TIME } from './frame-marks.js';
import * as block from './pcapng-blocks.js';
import type { PcapngInterface } from './pcapng-interface.js';
import {
  EPB_DROPCOUNT,
  EPB_FLAGS,
  fcsLengthOfFlags,
  marksOfFlags,
  OPT_COMMENT,
  OPTION_HEADER_LENGTH,
  OptionCursor,
} from './pcapng-options.js';
import { PcapngSection } from './pcapng-section.js';
import {
  type ReadWindow,
  type RecordWalker,
  WALK_AT_LIMIT,
  WALK_CUT,
  WALK_LOST,
  WALK_NEEDS_BYTES,
  WALK_SKIP,
  type WalkStop,
} from './read-window.js';
import { BACKWARD_STEP_NS, OUTLIER_NS, type SegmentClock } from './segment-clock.js';

/** A block was read and the next may follow. */
const WALK_ON = -1;

export class PcapngReader implements RecordWalker {
  readonly searchLengthMax = Number.POSITIVE_INFINITY;
  private readonly section: PcapngSection;
  private readonly interfaces: PcapngInterface[];
  private readonly options = new OptionCursor();
  private baseNs = 0n;
  private baseVersion = 0;

  constructor(
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    interfaces: CaptureInterface[],
    private readonly clock: SegmentClock,
  ) {
    facts.format = 'pcapng';
    this.section = new PcapngSection(facts, captureIndex, interfaces);
    this.interfaces = this.section.interfaces;
  }

  walk(window: ReadWindow): WalkStop {
    const { view, end, frames } = window;
    if (frames === null) return WALK_NEEDS_BYTES;
    const { section } = this;
    for (;;) {
      const at = window.at;
      if (at + block.BLOCK_LENGTH_MIN > end) return WALK_NEEDS_BYTES;
      const type = view.getUint32(at, section.littleEndian);
      let stop: WalkStop | typeof WALK_ON;
      if (type === block.SHB_TYPE) {
        stop = this.readSectionHeader(window);
      } else {
        const length = view.getUint32(at + block.BLOCK_LENGTH, section.littleEndian);
        if (length < block.BLOCK_LENGTH_MIN || (length & 3) !== 0 || length > block.BLOCK_LENGTH_MAX) {
          return loseAt(window, `a block claims a length of ${length} bytes`);
        }
        if (at + length > end) {
          return length > window.bytes.length ? this.skipOversize(window, type, length) : WALK_NEEDS_BYTES;
        }
        if (section.unsupported) {
          stop = this.skipBlock(window, length, 'blocks of sections that cannot be read');
        } else if (type === block.EPB_TYPE || type === block.OPB_TYPE) {
          stop = this.readPacket(window, frames, type, length);
        } else if (type === block.SPB_TYPE) {
          stop = this.readSimplePacket(window, frames, length);
        } else {
          stop = this.readColdBlock(window, type, length);
        }
      }
      if (stop !== WALK_ON) return stop;
    }
  }

  findRecord(bytes: Uint8Array, searchEnd: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 1; at < searchEnd; at += 1) {
      if (block.isPlausibleBlock(view, at, this.section.littleEndian)) return at;
    }
    return -1;
  }

  rebase(baseNs: bigint): void {
    this.baseNs = baseNs;
    this.baseVersion += 1;
  }

  exactNs(high: number, low: number, interfaceId: number): bigint {
    return this.interfaces[interfaceId].exactNs(high, low);
  }

  relativeNs(high: number, low: number, interfaceId: number): number {
    const subject = this.interfaces[interfaceId];
    if (subject.baseVersion !== this.baseVersion) subject.rebase(this.baseNs, this.baseVersion);
    return subject.relativeNs(high, low);
  }

  private readPacket(
    window: ReadWindow,
    frames: FrameIndex,
    type: number,
    length: number,
  ): WalkStop | typeof WALK_ON {
    const { view, at } = window;
    const { littleEndian } = this.section;
    if (length < block.EPB_LENGTH_MIN) return this.skipDamaged(window, length, 'a packet block is too short');
    const captured = view.getUint32(at + block.EPB_CAPTURED, littleEndian);
    const id =
      type === block.EPB_TYPE
        ? view.getUint32(at + block.EPB_INTERFACE, littleEndian)
        : view.getUint16(at + block.EPB_INTERFACE, littleEndian);
    const end = at + length - 4;
    const data = at + block.EPB_DATA;
    if (captured > end - data) {
      return this.skipDamaged(window, length, 'a packet claims more bytes than its block holds');
    }
    if (id >= this.interfaces.length) {
      return this.skipDamaged(
        window,
        length,
        `a packet of interface ${id}, which the section does not describe`,
      );
    }
    if (window.rows >= window.rowLimit) return WALK_AT_LIMIT;
    const subject = this.interfaces[id];
    if (subject.baseVersion !== this.baseVersion) subject.rebase(this.baseNs, this.baseVersion);
    const high = view.getUint32(at + block.EPB_HIGH, littleEndian);
    const low = view.getUint32(at + block.EPB_LOW, littleEndian);
    const original = view.getUint32(at + block.EPB_ORIGINAL, littleEndian);
    const row = this.writeRow(window, frames, subject, data, captured, original);
    const time = subject.relativeNs(high, low);
    frames.timeNs[row] = time;
    let fcsLength = subject.fcsLength;
    const options = data + ((captured + 3) & ~3);
    if (type === block.OPB_TYPE) this.notePacketDrops(view, at, subject);
    if (end - options >= OPTION_HEADER_LENGTH) {
      fcsLength = this.readPacketOptions(window, frames, row, options, end, type, subject);
    }
    if (fcsLength > 0) cutFrameCheck(frames, row, fcsLength);
    const stop = this.finishBlock(window, length, options);
    const { clock } = this;
    const step = time - clock.last;
    if (step >= -BACKWARD_STEP_NS && step <= OUTLIER_NS && time <= clock.limit) clock.last = time;
    else if (!clock.place(window, this, high, low, id)) return WALK_CUT;
    return stop;
  }

  /** A Simple Packet Block has no time and belongs to interface 0. */
  private readSimplePacket(
    window: ReadWindow,
    frames: FrameIndex,
    length: number,
  ): WalkStop | typeof WALK_ON {
    const { view, at } = window;
    if (length < block.SPB_LENGTH_MIN) return this.skipDamaged(window, length, 'a packet block is too short');
    if (this.interfaces.length === 0) {
      return this.skipDamaged(window, length, 'a packet of interface 0, which the section does not describe');
    }
    if (window.rows >= window.rowLimit) return WALK_AT_LIMIT;
    const subject = this.interfaces[0];
    const original = view.getUint32(at + block.SPB_ORIGINAL, this.section.littleEndian);
    let captured = Math.min(original, length - block.SPB_LENGTH_MIN);
    if (subject.snaplen > 0 && captured > subject.snaplen) captured = subject.snaplen;
    const row = this.writeRow(window, frames, subject, at + block.SPB_DATA, captured, original);
    frames.timeNs[row] = Number.NaN;
    frames.marks[row] = MARK_NO_TIME;
    if (subject.fcsLength > 0) cutFrameCheck(frames, row, subject.fcsLength);
    countSkipped(this.facts, 'times of simple packet blocks (they have none)');
    const stop = this.finishBlock(window, length, at + block.SPB_DATA + ((captured + 3) & ~3));
    if (!this.clock.place(window, this, 0, 0, 0)) return WALK_CUT;
    return stop;
  }

  private writeRow(
    window: ReadWindow,
    frames: FrameIndex,
    subject: PcapngInterface,
    data: number,
    captured: number,
    original: number,
  ): number {
    const row = window.rows;
    window.rows = row + 1;
    this.facts.frames += 1;
    frames.offset[row] = data;
    frames.capturedLength[row] = captured;
    frames.originalLength[row] = Math.max(original, captured);
    frames.number[row] = this.facts.frames;
    frames.linkType[row] = subject.linkType;
    frames.capture[row] = this.captureIndex;
    frames.interfaceIndex[row] = subject.interfaceIndex;
    frames.marks[row] = 0;
    return row;
  }

  /** @returns the length of the frame check sequence */
  private readPacketOptions(
    window: ReadWindow,
    frames: FrameIndex,
    row: number,
    from: number,
    end: number,
    type: number,
    subject: PcapngInterface,
  ): number {
    const { options } = this;
    let fcsLength = subject.fcsLength;
    options.open(window.view, from, end, this.section.littleEndian);
    while (options.advance()) {
      if (options.code === EPB_FLAGS) {
        const flags = options.u32();
        frames.marks[row] = marksOfFlags(flags);
        fcsLength = fcsLengthOfFlags(flags) || fcsLength;
      } else if (options.code === EPB_DROPCOUNT && type === block.EPB_TYPE) {
        this.section.addPacketDrops(subject, options.u64());
      } else if (options.code === OPT_COMMENT) {
        addComment(this.facts, `frame ${frames.number[row]}: ${options.text()}`);
      }
    }
    if (options.overrun) addDamage(this.facts, window.fileOffset, 'an option runs past the end of its block');
    return fcsLength;
  }

  private notePacketDrops(view: DataView, at: number, subject: PcapngInterface): void {
    const count = view.getUint16(at + block.OPB_DROPS, this.section.littleEndian);
    if (count !== block.OPB_DROPS_UNKNOWN) this.section.addPacketDrops(subject, count);
  }

  private readSectionHeader(window: ReadWindow): WalkStop | typeof WALK_ON {
    const { view, at, end } = window;
    if (at + block.SHB_LENGTH_MIN > end) return WALK_NEEDS_BYTES;
    const littleEndian = block.sectionByteOrder(view, at);
    if (littleEndian === null) return loseAt(window, 'a section header without a byte-order magic');
    const length = view.getUint32(at + block.BLOCK_LENGTH, littleEndian);
    if (length < block.SHB_LENGTH_MIN || (length & 3) !== 0 || length > block.BLOCK_LENGTH_MAX) {
      return loseAt(window, `a section header claims a length of ${length} bytes`);
    }
    const whole = at + length <= end;
    if (!whole && length <= window.bytes.length) return WALK_NEEDS_BYTES;
    if (!this.clock.breakAtSection(window, this)) return WALK_CUT;
    const optionsEnd = whole ? at + length - 4 : at;
    this.section.readSectionHeader(view, at, optionsEnd, littleEndian, window.fileOffset);
    return whole
      ? this.finishBlock(window, length, window.at + block.BLOCK_BODY)
      : this.passOver(window, length);
  }

  private readColdBlock(window: ReadWindow, type: number, length: number): WalkStop | typeof WALK_ON {
    const { view, at, fileOffset } = window;
    const { section, facts } = this;
    const end = at + length - 4;
    if (type === block.IDB_TYPE) {
      if (length < block.IDB_LENGTH_MIN)
        return this.skipDamaged(window, length, 'an interface block is too short');
      section.readInterface(view, at, end, fileOffset);
    } else if (type === block.ISB_TYPE) {
      if (length < block.ISB_LENGTH_MIN)
        return this.skipDamaged(window, length, 'a statistics block is too short');
      section.readStatistics(view, at, end, fileOffset);
    } else {
      if (block.takesFrameNumber(type)) facts.frames += 1;
      return this.skipBlock(window, length, block.skippedBlockName(type));
    }
    return this.finishBlock(window, length, window.at + block.BLOCK_BODY);
  }

  /**
   * Steps over a block that was read. Where its trailing length differs, the next block is searched from
   * the end of what the block is sure to hold.
   * @param contentEnd offset in the window where that is
   */
  private finishBlock(window: ReadWindow, length: number, contentEnd: number): WalkStop | typeof WALK_ON {
    const { view, at } = window;
    const { littleEndian } = this.section;
    this.facts.records += 1;
    const trailer = view.getUint32(at + length - 4, littleEndian);
    if (trailer === length) {
      window.at = at + length;
      return WALK_ON;
    }
    loseAt(window, `the lengths at the ends of a block differ: ${length} and ${trailer} bytes`);
    window.at = contentEnd;
    return WALK_LOST;
  }

  private skipBlock(window: ReadWindow, length: number, name: string): WalkStop | typeof WALK_ON {
    countSkipped(this.facts, name);
    return this.finishBlock(window, length, window.at + block.BLOCK_BODY);
  }

  private skipDamaged(window: ReadWindow, length: number, reason: string): WalkStop | typeof WALK_ON {
    addDamage(this.facts, window.fileOffset, reason);
    return this.finishBlock(window, length, window.at + block.BLOCK_BODY);
  }

  /** A block larger than the chunk: packets are lost, of others only what this reader does not use. */
  private skipOversize(window: ReadWindow, type: number, length: number): WalkStop {
    const { facts } = this;
    const isPacket = type === block.EPB_TYPE || type === block.OPB_TYPE || type === block.SPB_TYPE;
    if (isPacket || type === block.IDB_TYPE || type === block.ISB_TYPE) {
      const reason = `a block of ${length} bytes is larger than the read buffer of ${window.bytes.length} bytes`;
      addDamage(facts, window.fileOffset, reason);
    } else {
      countSkipped(facts, block.skippedBlockName(type));
    }
    if (isPacket || block.takesFrameNumber(type)) facts.frames += 1;
    return this.passOver(window, length);
  }

  private passOver(window: ReadWindow, length: number): WalkStop {
    this.facts.records += 1;
    window.skipBytes = length;
    return WALK_SKIP;
  }
}

function loseAt(window: ReadWindow, reason: string): WalkStop {
  window.lostReason = reason;
  window.lostOffset = window.fileOffset;
  return WALK_LOST;
}

function cutFrameCheck(frames: FrameIndex, row: number, fcsLength: number): void {
  const original = frames.originalLength[row] - fcsLength;
  if (original <= 0) return;
  frames.originalLength[row] = original;
  if (frames.capturedLength[row] > original) frames.capturedLength[row] = original;
}
