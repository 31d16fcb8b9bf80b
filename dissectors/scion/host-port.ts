import { canonicalAddress } from '../../src/side-files/networks.js';
import type { ScionEndpoint } from './topology.js';

/**
 * `192.0.2.1:50000`, `[2001:db8::1]:50000`, `host.example:50000`, `:50000` (any local address), or an address
 * alone. Null for anything else.
 */
export function splitHostPort(text: string): ScionEndpoint | null {
  const alone = canonicalAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (alone !== null) return { host: alone, port: null };
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  const port = colon >= 0 && /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(port <= 65_535)) return null;
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  if (host === '') return { host: null, port };
  const address = canonicalAddress(host);
  if (address === null && !/^[A-Za-z0-9.-]{1,253}$/.test(host)) return null;
  return { host: address ?? host, port };
}
