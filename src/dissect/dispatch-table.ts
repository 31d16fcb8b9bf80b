import type { Dissect, Dissector, Recognise } from './dissector.js';

const PORTS = 65_536;
/** Entry of a dense table where nobody hangs. */
export const NOBODY = 255;

/**
 * Who reads what, as dense tables: the value is the dissector's index in the catalogue, or NOBODY.
 * The tables are the same on every thread of a run.
 */
export class DispatchTable {
  readonly etherType = new Uint8Array(PORTS).fill(NOBODY);
  readonly ipProtocol = new Uint8Array(256).fill(NOBODY);
  readonly udpPort = new Uint8Array(PORTS).fill(NOBODY);
  readonly tcpPort = new Uint8Array(PORTS).fill(NOBODY);
  readonly linkType = new Uint8Array(PORTS).fill(NOBODY);
  /** Who reads single IP fragments. */
  ipFragment: number = NOBODY;
  /** Who reads what stands behind the outermost IP packet. */
  ipTrailer: number = NOBODY;
  /** Who reads the Ethernet headers of outermost IP packets. */
  ethernetIp: number = NOBODY;
  /** Who reads checksums that do not fit. */
  checksum: number = NOBODY;
  readonly udpHeuristics: readonly { readonly recognise: Recognise; readonly index: number }[];
  /** Who reads UDP datagrams that nobody else takes. */
  udpUnclaimed: number = NOBODY;
  /** 1 where the source port of the datagrams says nothing. */
  readonly entropySourcePort: Uint8Array;
  /** 1 where the dissector wants datagrams put together. */
  readonly assembles: Uint8Array;
  private readonly subDissectors = new Map<string, number>();

  constructor(readonly dissectors: readonly Dissector[]) {
    if (dissectors.length >= NOBODY) throw new RangeError(`at most ${NOBODY - 1} dissectors`);
    this.entropySourcePort = Uint8Array.from(dissectors, (one) => (one.hasEntropySourcePort ? 1 : 0));
    this.assembles = Uint8Array.from(dissectors, (dissector) => (dissector.assembles ? 1 : 0));
    const heuristics: { recognise: Recognise; index: number; priority: number }[] = [];
    dissectors.forEach((dissector, index) => {
      const { carriedBy, protocol } = dissector;
      hang(this.etherType, carriedBy.etherType, index, `${protocol}: EtherType`);
      hang(this.ipProtocol, carriedBy.ipProtocol, index, `${protocol}: IP protocol`);
      hang(this.udpPort, carriedBy.udpPort, index, `${protocol}: UDP port`);
      hang(this.tcpPort, carriedBy.tcpPort, index, `${protocol}: TCP port`);
      hang(this.linkType, carriedBy.linkType, index, `${protocol}: link type`);
      for (const name of carriedBy.subDissector ?? []) this.subDissectors.set(name, index);
      if (carriedBy.ipFragment) this.ipFragment = index;
      if (carriedBy.ipTrailer) this.ipTrailer = index;
      if (carriedBy.ethernetIp) this.ethernetIp = index;
      if (carriedBy.checksum) this.checksum = index;
      if (carriedBy.udpUnclaimed) {
        if (this.udpUnclaimed !== NOBODY) throw new Error(`${protocol}: unclaimed UDP is taken`);
        this.udpUnclaimed = index;
      }
      if (carriedBy.udpHeuristic) heuristics.push({ ...carriedBy.udpHeuristic, index });
    });
    this.udpHeuristics = heuristics.sort((a, b) => b.priority - a.priority || a.index - b.index);
  }

  /** Index of the dissector that hangs on a named place, or NOBODY. */
  exitIndex(name: string): number {
    return this.subDissectors.get(name) ?? NOBODY;
  }
}

function hang(table: Uint8Array, places: readonly number[] | undefined, index: number, what: string): void {
  for (const place of places ?? []) {
    if (table[place] !== NOBODY) throw new Error(`${what} ${place} is taken`);
    table[place] = index;
  }
}

/** For subDissectors on which nobody hangs. */
export const ignore: Dissect = () => {};
