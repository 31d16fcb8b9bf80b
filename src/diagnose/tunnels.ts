import type { Report, Tunnel } from '../report/report.js';
import type { CatalogueEntry } from './catalogue.js';
import type { CaptureClock } from './clock.js';
import type { Evidence, TunnelDraft } from './diagnosis.js';

/** Rows of `tunnels[]`; further ones are said in `errors[]`. */
const TUNNELS_MAX = 1000;

/** Collects the tunnels that the protocols see, with ids that are equal from run to run. */
export function describeTunnels(
  catalogue: readonly CatalogueEntry[],
  evidence: Evidence,
  clock: CaptureClock,
  errors: Report['errors'],
): Tunnel[] {
  const tunnels: Tunnel[] = [];
  let left = 0;
  for (const { tunnel: view } of catalogue) {
    if (!view) continue;
    try {
      let ordinal = 0;
      for (const draft of view.describe(evidence)) {
        ordinal++;
        if (tunnels.length >= TUNNELS_MAX) left++;
        else tunnels.push(tunnelOf(`${view.kind}-${ordinal}`, draft, clock));
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      errors.push({ where: `tunnels of kind ${view.kind}`, message });
    }
  }
  if (left > 0) errors.push({ where: 'tunnels', message: `${left} more tunnels than the report lists` });
  return tunnels;
}

function tunnelOf(id: string, draft: TunnelDraft, clock: CaptureClock): Tunnel {
  const { kind, endpoints, key, state, directions, facts } = draft;
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
