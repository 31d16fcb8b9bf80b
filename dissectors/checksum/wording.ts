import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import {
  CHECKSUM_ICMP,
  CHECKSUM_IP_HEADER,
  CHECKSUM_TCP,
  CHECKSUM_UDP,
} from '../../src/dissect/checksum-note.js';
import { carrierFilter, pairFilter } from '../../src/wording/display-filters.js';
import type { Lane } from './acceptance.js';

const NAMES = new Map([
  [CHECKSUM_IP_HEADER, 'IP header'],
  [CHECKSUM_UDP, 'UDP'],
  [CHECKSUM_TCP, 'TCP'],
  [CHECKSUM_ICMP, 'ICMP'],
]);

/** `outer UDP` where the layer carries a tunnel, `inner TCP` where it lies in one. */
export function checksumWords({ kind, layerStack, faults }: Lane): string {
  const name = NAMES.get(kind) ?? 'unknown';
  if (faults.some(({ conversation }) => conversation.stack !== layerStack)) return `outer ${name}`;
  return layerStack === 0 ? name : `inner ${name}`;
}

/** `0xffff instead of 0x76dc`; 0 stands for a right one that is not known. */
export function sumWords(found: number, expected: number): string {
  const [wrong, right] = [found, expected].map((sum) => `0x${sum.toString(16).padStart(4, '0')}`);
  return expected === 0 ? `${wrong}` : `${wrong} instead of ${right}`;
}

/** Display filter for the packets between the ends; a stock tshark may not look into a tunnel. */
export function laneFilter(quality: CaptureQuality, { sender, receiver, layerStack }: Lane): string {
  return carrierFilter(quality, layerStack) ?? pairFilter(sender, receiver);
}
