// Recognises inputs by their first bytes, never by their names.
import { CaptureError } from './capture-error.js';
import { SHB_TYPE, sectionByteOrder } from './pcapng-blocks.js';

export type CaptureFormat = 'pcap' | 'pcapng';
export type Compression = 'gzip' | 'zstd' | 'lz4';

/** Bytes that suffice to recognise any input. */
export const SNIFF_LENGTH = 32;

const COMPRESSIONS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
];

const PCAP_MAGICS: readonly (readonly number[])[] = [
  [0xd4, 0xc3, 0xb2, 0xa1],
  [0xa1, 0xb2, 0xc3, 0xd4],
  [0x4d, 0x3c, 0xb2, 0xa1],
  [0xa1, 0xb2, 0x3c, 0x4d],
  [0x34, 0xcd, 0xb2, 0xa1],
  [0xa1, 0xb2, 0xcd, 0x34],
];

const PICTURE = 'a picture; give the capture itself, or what the terminal showed as text';

/** What is recognised and not read, with what to do about it. */
const REFUSED: readonly (readonly [readonly number[], string])[] = [
  [[0xa1, 0xb2, 0x34, 0xcd], 'a pcap variant with a reserved magic; convert it with the tool that wrote it'],
  [[0xcd, 0x34, 0xb2, 0xa1], 'a pcap variant with a reserved magic; convert it with the tool that wrote it'],
  [[0xa1, 0x2b, 0x3c, 0x4d], 'a Navtel pcap variant; convert it with the tool that wrote it'],
  [[0x4d, 0x3c, 0x2b, 0xa1], 'a Navtel pcap variant; convert it with the tool that wrote it'],
  [[0xcb, 0xc3, 0xb2, 0xa1], 'a saved BPF program, not packets'],
  [[0xa1, 0xb2, 0xc3, 0xcb], 'a saved BPF program, not packets'],
  [ascii('snoop\0\0\0'), 'a snoop file; convert it with: editcap -F pcapng'],
  [ascii('GMBU'), 'a Network Monitor file; convert it with: editcap -F pcapng'],
  [ascii('RTSS'), 'a Network Monitor file; convert it with: editcap -F pcapng'],
  [ascii('XCP\0'), 'a NetXRay or Sniffer file; convert it with: editcap -F pcapng'],
  [ascii('iptrace '), 'an iptrace file; convert it with: editcap -F pcapng'],
  [ascii('BZh'), 'compressed with bzip2; decompress it first'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], 'compressed with xz; decompress it first'],
  [ascii('PK\x03\x04'), 'a zip archive; unpack it first'],
  [ascii('7z\xbc\xaf\x27\x1c'), 'a 7-Zip archive; unpack it first'],
  [[0x89, 0x50, 0x4e, 0x47], PICTURE],
  [[0xff, 0xd8, 0xff], PICTURE],
  [ascii('GIF8'), PICTURE],
  [ascii('%PDF'), 'a PDF document; give the capture itself, or the text that was copied into it'],
  [[0x7f, 0x45, 0x4c, 0x46], 'a program (ELF), not packets'],
  [[0xef, 0xbf, 0xbd], 'damaged by a conversion to UTF-8 text; copy the original again in binary mode'],
];

export function sniffCompression(head: Uint8Array): Compression | null {
  for (const [compression, magic] of COMPRESSIONS) {
    if (startsWith(head, magic)) return compression;
  }
  return null;
}

/** Whether an input looks like a capture, compressed or not: for the files of a directory. */
export function looksLikeCapture(head: Uint8Array): boolean {
  return sniffCompression(head) !== null || recogniseFormat(head) !== null;
}

/**
 * The format of (decompressed) bytes.
 * @throws CaptureError where they are no capture that is read, saying what they are instead
 */
export function sniffFormat(head: Uint8Array, file: string): CaptureFormat {
  if (head.length === 0) throw new CaptureError(`${file}: is empty; capture or copy the file again`, file, 0);
  const format = recogniseFormat(head);
  if (format !== null) return format;
  const refused = refusalOf(head);
  if (refused !== null) throw new CaptureError(`${file}: is ${refused}`, file, 0);
  if (isTextModeDamage(head)) {
    const what = 'a pcapng file damaged by a text-mode transfer (line ends were changed)';
    throw new CaptureError(`${file}: is ${what}; copy the original again in binary mode`, file, 0);
  }
  if (startsWith(head, SHB_BYTES)) {
    const what = 'begins like a pcapng file, but has no byte-order magic at byte 8';
    throw new CaptureError(`${file}: ${what}; copy the original again`, file, 8);
  }
  const bytes = [...head.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const what = `is not a capture file: it begins with ${bytes}, and neither pcap nor pcapng does`;
  const advice = looksBinary(head)
    ? 'if Wireshark opens it, convert it with: editcap -F pcapng'
    : 'name the capture file, or a text that tcpdump or tshark printed';
  throw new CaptureError(`${file}: ${what}; ${advice}`, file, 0);
}

function looksBinary(head: Uint8Array): boolean {
  return head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

/** What else the bytes are, with what to do about it, or null. */
export function refusalOf(head: Uint8Array): string | null {
  return REFUSED.find(([magic]) => startsWith(head, magic))?.[1] ?? null;
}

const SHB_BYTES = [0x0a, 0x0d, 0x0d, 0x0a];

function recogniseFormat(head: Uint8Array): CaptureFormat | null {
  if (PCAP_MAGICS.some((magic) => startsWith(head, magic))) return 'pcap';
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const isSection = head.length >= 12 && view.getUint32(0) === SHB_TYPE;
  return isSection && sectionByteOrder(view, 0) !== null ? 'pcapng' : null;
}

/** The first bytes of pcapng, 0a 0d 0d 0a, exist to make changed line ends show. */
function isTextModeDamage(head: Uint8Array): boolean {
  if (startsWith(head, SHB_BYTES) || head.length < 3) return false;
  return head.subarray(0, 3).every((byte) => byte === 0x0a || byte === 0x0d);
}

function startsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return head.length >= magic.length && magic.every((byte, index) => head[index] === byte);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
