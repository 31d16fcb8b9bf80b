import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import type { ServerEndpoint } from './server-endpoint.js';
import type { TcpService } from './tcp-service.js';

/** A host that fails at so many endpoints, that fast, is a scanner. */
export const SCAN_ENDPOINTS_MIN = 20;
export const SCAN_SECONDS = 10;

/** A host that tried many endpoints in a short time, none of which let it in. */
export interface Scanner {
  readonly client: string;
  readonly endpoints: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** Hosts that fail, by `failedAt`, at SCAN_ENDPOINTS_MIN endpoints or more within SCAN_SECONDS each. */
export function scannersAmong(
  endpoints: readonly ServerEndpoint[],
  failedAt: (service: TcpService) => FrameRef | null,
): Map<string, Scanner> {
  const byClient = new Map<string, FrameRef[]>();
  for (const { services } of endpoints) {
    for (const service of services) {
      const at = service.established.count === 0 ? failedAt(service) : null;
      if (!at) continue;
      const known = byClient.get(service.client);
      if (known) known.push(at);
      else byClient.set(service.client, [at]);
    }
  }
  const scanners = new Map<string, Scanner>();
  for (const [client, refs] of byClient) {
    if (refs.length < SCAN_ENDPOINTS_MIN) continue;
    const inOrder = [...refs].sort((a, b) => a.frame - b.frame);
    if (!isFast(inOrder)) continue;
    const [first] = inOrder;
    scanners.set(client, { client, endpoints: refs.length, first, last: inOrder[inOrder.length - 1] });
  }
  return scanners;
}

function isFast(refs: readonly FrameRef[]): boolean {
  for (let at = SCAN_ENDPOINTS_MIN - 1; at < refs.length; at++) {
    const from = refs[at - SCAN_ENDPOINTS_MIN + 1];
    if (from.segment === refs[at].segment && refs[at].timeNs - from.timeNs <= SCAN_SECONDS * NS_PER_SECOND) {
      return true;
    }
  }
  return false;
}
