// The cold blocks of pcapng: section headers, interface descriptions and statistics.
import { addComment, addDamage, addInterface, countSkipped } from './capture-facts.js';
import type { CaptureFacts, CaptureInterface } from './capture-source.js';
import {
  IDB_LINK_TYPE,
  IDB_OPTIONS,
  IDB_SNAPLEN,
  ISB_INTERFACE,
  ISB_OPTIONS,
  SHB_MAJOR,
  SHB_MINOR,
  SHB_OPTIONS,
} from './pcapng-blocks.js';
import { fcsLengthOf, PcapngInterface } from './pcapng-interface.js';
import {
  IF_FCSLEN,
  IF_FILTER,
  IF_NAME,
  IF_TSOFFSET,
  IF_TSRESOL,
  ISB_ENDTIME,
  ISB_IFDROP,
  ISB_IFRECV,
  ISB_OSDROP,
  ISB_STARTTIME,
  ISB_USRDELIV,
  OPT_COMMENT,
  OptionCursor,
} from './pcapng-options.js';

/** The section being read, and what its cold blocks say. */
export class PcapngSection {
  littleEndian = true;
  /** True in a section of a version that cannot be read; its blocks are passed over. */
  unsupported = false;
  /** By interface id, which counts from 0 in every section. */
  readonly interfaces: PcapngInterface[] = [];
  private readonly options = new OptionCursor();

  constructor(
    private readonly facts: CaptureFacts,
    private readonly captureIndex: number,
    private readonly runInterfaces: CaptureInterface[],
  ) {}

  /** @param end where the options end; the block's start where they are not at hand */
  readSectionHeader(
    view: DataView,
    at: number,
    end: number,
    littleEndian: boolean,
    fileOffset: number,
  ): void {
    this.littleEndian = littleEndian;
    this.interfaces.length = 0;
    const major = view.getUint16(at + SHB_MAJOR, littleEndian);
    const minor = view.getUint16(at + SHB_MINOR, littleEndian);
    // 1.2 was written by mistake for 1.0 (pcapng, section 4.1).
    this.unsupported = major !== 1 || (minor !== 0 && minor !== 2);
    if (this.unsupported) {
      addDamage(
        this.facts,
        fileOffset,
        `a section of pcapng version ${major}.${minor}, which is passed over`,
      );
      return;
    }
    this.options.open(view, at + SHB_OPTIONS, end, littleEndian);
    while (this.options.advance()) {
      if (this.options.code === OPT_COMMENT) addComment(this.facts, this.options.text());
    }
    this.noteOverrun(fileOffset);
  }

  readInterface(view: DataView, at: number, end: number, fileOffset: number): void {
    const { littleEndian, options, facts } = this;
    const added = new PcapngInterface();
    added.linkType = view.getUint16(at + IDB_LINK_TYPE, littleEndian);
    added.snaplen = view.getUint32(at + IDB_SNAPLEN, littleEndian);
    let name: string | null = null;
    let filter: string | null = null;
    options.open(view, at + IDB_OPTIONS, end, littleEndian);
    while (options.advance()) {
      if (options.code === OPT_COMMENT) addComment(facts, options.text());
      else if (options.code === IF_NAME) name = options.text();
      else if (options.code === IF_TSRESOL && options.length >= 1) added.setResolution(options.u8());
      else if (options.code === IF_TSOFFSET) added.setOffset(options.i64());
      else if (options.code === IF_FCSLEN) added.fcsLength = fcsLengthOf(options.u8());
      else if (options.code === IF_FILTER) filter = filterText(options);
    }
    this.noteOverrun(fileOffset);
    const { linkType, snaplen } = added;
    const { captureIndex } = this;
    const known = { captureIndex, linkType, snaplen, name, filter, received: null, dropped: null };
    added.interfaceIndex = addInterface(facts, this.runInterfaces, known);
    this.interfaces.push(added);
  }

  readStatistics(view: DataView, at: number, end: number, fileOffset: number): void {
    const { littleEndian, options } = this;
    const id = view.getUint32(at + ISB_INTERFACE, littleEndian);
    const subject = this.interfaces[id];
    if (subject === undefined) {
      addDamage(this.facts, fileOffset, `statistics of interface ${id}, which the section does not describe`);
      return;
    }
    const target = this.runInterfaces[subject.interfaceIndex];
    let dropped: number | null = null;
    options.open(view, at + ISB_OPTIONS, end, littleEndian);
    while (options.advance()) {
      if (options.code === OPT_COMMENT) addComment(this.facts, options.text());
      else if (options.code === ISB_IFRECV) target.received = options.u64();
      else if (options.code === ISB_USRDELIV) target.delivered = options.u64();
      else if (options.code === ISB_STARTTIME) target.openedNs = this.readings(subject);
      else if (options.code === ISB_ENDTIME) target.closedNs = this.readings(subject);
      else if (options.code === ISB_IFDROP || options.code === ISB_OSDROP) {
        dropped = (dropped ?? 0) + options.u64();
      }
    }
    this.noteOverrun(fileOffset);
    if (dropped === null) return;
    // At a thousand million drops a second it takes three months to count so far.
    if (dropped > Number.MAX_SAFE_INTEGER) countSkipped(this.facts, 'drop counts beyond belief');
    else this.noteDrops(target, dropped);
  }

  /** The time in the option at hand, in the unit of the interface and in microseconds. */
  private readings(subject: PcapngInterface): bigint[] {
    const readings = [subject, MICROSECOND_CLOCK].map((clock) => this.options.time(clock));
    return readings.filter((time) => time !== null);
  }

  /** Drops that a packet reports since the one before it on its interface. */
  addPacketDrops(subject: PcapngInterface, count: number): void {
    const target = this.runInterfaces[subject.interfaceIndex];
    subject.lostByPackets = (subject.lostByPackets ?? 0) + count;
    this.noteDrops(target, Math.max(subject.lostByPackets, target.dropped ?? 0));
  }

  noteOverrun(fileOffset: number): void {
    if (this.options.overrun) addDamage(this.facts, fileOffset, 'an option runs past the end of its block');
  }

  /** Counts are cumulative, so the newest replaces the one before. */
  private noteDrops(target: CaptureInterface, dropped: number): void {
    this.facts.drops = (this.facts.drops ?? 0) + dropped - (target.dropped ?? 0);
    target.dropped = dropped;
  }
}

/** An interface whose block states nothing. */
const MICROSECOND_CLOCK = new PcapngInterface();

/** `if_filter`: byte 0 says what follows: 0 a libpcap expression, 1 a BPF program. */
function filterText(options: OptionCursor): string | null {
  if (options.length < 1) return null;
  return options.u8() === 0 ? options.text(1) : 'a BPF program';
}
