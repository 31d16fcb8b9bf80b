/** Which checksum it is, in `ChecksumNotes.kind`. */
export const CHECKSUM_IP_HEADER = 0;
export const CHECKSUM_UDP = 1;
export const CHECKSUM_TCP = 2;
export const CHECKSUM_ICMP = 3;

/** What is wrong with it, in `ChecksumNotes.verdict`: the sum does not fit, or UDP over IPv6 has none. */
export const VERDICT_WRONG = 1;
export const VERDICT_ZERO_OVER_IPV6 = 2;

/** Of packets larger than those that are all checked, one in so many is. */
export const LARGE_SAMPLE = 16;

/** A checksum that does not fit, as the dissector of `carriedBy.checksum` finds it in `FrameContext.checksum`. */
export class ChecksumNote {
  kind = 0;
  verdict = 0;
  depth = 0;
  /** Packets that the packet stands for, because so many are sampled. */
  weight = 1;
  timeToLive = 0;
  /** Of the IP packet, in bytes. */
  length = 0;
  found = 0;
  expected = 0;
  readonly source = new Int32Array(4);
  readonly destination = new Int32Array(4);
}
