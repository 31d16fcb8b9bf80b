import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { type Limit, oneSidedLimit } from '../../../src/correlate/gates.js';
import type { Evidence, Judgement } from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { FrameRef } from '../../../src/moment.js';
import type { Severity, Subject } from '../../../src/report/report.js';
import { carrierFilter, hostFilter, pairFilter } from '../../../src/wording/display-filters.js';
import { endpointText } from '../../../src/wording/endpoints.js';
import { serverSubject } from '../../../src/wording/subjects.js';
import { tcpServices } from '../correlator.js';
import { both, NEVER, type Occurrences } from '../occurrences.js';
import type { TcpService } from '../session.js';

/** Sources that must fail before a finding about a busy endpoint is more than information, and their share of failures. */
export const SOURCES_MIN = 3;
export const FAILING_SHARE = 0.5;

/** An address and port that serves, in one tunnel stack, with all its clients. */
export interface ServerEndpoint {
  readonly server: string;
  readonly port: number;
  readonly stack: number;
  readonly services: readonly TcpService[];
}

const grouped = new WeakMap<readonly TcpService[], readonly ServerEndpoint[]>();

/** Server endpoints of the run, in order of first frame. */
export function serverEndpoints(evidence: Evidence): readonly ServerEndpoint[] {
  const services = evidence.sessions(tcpServices);
  const known = grouped.get(services);
  if (known) return known;
  const byKey = new Map<string, { readonly services: TcpService[] } & ServerEndpoint>();
  for (const service of services) {
    const { server, port, stack } = service;
    const key = `${stack} ${port} ${server}`;
    const endpoint = byKey.get(key);
    if (endpoint) endpoint.services.push(service);
    else byKey.set(key, { server, port, stack, services: [service] });
  }
  const endpoints = [...byKey.values()];
  grouped.set(services, endpoints);
  return endpoints;
}

export function sumOf(endpoint: ServerEndpoint, number: (service: TcpService) => number): number {
  return endpoint.services.reduce((sum, service) => sum + number(service), 0);
}

export function occurrencesOf(
  endpoint: ServerEndpoint,
  kind: (service: TcpService) => Occurrences,
): Occurrences {
  return endpoint.services.reduce((all, service) => both(all, kind(service)), NEVER);
}

export function subjectOf(
  quality: CaptureQuality,
  { server, port, stack }: Pick<ServerEndpoint, 'server' | 'port' | 'stack'>,
): Subject {
  return serverSubject(quality, { address: server, port, stack });
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function endpointWords({ server, port }: Pick<ServerEndpoint, 'server' | 'port'>): string {
  return endpointText(server, port);
}

/**
 * Display filter for segments of an endpoint that meet `condition`, with one client where it is given. Inside a tunnel
 * the packets of the tunnel: whether tshark looks into it depends on its settings.
 */
export function segmentFilter(
  quality: CaptureQuality,
  { server, port, stack }: Pick<ServerEndpoint, 'server' | 'port' | 'stack'>,
  client: string | undefined,
  condition: string,
): string {
  const hosts = client === undefined ? hostFilter(server) : pairFilter(server, client);
  return carrierFilter(quality, stack) ?? `${hosts} && tcp.port == ${port} && ${condition}`;
}

/** `3 clients`, or the one client by its address. */
export function clientWords(services: readonly TcpService[]): string {
  const clients = [...new Set(services.map(({ client }) => client))];
  return clients.length === 1 ? clients[0] : `${clients.length} clients`;
}

/** The only pair of hosts that is concerned; undefined where there are several. */
export function onlyPair(services: readonly TcpService[]): readonly [string, string] | undefined {
  const [first, ...others] = services;
  if (!first || others.some(({ client }) => client !== first.client)) return undefined;
  return [first.client, first.server];
}

/**
 * The severity that a finding about an endpoint may have: it is neither a tunnel nor a control session. `isLasting`: more than a
 * passing trouble. Inside a tunnel, or in a capture that was taken for it, it may be the subject.
 */
export function severityOf(evidence: Evidence, endpoint: ServerEndpoint, isLasting: boolean): Severity {
  return isLasting
    ? severityOfFlow(evidence, { host: endpoint.server, stack: endpoint.stack }, OF_TRANSPORT)
    : 'info';
}

/** At least 3 clients fail in at least half of their tries at an endpoint that served before. */
export function manyClientsFail(
  endpoint: ServerEndpoint,
  failures: (service: TcpService) => number,
  tries: (service: TcpService) => number,
  firstFailure: FrameRef,
): boolean {
  const served = occurrencesOf(endpoint, ({ established }) => established).first;
  if (!served || served.frame >= firstFailure.frame) return false;
  const failing = endpoint.services.filter((service) => {
    const failed = failures(service);
    return failed > 0 && failed >= FAILING_SHARE * tries(service);
  });
  return new Set(failing.map(({ client }) => client)).size >= SOURCES_MIN;
}

/** What goes wrong together with a connection: none of it is another fault. */
const OF_TRANSPORT = ['tcp.', 'app.', 'latency.'];

/** Why the answers of a server to one of its clients may be missing through the capture's fault, or null. */
export function missingAnswers(quality: CaptureQuality, { client, server, stack }: TcpService): Limit | null {
  return oneSidedLimit(quality, client, server, stack);
}

export function healthy(evidence: Evidence, endpoint: ServerEndpoint): Judgement {
  return { result: 'healthy', subject: subjectOf(evidence.quality, endpoint) };
}
