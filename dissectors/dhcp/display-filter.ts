import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { carrierFilter } from '../../src/wording/display-filters.js';

/** Display filter for DHCP with `condition`. Inside a tunnel, the tunnel's packets: tshark may not look into it. */
export function dhcpFilter(quality: CaptureQuality, stack: number, condition: string): string {
  return carrierFilter(quality, stack) ?? condition;
}
