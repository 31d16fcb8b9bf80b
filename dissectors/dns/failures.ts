import type { Citation } from '../../src/moment.js';
import { TYPE_PTR } from './layout.js';
import { questionWords } from './name.js';
import type { DnsFailure, DnsServer, FailureKind } from './session.js';

const CITED_MAX = 5;

/** Failing answers of those kinds to names that were not resolved after all. */
export function failuresOf(server: DnsServer, kinds: readonly FailureKind[]): DnsFailure[] {
  const ofKinds = server.failures.filter(({ kind }) => kinds.includes(kind));
  return ofKinds.filter((failure) => !server.resolved.has(failure.name));
}

/**
 * Of names that failed, the last candidate of each search series: a resolver appends the domains of its search list, in
 * Kubernetes up to five. A series in which any candidate was resolved is left out, and so are reverse lookups.
 */
export function withoutSearchSeries(failures: readonly DnsFailure[], server: DnsServer): DnsFailure[] {
  const resolved = [...server.resolved];
  return failures.filter(({ name, client, type }) => {
    if (name === '' || type === TYPE_PTR) return false;
    if (resolved.some((other) => isExpansion(other, name) || isExpansion(name, other))) return false;
    return !failures.some((other) => other.client === client && isExpansion(name, other.name));
  });
}

/** `longer` is `name` with a search domain behind it. */
function isExpansion(longer: string, name: string): boolean {
  return name !== '' && longer.length > name.length && longer.startsWith(`${name}.`);
}

/** First and last answer of each of the first failures. */
export function failureCitations({ address }: DnsServer, failures: readonly DnsFailure[]): Citation[] {
  return failures
    .slice(0, CITED_MAX)
    .flatMap((failure) => {
      const summary = `${address} answers ${FAILURE_WORDS[failure.kind]}: ${questionWords(failure)}`;
      const first = { ...failure.first, summary };
      if (failure.last.frame === failure.first.frame) return [first];
      return [first, { ...failure.last, summary: `${summary} (last of ${failure.count})` }];
    })
    .sort((a, b) => a.frame - b.frame);
}

export const FAILURE_WORDS: Readonly<Record<FailureKind, string>> = {
  'server-failure': 'SERVFAIL (server failure)',
  refused: 'REFUSED',
  'no-such-name': 'NXDOMAIN (no such name)',
  'no-data': 'without an address',
};

/** `a.example A, b.example A, …` */
export function namesOf(failures: readonly DnsFailure[]): string {
  const names = [...new Set(failures.map((failure) => questionWords(failure)))];
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
}

export function totalOf(failures: readonly DnsFailure[]): number {
  return failures.reduce((sum, { count }) => sum + count, 0);
}
