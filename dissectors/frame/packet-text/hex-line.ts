// One line of a hex dump, as tcpdump, tshark, Wireshark, text2pcap, xxd, hexdump and od write it: an offset, bytes in
// groups, and perhaps the characters that they stand for.

/** Bytes of a line; text2pcap allows more than the usual 16. */
const HEX_LINE_BYTES_MAX = 64;

const OFFSET_DIGITS_MIN = 3;
const OFFSET_DIGITS_MAX = 8;
const GROUP_DIGITS_MAX = 8;
/** hexdump -C leaves a wider gap after as many bytes. */
const HALF_LINE = 8;

const TAB = 0x09;
const SPACE = 0x20;
const ZERO = 0x30;
const COLON = 0x3a;
const X = 0x78;

/** What the last line that was read held; made once and filled anew. */
export class HexLine {
  offset = 0;
  count = 0;
  /** `0x0010:`, as only tcpdump writes it. */
  isTcpdump = false;
  readonly bytes = new Uint8Array(HEX_LINE_BYTES_MAX);

  /** @returns whether the line is one of a hex dump */
  read(line: string): boolean {
    let at = skipBlanks(line, 0);
    this.isTcpdump = line.charCodeAt(at) === ZERO && line.charCodeAt(at + 1) === X;
    if (this.isTcpdump) at += 2;
    const digits = hexDigits(line, at, OFFSET_DIGITS_MAX);
    if (digits < OFFSET_DIGITS_MIN) return false;
    this.offset = Number.parseInt(line.slice(at, at + digits), 16);
    at += digits;
    const hasColon = line.charCodeAt(at) === COLON;
    if (hasColon) at++;
    else if (this.isTcpdump) return false;
    const start = skipBlanks(line, at);
    if (start === at) return false;
    return this.readGroups(line, start);
  }

  private readGroups(line: string, start: number): boolean {
    let at = start;
    this.count = 0;
    for (;;) {
      const digits = hexDigits(line, at, GROUP_DIGITS_MAX);
      const isGroup = digits >= 2 && digits % 2 === 0 && isEnd(line.charCodeAt(at + digits));
      if (!isGroup || this.count + digits / 2 > HEX_LINE_BYTES_MAX) break;
      for (let to = at + digits; at < to; at += 2) {
        this.bytes[this.count++] = Number.parseInt(line.slice(at, at + 2), 16);
      }
      const next = skipBlanks(line, at);
      const isWide = next - at > 1;
      // What stands behind a wide gap are characters, unless it is the gap in the middle.
      if (isWide && !(next - at === 2 && this.count === HALF_LINE && isPair(line, next))) break;
      at = next;
    }
    return this.count > 0;
  }
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (line.charCodeAt(at) === SPACE || line.charCodeAt(at) === TAB) at++;
  return at;
}

/** How many hexadecimal digits stand at `from`; one more than `most` where there are more. */
function hexDigits(line: string, from: number, most: number): number {
  let count = 0;
  while (count <= most && isHex(line.charCodeAt(from + count))) count++;
  return count > most ? 0 : count;
}

function isHex(code: number): boolean {
  return (code >= ZERO && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}

/** A group ends at a blank or at the end of the line. */
function isEnd(code: number): boolean {
  return Number.isNaN(code) || code === SPACE || code === TAB;
}

function isPair(line: string, at: number): boolean {
  return hexDigits(line, at, 2) === 2 && isEnd(line.charCodeAt(at + 2));
}
