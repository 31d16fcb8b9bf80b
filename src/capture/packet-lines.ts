// What a protocol must offer so that the lines that tcpdump prints of it are read as packets.

/** The part of a packet that words speak of: its header, and whatever of the rest they tell. */
export interface Layer {
  /** From the first byte of the layer to the last that the words tell; what follows is not known. */
  readonly bytes: Uint8Array;
  /** Of the whole layer, what it carries included; null where nothing says it. */
  readonly length: number | null;
  /** Its number in the IP header, for what IP carries. */
  readonly protocol?: number;
}

/** The line at hand. */
export interface LineContext {
  /** Addresses as printed, and ports where there are any (-1: none). */
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of what IP, or UDP, carries; null where no line says it (`tcpdump` without -v). */
  readonly length: number | null;
  /** As printed, in nanoseconds; null where there is none. */
  readonly timeNs: bigint | null;
  /** The interface that the line names, or nothing. */
  readonly tap: string;
  /** Lines that follow and belong to the packet, as they are. */
  readonly more: readonly string[];
  /** What earlier lines of the run told: made once a run for each name. At most so many entries as its maker bounds. */
  memory<Memory>(name: string, make: () => Memory): Memory;
  /** A packet in words inside this one: `IP 10.0.0.1 > 10.0.0.2: …`; from the network layer on. */
  packet(words: string, more?: readonly string[]): Layer | null;
  /** A frame in words inside this one: its Ethernet header, which only -e prints and else stays zero, and its packet. */
  frame(words: string, more?: readonly string[]): Layer | null;
  /** What UDP carries, in words. */
  payload(words: string): Layer | null;
  /** What TCP carries, in words: whole messages. */
  segment(words: string): Layer | null;
}

/**
 * Reads back what tcpdump printed of one protocol. Bytes end at the first field that the words do not tell, so that
 * dissectors find the packet cut there. Never throws; patterns are linear in the length of a line.
 */
export interface PacketLines {
  readonly carriedBy: 'link' | 'ip' | 'udp' | 'tcp';
  /** @param words what the line says behind the addresses, or of a link's payload all that it says. */
  read(words: string, line: LineContext): Layer | null;
}

/** A layer of zeros with a view on it, to be filled in. */
export function blankLayer(length: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** A layer in front of what it carries; its own length, and that of the other where that is known. */
export function stacked(header: Uint8Array, inner: Layer | null): Layer {
  if (inner === null) return { bytes: header, length: null };
  const bytes = new Uint8Array(header.length + inner.bytes.length);
  bytes.set(header);
  bytes.set(inner.bytes, header.length);
  return { bytes, length: inner.length === null ? null : header.length + inner.length };
}

/** `length 64` at the end of the words, as most protocols have it. */
export function lengthOf(words: string): number | null {
  const found = /(?:, )?length:? (\d{1,6})\b(?!.{0,400}, length)/.exec(words);
  return found === null ? null : Number(found[1]);
}
