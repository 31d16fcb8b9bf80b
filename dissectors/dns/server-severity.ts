import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../src/diagnose/severity-policy.js';
import type { Severity, Subject } from '../../src/report/report.js';
import { PORT_DNS } from '../../src/wire/transport.js';
import { hostFilter } from '../../src/wording/display-filters.js';
import { serverSubject } from '../../src/wording/subjects.js';

import type { DnsServer } from './session.js';

/** Clients that must fail before a finding about a busy server is more than information, and their share of failures. */
const CLIENTS_MIN = 3;
export const FAILING_SHARE = 0.5;

/*
 * A name server is neither a tunnel nor a control session: what is wrong with it is information, unless the capture is
 * small, or the questions run inside a tunnel, and nothing else is wrong; or several clients fail.
 */

/** `warning` where the server may be the subject of the capture, else `info`. */
export function severityIn(evidence: Evidence, server: DnsServer): Severity {
  return severityOfFlow(evidence, { host: server.address, stack: server.stack }, ['dns.']);
}

/** Questions that a client must have asked for its share of failures to mean anything. */
const QUESTIONS_MIN = 3;

/** At least 3 clients that fail in at least half of their questions, at a server that answered before. */
export function severityByClients({ clients, answered }: DnsServer): Severity {
  const failing = clients.filter(
    (one) => one.questions >= QUESTIONS_MIN && one.questions - one.answered >= FAILING_SHARE * one.questions,
  );
  return answered > 0 && failing.length >= CLIENTS_MIN ? 'warning' : 'info';
}

export function subjectOf(quality: CaptureQuality, { address, stack }: DnsServer): Subject {
  return serverSubject(quality, { address, port: PORT_DNS, stack });
}

/** Display filter for DNS with that server. */
export function serverFilter({ address }: DnsServer): string {
  return `dns && ${hostFilter(address)}`;
}
