// Packets of which a text shows words and no bytes: their headers as far as the words tell.
import {
  type Layer,
  type LineContext,
  type PacketLines,
  stacked,
} from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import { frameHead } from './heads.js';

/** An inner packet in an inner packet and so on: lines are no deeper. */
const DEPTH_MAX = 8;

/** Puts the words of lines together with the protocols' own readers; remembers what they do, for one run. */
export class LinePackets {
  private readonly kept = new Map<string, unknown>();
  private timeNs: bigint | null = null;

  constructor(private readonly lines: readonly PacketLines[]) {}

  /** The packet from the network layer on, or null where nobody knows the words. */
  read(words: string, more: readonly string[], tap: string, timeNs: bigint | null): Layer | null {
    this.timeNs = timeNs;
    return this.packet(words, more, tap, 0);
  }

  private packet(words: string, more: readonly string[], tap: string, depth: number): Layer | null {
    if (depth > DEPTH_MAX) return null;
    const context = this.contextOf(more, tap, depth);
    return this.first('link', words, context);
  }

  private contextOf(more: readonly string[], tap: string, depth: number): LineContext {
    const packets = this;
    return {
      source: '',
      destination: '',
      sourcePort: -1,
      destinationPort: -1,
      length: null,
      timeNs: this.timeNs,
      tap,
      more,
      memory<Memory>(name: string, make: () => Memory): Memory {
        return packets.remembered(name, make);
      },
      packet(words, rest = []) {
        return packets.packet(words, rest, tap, depth + 1);
      },
      frame(words, rest = []) {
        const head = frameHead(words.trim());
        if (head === null) return null;
        return stacked(head.link, packets.packet(head.words, rest, tap, depth + 1));
      },
      payload(words) {
        return packets.payload(words, this);
      },
      segment(words) {
        return packets.first('tcp', words, this);
      },
    };
  }

  private payload(words: string, context: LineContext): Layer | null {
    return this.first('ip', words, context) ?? this.first('udp', words, context);
  }

  private first(carriedBy: PacketLines['carriedBy'], words: string, context: LineContext): Layer | null {
    for (const lines of this.lines) {
      const layer = lines.carriedBy === carriedBy ? lines.read(words, context) : null;
      if (layer !== null) return layer;
    }
    return null;
  }

  private remembered<Memory>(name: string, make: () => Memory): Memory {
    // Written by `make` alone, whose type each name has.
    const known = this.kept.get(name) as Memory | undefined;
    if (known !== undefined) return known;
    const made = make();
    this.kept.set(name, made);
    return made;
  }
}

const SNIPPET =
  /^([0-9a-fA-F:.]{2,45}):(\d{1,5}) -> ([0-9a-fA-F:.]{2,45}):(\d{1,5}) len (\d{1,5}) cs \d{1,5}$/;
const UDP_HEADER_LENGTH = 8;

/**
 * `10.0.0.1:53 -> 10.0.0.2:4242 len 45 cs 1234`: a script that reads a packet socket prints the ports and the length of UDP.
 * @returns the words of tcpdump for it
 */
export function snippetWords(line: string): string | null {
  const [, source = '', sourcePort, destination = '', destinationPort, length] = SNIPPET.exec(line) ?? [];
  if (addressBytes(source) === null || addressBytes(destination) === null) return null;
  const payload = Number(length) - UDP_HEADER_LENGTH;
  const name = source.includes(':') ? 'IP6' : 'IP';
  return payload < 0
    ? null
    : `${name} ${source}.${sourcePort} > ${destination}.${destinationPort}: UDP, length ${payload}`;
}
