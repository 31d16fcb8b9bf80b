import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { Nanoseconds } from '../../src/units.js';
import { dnsServers } from '../dns/correlator.js';

/** How long names took to resolve: the slowest of the name servers that were asked. */
export interface NameResolution {
  readonly server: string;
  readonly medianNs: Nanoseconds;
  readonly tailNs: Nanoseconds;
}

/** Name servers that these clients ask in the same tunnel stack; null where the capture shows none. */
export function nameResolutionOf(
  evidence: Evidence,
  clients: readonly string[],
  stack: number,
): NameResolution | null {
  const asking = new Set(clients);
  const asked = evidence
    .sessions(dnsServers)
    .filter(
      (server) =>
        server.stack === stack &&
        server.responseTimes.count > 0 &&
        server.clients.some(({ address }) => asking.has(address)),
    )
    .map(({ address, responseTimes }) => ({
      server: address,
      medianNs: responseTimes.quantile(0.5),
      tailNs: responseTimes.quantile(0.95),
    }));
  return asked.reduce<NameResolution | null>((a, b) => (a && a.medianNs >= b.medianNs ? a : b), null);
}
