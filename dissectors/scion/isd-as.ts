const AS_DECIMAL_MAX = 0xffff_ffff;

/** An ISD-AS as SCION writes it: `17-ffaa:1:64`; AS numbers of 32 bits are decimal (`1-64512`). */
export function isdAsText(isd: number, as: number): string {
  if (as <= AS_DECIMAL_MAX) return `${isd}-${as}`;
  const high = Math.floor(as / 2 ** 32);
  const low = as % 2 ** 32;
  return `${isd}-${high.toString(16)}:${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`;
}

/** The text of the ISD-AS that was asked for last: packets of one direction name the same one for long. */
export class LatestIsdAs {
  private isd = -1;
  private as = -1;
  private text = '';

  of(isd: number, as: number): string {
    if (isd !== this.isd || as !== this.as) {
      this.isd = isd;
      this.as = as;
      this.text = isdAsText(isd, as);
    }
    return this.text;
  }
}
