// Takes a text apart into runs of programs that print packets, line by line.
import { BytePages } from '../../../src/capture/byte-pages.js';
import type { PacketLines } from '../../../src/capture/packet-lines.js';
import { type HeadLine, NO_HEAD, summaryHead, tcpdumpHead, unnumbered } from './heads.js';
import { HexLine } from './hex-line.js';
import { LinePackets, snippetWords } from './line-packets.js';
import { LINK_TYPES_BY_NAME } from './link-guess.js';
import { type PacketHead, Run, type RunFacts } from './run.js';
import { stampOf } from './stamp.js';

/** Runs of programs in one text; what further ones printed is left out, which is said. */
const RUNS_MAX = 1000;
/** Bytes of a packet; a hex dump that goes on is no packet. */
const PACKET_BYTES_MAX = 65_535 + 64;

/** A prompt and a command that prints packets. */
const COMMAND =
  /^\s{0,20}(?:[\w.@:~/[\]()+ -]{0,120}[$#>%]\s{1,4})?(?:[\w/. =-]{1,200} )?(?:\S{0,80}\/)?(tcpdump|tshark)(?:\s+(-.*|\S.*))?$/;
const LISTENING = /(?:listening on|reading from file) [^,]{1,200}, link-type (\w{1,40})/;
/** tshark has one in front of each source of bytes of a packet that has several. */
const SOURCE_HEADING = /^(\w[\w /.()-]{0,60}?) \(\d{1,8} bytes?\):$/;
/** A tunnel header at the end of a line: the packet that it carries follows on the next. */
const ENDS_WITH_TUNNEL = /: (?:VXLAN|VXLAN-GPE|Geneve|OTV)\b.{0,300}$/;
/** Without -v a later fragment of a protocol that tcpdump knows is its number alone; that of tshark says so. */
const LATER_FRAGMENT =
  /^IP \S{7,45} > \S{7,45}: (?:ip-proto-(?:1|6|17|50)|IPv4 Fragmented IP protocol .{1,100})$/;
/** Lines that belong to one packet. */
const MORE_LINES_MAX = 32;
const IS_PACKET = /^(?:IP6?[ ,]|ARP, )/;
const INDENTED = /^ {2,16}(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{6} \S/;
/** A time alone in front of a hex dump, as text2pcap reads it; perhaps with I or O for the direction. */
const TIME_ALONE = /^(?:([IO])\s{1,4})?\S{1,30}(?: \S{1,20})?$/;

export class PacketTextReader {
  private readonly runs: Run[] = [];
  private readonly pages = new BytePages();
  private run: Run | null = null;
  private packets: LinePackets | null = null;
  private readonly hex = new HexLine();
  private readonly bytes = new Uint8Array(PACKET_BYTES_MAX);
  /** Bytes of the packet at hand; -1 where its hex dump is not read (another source of bytes, a gap). */
  private length = 0;
  private head: PacketHead | null = null;
  private words = '';
  /** Lines that go on with the words of the packet at hand. */
  private readonly more: string[] = [];
  private hasDump = false;
  private isOtherSource = false;
  /** Columns in front of the line of the packet at hand. */
  private headIndent = 0;
  /** Runs that hold packets and are not kept, one of which is at hand. */
  private runsBeyond = 0;

  constructor(private readonly lines: readonly PacketLines[]) {}

  /** @returns the runs that hold packets, in the order of the text */
  end(): readonly Run[] {
    this.closePacket();
    this.countBeyond();
    const last = this.runs.at(-1);
    if (last !== undefined) last.runsBeyond = this.runsBeyond;
    return this.runs.filter((run) => run.packetCount > 0);
  }

  /** @returns true where the line is surely a packet's */
  take(pasted: string): boolean {
    // A block that a page indents; what goes on with a packet has no time.
    const line = unnumbered(pasted.startsWith('  ') && INDENTED.test(pasted) ? pasted.trimStart() : pasted);
    const hex = this.isOfDetails(pasted) ? 'none' : this.takeHex(line);
    if (hex !== 'none') return hex === 'bytes';
    if (isBlank(line)) {
      // tshark has a blank line between a summary and its bytes.
      if (this.hasDump) this.closePacket();
      return false;
    }
    if (this.takeFacts(line)) return false;
    const summary = summaryHead(line);
    if (summary !== null) return this.open('tshark', summary);
    const head = tcpdumpHead(line);
    if (head !== null && !this.goesOn(head.head)) {
      const isPacket = this.open('tcpdump', head);
      this.headIndent = indentOf(pasted);
      return isPacket;
    }
    if (
      this.head !== null &&
      !this.hasDump &&
      (head !== null || line.startsWith(' ') || line.startsWith('\t'))
    ) {
      if (this.more.length < MORE_LINES_MAX) this.more.push(line);
      return false;
    }
    this.takeOther(line);
    return false;
  }

  /** -vv dumps what it cannot print of a message, further in than the bytes of the packet. */
  private isOfDetails(line: string): boolean {
    const isBlank = line.charCodeAt(0) <= 0x20;
    return isBlank && this.head !== null && this.words !== '' && indentOf(line) > this.headIndent + TAB_WIDTH;
  }

  private takeOther(line: string): void {
    const heading = SOURCE_HEADING.exec(line.trim());
    if (heading !== null) {
      this.isOtherSource = heading[1] !== 'Frame' && heading[1] !== 'Packet';
      return;
    }
    const snippet = snippetWords(line.trim());
    if (snippet === null) this.takeTimeAlone(line);
    else this.open('snippet', { head: NO_HEAD, words: snippet });
  }

  /** `bytes`: of the packet at hand; `other`: of a hex dump, and of no packet that is kept. */
  private takeHex(line: string): 'bytes' | 'other' | 'none' {
    const { hex } = this;
    if (!hex.read(line)) return 'none';
    if (hex.offset === 0) {
      if (this.hasDump && !this.isOtherSource) this.closePacket();
      if (this.isOtherSource) {
        this.isOtherSource = false;
        // What was reassembled belongs to the packet before, whose own bytes are there already.
        this.closePacket();
        this.hasDump = true;
        this.length = -1;
        return 'bytes';
      }
      this.runOf(hex.isTcpdump ? 'tcpdump' : 'hex', true);
      this.hasDump = true;
      this.length = 0;
    } else if (!this.hasDump) return 'none';
    if (this.length < 0) return 'other';
    // A line is missing, or the last one was read too far: its offset says where it ended.
    if (hex.offset > this.length || this.length + hex.count > PACKET_BYTES_MAX) {
      this.length = hex.offset > this.length ? this.keepAndIgnore() : this.length;
      return 'other';
    }
    this.bytes.set(hex.bytes.subarray(0, hex.count), hex.offset);
    this.length = hex.offset + hex.count;
    return 'bytes';
  }

  /** A packet with a gap ends in front of it. */
  private keepAndIgnore(): number {
    this.closePacket();
    this.hasDump = true;
    return -1;
  }

  private takeFacts(line: string): boolean {
    const command = line.includes('tcpdump') || line.includes('tshark') ? COMMAND.exec(line) : null;
    if (command !== null) {
      this.closePacket();
      this.begin(command[1] === 'tshark' ? 'tshark' : 'tcpdump');
      this.noteOptions(command[2] ?? '');
      return true;
    }
    const listening = LISTENING.exec(line);
    if (listening === null) return false;
    this.closePacket();
    if (this.run === null || this.run.packetCount > 0) this.begin('tcpdump');
    const linkType = LINK_TYPES_BY_NAME.get(listening[1] ?? '');
    if (this.run !== null && linkType !== undefined) this.run.facts.linkType = linkType;
    return true;
  }

  private noteOptions(options: string): void {
    if (this.run === null) return;
    if (/(?:^|\s)-\w*ttttt/.test(options)) this.run.facts.spans = 'since-first';
    else if (/(?:^|\s)-\w*ttt(?!t)/.test(options)) this.run.facts.spans = 'since-previous';
  }

  private takeTimeAlone(line: string): void {
    const stamp = TIME_ALONE.test(line) ? stampOf(`${line.replace(/^[IO]\s+/, '').trim()} `) : null;
    if (stamp === null) return;
    this.closePacket();
    const direction = line.startsWith('I') ? 'in' : line.startsWith('O') ? 'out' : null;
    this.head = { ...NO_HEAD, timeNs: stamp.timeNs, form: stamp.form, direction };
  }

  /** Whether a line without a time is the inner packet of the one at hand. */
  private goesOn({ timeNs }: PacketHead): boolean {
    if (this.head === null || this.hasDump || timeNs !== null) return false;
    return this.head.timeNs !== null || ENDS_WITH_TUNNEL.test(this.more.at(-1) ?? this.words);
  }

  private open(program: RunFacts['program'], { head, words }: HeadLine): boolean {
    this.closePacket();
    this.runOf(program, false).facts.hasHeads = true;
    this.head = head;
    this.words = words;
    return IS_PACKET.test(words);
  }

  /** The run at hand where it may go on so; bytes without a prefix follow the lines of tshark. */
  private runOf(program: RunFacts['program'], isDump: boolean): Run {
    const own = this.run?.facts.program;
    const goesOn = own === program || (isDump && program === 'hex' && own === 'tshark' && this.head !== null);
    return goesOn && this.run !== null ? this.run : this.begin(program);
  }

  private begin(program: RunFacts['program']): Run {
    this.countBeyond();
    // A command that printed no packet leaves nothing.
    if (this.runs.at(-1)?.packetCount === 0) this.runs.pop();
    const run = new Run(program, this.pages);
    this.packets = new LinePackets(this.lines);
    this.run = run;
    if (this.runs.length < RUNS_MAX) this.runs.push(run);
    return run;
  }

  private countBeyond(): void {
    const { run, runs } = this;
    if (run !== null && run.packetCount > 0 && runs.length === RUNS_MAX && run !== runs.at(-1))
      this.runsBeyond++;
  }

  /** A packet that the text has no bytes of. */
  private addWords(head: PacketHead): void {
    const { run, packets } = this;
    if (run === null || packets === null) return;
    if (LATER_FRAGMENT.test(this.words)) run.fragmentsUntold++;
    const packet = packets.read(
      this.words,
      this.more,
      `${head.interfaceName ?? ''} ${head.direction ?? ''}`,
      head.timeNs,
    );
    if (packet === null) run.passOver();
    else run.addWords(head, packet.bytes, packet.length ?? packet.bytes.length);
  }

  private closePacket(): void {
    const { head, run, length } = this;
    if (this.hasDump && length > 0 && run !== null) run.addBytes(head ?? NO_HEAD, this.bytes, length);
    else if (!this.hasDump && head !== null && this.words !== '') this.addWords(head);
    this.head = null;
    this.words = '';
    this.more.length = 0;
    this.hasDump = false;
    this.length = 0;
  }
}

/** Columns in front of the first character. */
function indentOf(line: string): number {
  let column = 0;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === 0x09) column += TAB_WIDTH - (column % TAB_WIDTH);
    else if (code === 0x20) column++;
    else break;
  }
  return column;
}
const TAB_WIDTH = 8;

function isBlank(line: string): boolean {
  return line === '' || (line.charCodeAt(0) <= 0x20 && line.trim() === '');
}
