import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../src/diagnose/severity-policy.js';
import type { Severity, Subject } from '../../src/report/report.js';
import { PORT } from './layout.js';

/** What goes wrong together with a state database: none of it is another fault. */
const OWN_AREAS = ['nsdb.', 'zk.', 'cassandra.', 'tcp.', 'app.', 'latency.'];

/** See `severityOfFlow`: a server of a state database is neither a tunnel nor a control session. */
export function severityOfDatabase(evidence: Evidence, stack: number): Severity {
  return severityOfFlow(evidence, stack, OWN_AREAS);
}

export function serverSubject(
  quality: CaptureQuality,
  address: string,
  stack: number,
  port: number = PORT,
): Subject {
  const subject = { kind: 'server', endpoints: [address], port };
  if (stack === 0) return subject;
  const inside = quality.flows
    .tunnelLayers(stack)
    .map(({ kind, key, low, high }) => `${kind} ${key} ${low} ${high}`);
  return { ...subject, inside };
}

/** Display filter for segments with data of that server. Inside a tunnel, the tunnel's packets: tshark may not look into it. */
export function serverFilter(
  quality: CaptureQuality,
  address: string,
  stack: number,
  port: number = PORT,
): string {
  const [outermost] = quality.flows.tunnelLayers(stack);
  const hosts = outermost ? [outermost.low, outermost.high] : [address];
  const filter = hosts.map((host) => `${host.includes(':') ? 'ipv6' : 'ip'}.addr == ${host}`);
  return outermost ? filter.join(' && ') : [...filter, `tcp.port == ${port}`].join(' && ');
}
