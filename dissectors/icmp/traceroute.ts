import type { ErrorPair } from './error-pairs.js';

const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
/** traceroute starts at 33434 and counts up, one port a probe: 30 hops, three probes each, and room for repeats. */
const TRACEROUTE_PORT_MIN = 33_434;
const TRACEROUTE_PORT_MAX = 33_690;
/** A loop is reported by the one or two routers in it; each hop of a traceroute reports for itself. */
const HOPS_MIN = 3;

export function isTraceroutePort(port: number): boolean {
  return port >= TRACEROUTE_PORT_MIN && port <= TRACEROUTE_PORT_MAX;
}

/** Whether TTL errors about packets of a pair were asked for: by probes of a traceroute, of whatever protocol. */
export function isTraceroute({ errors, reporters }: ErrorPair): boolean {
  if (reporters.length >= HOPS_MIN) return true;
  return errors.every(
    ({ quoted: { protocol, destinationPort } }) =>
      protocol === PROTOCOL_ICMP ||
      protocol === PROTOCOL_ICMPV6 ||
      (protocol === PROTOCOL_UDP && isTraceroutePort(destinationPort)),
  );
}
