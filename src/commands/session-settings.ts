import type { Evidence } from '../diagnose/diagnosis.js';
import type { SettingsReader } from '../diagnose/settings.js';
import { insideWords } from '../wording/subjects.js';

/** Values by setting, by `BGP 10.0.0.1 <-> 10.0.0.2`. */
export type SettingsByEnds = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** Hosts of which settings are kept. */
const ENDS_MAX = 20_000;

/** How the ends are set up, as every protocol of the catalogue tells it. */
export function sessionSettings(
  readers: readonly SettingsReader[],
  evidence: Pick<Evidence, 'sessions' | 'quality'>,
): SettingsByEnds {
  const settings = new Map<string, Map<string, Set<string>>>();
  for (const reader of readers) {
    for (const { hosts, stack, name, value } of reader.describe(evidence)) {
      const ends = `${reader.protocol} ${[...hosts].sort().join(' <-> ')}${insideWords(evidence.quality, stack)}`;
      const known = settings.get(ends) ?? new Map<string, Set<string>>();
      if (settings.size < ENDS_MAX || settings.has(ends)) settings.set(ends, known);
      const values = known.get(name) ?? new Set();
      known.set(name, values.add(value));
    }
  }
  return settings;
}
