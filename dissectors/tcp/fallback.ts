import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../src/moment.js';
import { addressFamily } from '../../src/wording/display-filters.js';
import { tcpConnections } from './correlator.js';
import type { ServerEndpoint } from './shared/server-endpoint.js';

/** Clients wait 250 ms, and 2 s at most, before they try the other address family (RFC 8305, section 8). */
const FALLBACK_SECONDS = 2;

/**
 * Each attempt is given up after a single SYN, for a connection to the same port over the other address family comes
 * about meanwhile (RFC 8305): the client goes on without a pause.
 */
export function areOvertaken(
  { sessions }: Evidence,
  { server, port, stack, services }: ServerEndpoint,
): boolean {
  const attempts = services.flatMap(({ undecided }) => undecided);
  const unanswered = services.reduce((sum, service) => sum + service.unanswered.count, 0);
  if (attempts.length === 0 || attempts.length < unanswered) return false;
  const others = new Set(
    sessions(tcpConnections).filter(
      ({ a, b, stack: other }) =>
        other === stack &&
        (a.port === port || b.port === port) &&
        addressFamily(a.address) !== addressFamily(server) &&
        [a, b].every(({ sentSyn, sentAck }) => sentSyn && sentAck),
    ),
  );
  return attempts.every(({ first }) => {
    for (const other of others) {
      const seconds = secondsBetween(first, { timeNs: other.firstNs, segment: other.segment });
      if (!(seconds >= 0 && seconds <= FALLBACK_SECONDS)) continue;
      others.delete(other);
      return true;
    }
    return false;
  });
}
