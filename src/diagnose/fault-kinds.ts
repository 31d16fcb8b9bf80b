/**
 * What kind of fault a diagnosis states, in the order of blame: a fault may be a consequence of the kinds above it, and
 * of its own kind where the cause lies in a lower layer, so blame never goes in a circle.
 */
export const FAULT_MEANINGS = {
  capture: 'the capture falls short; never a cause',
  'path-loss': 'packets between two hosts do not arrive',
  addressing:
    'an address leads to the wrong host or nowhere: doubled, overlapping, translated, forgotten by a NAT',
  unreachable: 'no way leads to the host or network, as a router or data plane says',
  policy: 'a filter turns the packets away on purpose',
  refused: 'the host gets the packets and does not take them: no listener, no such protocol, dropped there',
  fragments: 'pieces of packets are missing',
  mtu: 'a limit of the path or an end is smaller than what is sent',
  'large-packets-lost': 'small packets arrive, large ones do not',
  mismatch: 'the two ends of a tunnel are configured differently',
  'key-exchange': 'a step of the control exchange of a tunnel fails',
  'tunnel-down': 'a tunnel does not come up, however often it is tried',
  'tunnel-one-way': 'a tunnel carries traffic one way only',
  'tunnel-loss': 'packets inside a tunnel are lost',
  'session-down': 'a control session (BFD, BGP …) ends or does not come up',
  silence: 'what was due from a host does not come: answers, keepalives',
  delay: 'packets or answers come late, or again',
  application: 'a service or program refuses, errs or is slow',
  remark: 'worth knowing, explains nothing else',
} as const;

export type FaultKind = keyof typeof FAULT_MEANINGS;

const ORDER = new Map(Object.keys(FAULT_MEANINGS).map((kind, index) => [kind, index]));

/** Faults of one tunnel or control session: between the same hosts another technology may be well. */
const OF_ONE_TECHNOLOGY: ReadonlySet<FaultKind> = new Set([
  'addressing',
  'refused',
  'key-exchange',
  'tunnel-down',
]);

/** Negative where `a` stands above `b` in the order of blame. */
export function compareFaults(a: FaultKind, b: FaultKind): number {
  return (ORDER.get(a) ?? 0) - (ORDER.get(b) ?? 0);
}

/**
 * A fault of one technology concerns that technology, and, if it stops what the tunnel carries, traffic that belongs to
 * none; never another technology between the same hosts.
 */
export function concernsTechnology(
  fault: FaultKind,
  cause: string | undefined,
  consequence: string | undefined,
): boolean {
  if (cause === undefined || cause === consequence || fault === 'session-down') return true;
  return consequence === undefined && !OF_ONE_TECHNOLOGY.has(fault);
}
