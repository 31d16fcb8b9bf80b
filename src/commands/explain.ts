import { catalogue } from '../../dissectors/index.js';
import type { DiagnosisMetadata } from '../diagnose/diagnosis-metadata.js';
import { suggestion } from '../diagnose/nearest-ids.js';
import { shownText } from '../report/ascii-text.js';
import { catalogueText, type DiagnosisArea, diagnosisText } from '../report/diagnosis-text.js';
import { type ColorChoice, paints } from './color-choice.js';
import { matchesIdPattern } from './id-patterns.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan explain`.
 * @throws UsageError for an id that the catalogue does not have.
 */
export async function runExplain(
  id: string | null,
  terminal: Terminal,
  color: ColorChoice = 'auto',
): Promise<number> {
  const look = { ...terminal, color: paints(color, terminal.color) };
  await terminal.write(shownText(explanation(id, catalogue, look), terminal.ascii));
  return 0;
}

export function diagnosisIds(): readonly string[] {
  return catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
}

/** One diagnosis by its id, those that a glob matches, or those of an area (`esp`). */
function diagnosesFor(name: string, areas: readonly DiagnosisArea[]): readonly DiagnosisMetadata[] {
  const diagnoses = areas.flatMap((area) => area.diagnoses);
  const wanted = name.toLowerCase();
  const exact = diagnoses.filter(({ id }) => id === wanted);
  if (exact.length > 0) return exact;
  const pattern = /[*?]/.test(wanted) ? wanted : `${wanted.replace(/\.$/, '')}.*`;
  return diagnoses.filter(({ id }) => matchesIdPattern(id, pattern));
}

function explanation(
  id: string | null,
  areas: readonly DiagnosisArea[],
  terminal: Pick<Terminal, 'color' | 'columns'>,
): string {
  const options = {
    color: terminal.color,
    ...(terminal.columns === null ? {} : { width: terminal.columns }),
  };
  if (id === null) return catalogueText(areas, options);
  const found = diagnosesFor(id, areas);
  const [only, ...more] = found;
  if (only === undefined) {
    const ids = areas.flatMap(({ diagnoses }) => diagnoses.map((diagnosis) => diagnosis.id));
    throw new UsageError(`no diagnosis is called '${id}'; ${suggestion(id, ids)}`);
  }
  if (more.length === 0) return diagnosisText(only, options);
  const chosen = new Set<DiagnosisMetadata>(found);
  return catalogueText(
    areas.map((area) => ({
      ...area,
      diagnoses: area.diagnoses.filter((diagnosis) => chosen.has(diagnosis)),
    })),
    options,
  );
}
