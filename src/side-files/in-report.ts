import type { Report } from '../report/report.js';
import { nameOf } from './names.js';
import type { SideKnowledge } from './side-knowledge.js';

/** What a report says of side files: which were read, and their names for the addresses that it mentions. */
export function sideSummary(
  side: SideKnowledge,
  { tunnels, findings }: Pick<Report, 'tunnels' | 'findings'>,
): Pick<Report, 'sideFiles' | 'names'> {
  if (side.files.length === 0) return {};
  const addresses = new Set<string>();
  for (const { endpoints } of tunnels) for (const address of endpoints) addresses.add(address);
  for (const { subject, direction } of findings) {
    for (const value of Object.values(subject)) {
      for (const one of Array.isArray(value) ? value : [value])
        if (typeof one === 'string') addresses.add(one);
    }
    if (direction) addresses.add(direction.from).add(direction.to);
  }
  const names = [...addresses].sort().flatMap((address) => {
    const name = nameOf(side, address);
    return name === null ? [] : [[address, name] as const];
  });
  return {
    sideFiles: side.files.map((one) => ({ ...one, kinds: [...one.kinds] })),
    ...(names.length === 0 ? {} : { names: Object.fromEntries(names) }),
  };
}
