import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../src/diagnose/severity-policy.js';
import type { Severity, Subject } from '../../src/report/report.js';
import { carrierFilter, hostFilter } from '../../src/wording/display-filters.js';
import { serverSubject, subjectInside } from '../../src/wording/subjects.js';
import { ntpAssociations } from './correlator.js';
import { PORT_NTP } from './layout.js';
import type { NtpAssociation } from './session.js';

/** A time server with all hosts that ask it, in one tunnel stack and time segment. */
export interface TimeServer {
  readonly address: string;
  readonly stack: number;
  readonly associations: readonly NtpAssociation[];
}

/** In order of first frame. */
export function timeServers(evidence: Evidence): TimeServer[] {
  const servers = new Map<string, { readonly associations: NtpAssociation[] } & TimeServer>();
  for (const association of evidence.sessions(ntpAssociations)) {
    const { server, stack, segment } = association;
    const key = `${stack} ${segment} ${server}`;
    const known = servers.get(key);
    if (known) known.associations.push(association);
    else servers.set(key, { address: server, stack, associations: [association] });
  }
  return [...servers.values()];
}

/** A clock is neither a tunnel nor a control session: see `severityOfFlow`. */
export function severityOfTime(
  evidence: Evidence,
  { address, stack }: Pick<TimeServer, 'address' | 'stack'>,
): Severity {
  return severityOfFlow(evidence, { host: address, stack }, ['time.']);
}

export function subjectOf(quality: CaptureQuality, { address, stack }: TimeServer): Subject {
  return serverSubject(quality, { address, port: PORT_NTP, stack });
}

export function hostSubject(quality: CaptureQuality, client: string, stack: number): Subject {
  return subjectInside(quality, stack, { kind: 'host', endpoints: [client] });
}

/** Display filter for NTP of those hosts. Inside a tunnel, the tunnel's packets: tshark may not look into it. */
export function ntpFilter(quality: CaptureQuality, stack: number, ...addresses: readonly string[]): string {
  return carrierFilter(quality, stack) ?? ['ntp', ...addresses.map(hostFilter)].join(' && ');
}

/** True where the other servers that these hosts asked tell them the time. */
export function haveOtherServers(evidence: Evidence, { address, associations }: TimeServer): boolean {
  const clients = new Set(associations.map(({ client }) => client));
  const served = new Set(
    evidence
      .sessions(ntpAssociations)
      .filter(({ server, synchronised }) => server !== address && synchronised !== null)
      .map(({ client }) => client),
  );
  return [...clients].every((client) => served.has(client));
}
