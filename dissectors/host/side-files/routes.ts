import { canonicalAddress, canonicalNetwork } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** An entry of the routing table of a host. */
export interface Route {
  readonly origin: Origin;
  /** Network in canonical spelling; `0.0.0.0/0` and `::/0` for the default route. */
  readonly destination: string;
  /** Null for a network that is on the link. */
  readonly gateway: string | null;
  /** Null where the route leads nowhere. */
  readonly device: string | null;
  /** Address that the host sends from; null where the route does not say. */
  readonly source: string | null;
  /** The route turns packets away: `unreachable`, `blackhole`, `prohibit`. */
  readonly refusal: string | null;
}

const ROUTES_MAX = 100_000;
const ADDRESS = '[0-9a-fA-F.:]{2,45}';
const IP_ROUTE = new RegExp(
  `^(?:(unreachable|blackhole|prohibit) )?(default|${ADDRESS}(?:/\\d{1,3})?)( via (?:inet6 )?(${ADDRESS}))?( dev (\\S{1,64}))?(?= |$)(.{0,400})$`,
);
/** Destination, gateway, mask, flags, three columns of numbers, interface: `netstat -nr` and `route -n`. */
const NETSTAT = new RegExp(
  `^(${ADDRESS}|default)\\s+(${ADDRESS}|\\*)\\s+(\\d{1,3}(?:\\.\\d{1,3}){3})\\s+([A-Z!]{1,8})\\s+\\d{1,9}\\s+\\d{1,9}\\s+\\d{1,9}\\s+(\\S{1,64})$`,
);

/** Output of `ip route`, `ip -6 route`, `netstat -nr` and `route -n`. */
export default defineSideFileReader<Route>({
  kind: 'routing table',
  text: { words: { outputOf: ['ip route', 'netstat -nr'] }, read: readRoutes },
  usedBy: ['host.no-route', 'silk.gateway-mismatch'],
});

/** Empty where no line is a route. */
function readRoutes({ file, lines }: TextFile): Route[] {
  const routes: Route[] = [];
  for (const { text, number } of lines) {
    if (routes.length >= ROUTES_MAX) break;
    const route = ofIpRoute(text.trim()) ?? ofNetstat(text.trim());
    if (route !== null) routes.push({ ...route, origin: { file, place: `line ${number}` } });
  }
  return routes;
}

function ofIpRoute(text: string): Omit<Route, 'origin'> | null {
  const [, refusal, written, via, gateway, dev, device, rest] = IP_ROUTE.exec(text) ?? [];
  if (written === undefined || (via ?? dev ?? refusal) === undefined) return null;
  // `ip neigh` prints the same words, with an address of the link layer or a state.
  if (/\b(?:lladdr|REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP)\b/.test(rest)) return null;
  const isV6 = written.includes(':') || (gateway?.includes(':') ?? false);
  const destination = written === 'default' ? (isV6 ? '::/0' : '0.0.0.0/0') : networkOf(written);
  if (destination === null) return null;
  const source = new RegExp(`\\bsrc (${ADDRESS})`).exec(rest)?.[1];
  return {
    destination,
    gateway: gateway === undefined ? null : canonicalAddress(gateway),
    device: device ?? null,
    source: source === undefined ? null : canonicalAddress(source),
    refusal: refusal ?? null,
  };
}

function ofNetstat(text: string): Omit<Route, 'origin'> | null {
  const [, written, gateway, mask, flags, device] = NETSTAT.exec(text) ?? [];
  if (written === undefined) return null;
  const address = written === 'default' ? '0.0.0.0' : written;
  const destination = canonicalNetwork(`${address}/${bitsOf(mask)}`);
  if (destination === null) return null;
  const isDirect = gateway === '0.0.0.0' || gateway === '*' || !flags.includes('G');
  return {
    destination,
    gateway: isDirect ? null : canonicalAddress(gateway),
    device,
    source: null,
    refusal: flags.includes('!') ? 'reject' : null,
  };
}

function networkOf(written: string): string | null {
  return canonicalNetwork(written.includes('/') ? written : `${written}/${written.includes(':') ? 128 : 32}`);
}

function bitsOf(mask: string): number {
  return mask
    .split('.')
    .map((part) => Number(part).toString(2))
    .join('')
    .replaceAll('0', '').length;
}
