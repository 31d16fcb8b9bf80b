import type { QuotingError } from './shared/error-pairs.js';

const PROTOCOL_ICMP = 1;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
const QUIC_PORT = 443;

/** Reports about one flow that must follow the first one, each more than a second after it. */
export const IGNORED_REPORTS_MIN = 3;
/** Over which they must extend, in seconds. */
export const IGNORED_SECONDS_MIN = 3;

/** Flows that send too large packets on purpose, to find the MTU: ping with DF, and QUIC (RFC 9000, section 14.3). */
export function isProbe({ quoted: { protocol, destinationPort, sourcePort } }: QuotingError): boolean {
  if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6) return true;
  return protocol === PROTOCOL_UDP && (destinationPort === QUIC_PORT || sourcePort === QUIC_PORT);
}

/** Whether the sender of one flow goes on with packets above the reported MTU, which the reports themselves prove. */
export function isIgnoredBySender(report: QuotingError): boolean {
  const seconds = (report.last.timeNs - report.first.timeNs) / 1e9;
  return !isProbe(report) && report.ignoredCount >= IGNORED_REPORTS_MIN && seconds >= IGNORED_SECONDS_MIN;
}
