// An interface of a pcapng section: what its description block says, and the arithmetic of its clock.

/** Ticks of a resolution up to a nanosecond are whole nanoseconds; finer ones need BigInt. */
const DECIMAL_EXPONENT_MAX = 9;
/** 10^9 = 2^9 · 5^9, so 2^-9 s is the finest binary resolution of whole nanoseconds. */
const BINARY_EXPONENT_MAX = 9;
const NS_PER_SECOND = 1_000_000_000n;
const TWO_POW_32 = 0x1_0000_0000;

export class PcapngInterface {
  linkType = 0;
  snaplen = 0;
  fcsLength = 0;
  /** Index in the run's interface list. */
  interfaceIndex = 0;
  /** Nanoseconds in a tick, or 0 where that is no whole number. */
  unitNs = 1000;
  /** The tick of the base, in two words, and what is left of the base below a tick. */
  baseHigh = 0;
  baseLow = 0;
  baseRemainderNs = 0;
  /** The base for which they were computed; compared with the reader's. */
  baseVersion = -1;
  /** Packets lost according to the options of packets, or null where none says. */
  lostByPackets: number | null = null;

  private ticksPerSecond = 1_000_000n;
  private offsetNs = 0n;
  private baseNs = 0n;

  /** @param resolution the byte of `if_tsresol`: 10^-n, or 2^-n with its top bit set */
  setResolution(resolution: number): void {
    const exponent = resolution & 0x7f;
    const binary = (resolution & 0x80) !== 0;
    this.ticksPerSecond = binary ? 1n << BigInt(exponent) : 10n ** BigInt(exponent);
    const whole = exponent <= (binary ? BINARY_EXPONENT_MAX : DECIMAL_EXPONENT_MAX);
    this.unitNs = whole ? Number(NS_PER_SECOND / this.ticksPerSecond) : 0;
  }

  /** @param offsetSeconds `if_tsoffset` */
  setOffset(offsetSeconds: bigint): void {
    this.offsetNs = offsetSeconds * NS_PER_SECOND;
  }

  rebase(baseNs: bigint, version: number): void {
    this.baseNs = baseNs;
    this.baseVersion = version;
    if (this.unitNs === 0) return;
    const unit = BigInt(this.unitNs);
    const own = baseNs - this.offsetNs;
    let tick = own / unit;
    if (own % unit < 0n) tick -= 1n;
    this.baseRemainderNs = Number(own - tick * unit);
    this.baseHigh = Number(tick >> 32n);
    this.baseLow = Number(tick & 0xffff_ffffn);
  }

  /** Nanoseconds since 1970; what is below a nanosecond is dropped. */
  exactNs(high: number, low: number): bigint {
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    return (ticks * NS_PER_SECOND) / this.ticksPerSecond + this.offsetNs;
  }

  /** Nanoseconds from the base. */
  relativeNs(high: number, low: number): number {
    if (this.unitNs === 0) return Number(this.exactNs(high, low) - this.baseNs);
    const ticks = (high - this.baseHigh) * TWO_POW_32 + (low - this.baseLow);
    return ticks * this.unitNs - this.baseRemainderNs;
  }
}

/** `if_fcslen` is in bits, but many writers mean bytes: 32 and 4 are both four bytes. */
export function fcsLengthOf(value: number): number {
  return value >= 16 ? value >>> 3 : value;
}
