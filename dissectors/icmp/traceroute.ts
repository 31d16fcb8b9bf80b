import { isTraceroutePort } from '../../src/wire/transport.js';
import type { ErrorPair } from './shared/error-pairs.js';

const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
/** A loop is reported by the one or two routers in it; each hop of a traceroute reports for itself. */
const HOPS_MIN = 3;

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
