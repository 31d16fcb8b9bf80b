import type { Report, Tunnel } from '../report/report.js';
import type { Accused } from './accused.js';
import type { CaptureClock } from './clock.js';
import type { Evidence, TunnelDraft, TunnelState } from './diagnosis.js';

/** Rows of `tunnels[]`; further ones are counted. */
const TUNNELS_MAX = 1000;

export interface DescribedTunnels {
  readonly tunnels: Tunnel[];
  /** How many more there are than are listed. */
  readonly unlisted: number;
}

/** Collects the tunnels that the protocols see, with ids that are equal from run to run. */
export function describeTunnels(
  evidence: Evidence,
  clock: CaptureClock,
  errors: Report['errors'],
): DescribedTunnels {
  const tunnels: Tunnel[] = [];
  let unlisted = 0;
  for (const kind of evidence.tunnelKinds) {
    try {
      let ordinal = 0;
      for (const draft of kind.describe(evidence)) {
        ordinal++;
        if (tunnels.length >= TUNNELS_MAX) unlisted++;
        else tunnels.push(tunnelOf(`${kind.kind}-${ordinal}`, draft, clock));
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      errors.push({ where: `tunnels of kind ${kind.kind}`, message });
    }
  }
  return { tunnels, unlisted };
}

/**
 * Tunnels that carry packets both ways in the capture, but of which a finding that is not over says that one end is not
 * heard any more.
 */
export function stateOneWay(accused: readonly Accused[], tunnels: readonly Tunnel[]): void {
  for (const { diagnosis, problem, finding } of accused) {
    const fault = problem.fault ?? diagnosis.fault;
    if (fault !== 'tunnel-one-way' || !finding.ongoingAtEnd || finding.severity === 'info') continue;
    const tunnel = tunnels.find(({ id }) => id === finding.tunnel);
    if (tunnel?.state === ('up' satisfies TunnelState)) tunnel.state = 'one-way' satisfies TunnelState;
  }
}

/** Of tunnels whose other direction a filter may leave out. */
export function forgetOneWay(tunnels: readonly Tunnel[]): void {
  for (const tunnel of tunnels) {
    if (tunnel.state === ('one-way' satisfies TunnelState)) tunnel.state = 'unknown' satisfies TunnelState;
  }
}

function stateOf(directions: number): TunnelState {
  return directions === 0 ? 'unknown' : directions === 1 ? 'one-way' : 'up';
}

function tunnelOf(id: string, draft: TunnelDraft, clock: CaptureClock): Tunnel {
  const { kind, endpoints, key, directions, facts, state = stateOf(directions.length) } = draft;
  return {
    id,
    kind,
    endpoints: [...endpoints],
    ...(key === undefined ? {} : { key: typeof key === 'object' ? [...key] : key }),
    state,
    directions: directions.map((one) => ({
      from: one.from,
      to: one.to,
      packets: one.packets,
      bytes: one.bytes,
      first: clock.rfc3339(one.first),
      last: clock.rfc3339(one.last),
    })),
    ...facts,
  };
}
