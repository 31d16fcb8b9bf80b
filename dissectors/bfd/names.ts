import * as bfd from './layout.js';

const STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;

/** RFC 5880, section 4.1; 9 is of RFC 6428. */
const DIAGNOSTICS = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
  'mis-connectivity defect',
] as const;

const CARRIERS: Readonly<Record<number, string>> = {
  [bfd.CARRIER_SINGLE_HOP]: 'single-hop',
  [bfd.CARRIER_MULTIHOP]: 'multihop',
  [bfd.CARRIER_MICRO]: 'micro',
  [bfd.CARRIER_OTHER]: 'carried',
};

const PORTS: Readonly<Record<number, number>> = {
  [bfd.CARRIER_SINGLE_HOP]: bfd.PORT_SINGLE_HOP,
  [bfd.CARRIER_MULTIHOP]: bfd.PORT_MULTIHOP,
  [bfd.CARRIER_MICRO]: bfd.PORT_MICRO,
};

export function stateName(state: number): string {
  return STATES[state] ?? `state ${state}`;
}

/** `1 (control detection time expired)`. */
export function diagnosticText(diagnostic: number): string {
  return `${diagnostic} (${DIAGNOSTICS[diagnostic] ?? 'reserved'})`;
}

export function carrierName(carrier: number): string {
  return CARRIERS[carrier] ?? 'carried';
}

/** UDP port to which the packets go; null where they do not travel in UDP. */
export function portOf(carrier: number): number | null {
  return PORTS[carrier] ?? null;
}

export function discriminatorText(discriminator: number): string {
  return `0x${discriminator.toString(16).padStart(8, '0')}`;
}
