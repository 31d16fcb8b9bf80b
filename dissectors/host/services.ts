import type { KnownProtocol, KnownProtocols } from '../../src/correlate/known-protocols.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import type { Service } from './filter-verdict.js';

export interface NamedService extends Service {
  /** `VXLAN (UDP 4789)`. */
  readonly name: string;
  /** The tunnel or control that it belongs to, as diagnoses name it; absent where none does. */
  readonly technology?: string;
}

/** What tunnels lean on besides their own protocols: clocks, routes, and the databases of their controllers. */
const SUPPORTING = new Set(['ntp', 'bgp', 'zookeeper', 'cassandra']);
/** Those of them whose sessions are judged as such. */
const ROUTING = 'bgp';

/** What tunnels, their control and what they lean on need of a packet filter, by what the protocols say of themselves. */
export function servicesOf(protocols: KnownProtocols): NamedService[] {
  const found = new Map<string, { readonly service: Omit<NamedService, 'name'>; readonly names: string[] }>();
  for (const one of protocols.all()) {
    if (!isWanted(one)) continue;
    for (const service of servicesOfProtocol(one)) {
      const key = `${service.protocol}/${service.port}`;
      const known = found.get(key);
      const technology = technologyOf(one);
      const own = technology === undefined ? service : { ...service, technology };
      if (known === undefined) found.set(key, { service: own, names: [one.name] });
      else if (!known.names.includes(one.name)) known.names.push(one.name);
    }
  }
  return [...found.values()].map(({ service, names }) => ({
    ...service,
    name: `${names.join(' and ')} (${placeOf(service)})`,
  }));
}

function isWanted({ protocol, carries, controls, isGuard }: KnownProtocol): boolean {
  return carries !== undefined || controls !== undefined || isGuard === true || SUPPORTING.has(protocol);
}

function technologyOf({ protocol, carries, controls, isGuard }: KnownProtocol): string | undefined {
  return carries ?? controls ?? (isGuard || protocol === ROUTING ? protocol : undefined);
}

function servicesOfProtocol({ ipProtocols, udpPorts, tcpPorts }: KnownProtocol): Service[] {
  return [
    ...ipProtocols.map((protocol) => ({ protocol, port: 0 })),
    ...udpPorts.map((port) => ({ protocol: PROTOCOL_UDP, port })),
    ...tcpPorts.map((port) => ({ protocol: PROTOCOL_TCP, port })),
  ];
}

function placeOf({ protocol, port }: Service): string {
  if (protocol === PROTOCOL_UDP) return `UDP ${port}`;
  return protocol === PROTOCOL_TCP ? `TCP ${port}` : `protocol ${protocol}`;
}
