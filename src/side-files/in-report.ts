import type { Report, SideFileSummary } from '../report/report.js';
import { expectedTexts, textsOfUse } from './expected-texts.js';
import { nameOf } from './names.js';
import type { SideFile, SideKnowledge } from './side-knowledge.js';

/** What a report says of side files: which were read, and their names for the addresses that it mentions. */
export function sideSummary(
  side: SideKnowledge,
  verdicts: Pick<Report, 'tunnels' | 'findings' | 'checked'>,
): Pick<Report, 'sideFiles' | 'names'> {
  if (side.files.length === 0) return {};
  const { tunnels, findings } = verdicts;
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
    sideFiles: side.files.map((one) => sideFileSummary(one, side, verdicts)),
    ...(names.length === 0 ? {} : { names: Object.fromEntries(names) }),
  };
}

/** The warning of a file of which nothing was read ends with what is recognised, and what this capture has use for. */
function sideFileSummary(
  { file, kinds, facts, warning }: SideFile,
  { recognisable }: SideKnowledge,
  verdicts: Pick<Report, 'findings' | 'checked'>,
): SideFileSummary {
  const summary = { file, kinds: [...kinds], facts };
  if (warning === undefined) return summary;
  if (kinds.length > 0) return { ...summary, warning };
  const useful = textsOfUse(recognisable, verdicts);
  const use = useful === '' ? '' : `; of use here: ${useful}`;
  return { ...summary, warning: `${warning}; recognised: ${expectedTexts(recognisable)}${use}` };
}
