/** Names of IP protocols (IANA, Assigned Internet Protocol Numbers). */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'ICMP'],
  [6, 'TCP'],
  [17, 'UDP'],
  [47, 'GRE'],
  [50, 'ESP'],
  [51, 'AH'],
  [58, 'ICMPv6'],
  [132, 'SCTP'],
]);

/** `UDP`; `IP protocol 99` where the number is better known than a name. */
export function ipProtocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `IP protocol ${protocol}`;
}
