import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { type Limit, oneSidedLimit } from '../../src/correlate/gates.js';
import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { isSmallCapture } from '../../src/diagnose/severity-policy.js';
import type { FrameRef } from '../../src/moment.js';
import type { Severity, Subject } from '../../src/report/report.js';
import { inside } from '../../src/wording/subjects.js';
import { tcpServices } from './correlator.js';
import { both, NEVER, type Occurrences } from './occurrences.js';
import type { TcpService } from './tcp-service.js';

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

export function serverSubject(quality: CaptureQuality, { server, port, stack }: ServerEndpoint): Subject {
  const endpoints = [server];
  if (stack === 0) return { kind: 'server', endpoints, port };
  return { kind: 'server', endpoints, port, inside: inside(quality, stack) };
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`. */
export function endpointWords({ server, port }: { readonly server: string; readonly port: number }): string {
  return server.includes(':') ? `[${server}]:${port}` : `${server}:${port}`;
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
  const [outermost] = quality.flows.tunnelLayers(stack);
  if (outermost) return [outermost.low, outermost.high].map(hostFilter).join(' && ');
  const hosts = client === undefined ? [server] : [server, client];
  return [...hosts.map(hostFilter), `tcp.port == ${port}`, condition].join(' && ');
}

function hostFilter(address: string): string {
  return `${address.includes(':') ? 'ipv6' : 'ip'}.addr == ${address}`;
}

/** `12 s`, `1.5 s`, `210 ms`, `2.3 ms`, `36 µs`. */
export function durationText(ns: number): string {
  if (ns >= 10e9) return `${(ns / 1e9).toFixed(0)} s`;
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(1)} s`;
  if (ns >= 10e6) return `${(ns / 1e6).toFixed(0)} ms`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(1)} ms`;
  return `${(ns / 1e3).toFixed(0)} µs`;
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
 * How loud a finding about an endpoint may be: it is neither a tunnel nor a control session. `isLasting`: more than a
 * passing trouble. Inside a tunnel, or in a capture that was taken for it, it may be the subject.
 */
export function severityOf(evidence: Evidence, endpoint: ServerEndpoint, isLasting: boolean): Severity {
  if (!isLasting || isMirrored(evidence.quality, endpoint.stack)) return 'info';
  const isSubject = endpoint.stack !== 0 || isSmallCapture(evidence.quality);
  return isSubject && !hasOtherFault(evidence) ? 'warning' : 'info';
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

/** A mirror session shows what some port of a switch sees, not what was captured for a purpose. */
function isMirrored(quality: CaptureQuality, stack: number): boolean {
  return quality.flows.tunnelLayers(stack).some(({ kind }) => kind === 'erspan');
}

const OF_TRANSPORT = ['capture.', 'tcp.', 'app.', 'latency.'];

/** An error or a warning that explains trouble with TCP better than TCP itself. */
function hasOtherFault({ judgements }: Evidence): boolean {
  for (const [id, judged] of judgements) {
    if (OF_TRANSPORT.some((area) => id.startsWith(area))) continue;
    if (judged.some((one) => one.result === 'problem' && one.severity !== 'info')) return true;
  }
  return false;
}

/** Why the answers of a server to one of its clients may be missing through the capture's fault, or null. */
export function missingAnswers(quality: CaptureQuality, { client, server, stack }: TcpService): Limit | null {
  return oneSidedLimit(quality, client, server, stack);
}

export function healthy(evidence: Evidence, endpoint: ServerEndpoint): Judgement {
  return { result: 'healthy', subject: serverSubject(evidence.quality, endpoint) };
}
