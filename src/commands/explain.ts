import { catalogue } from '../../dissectors/index.js';
import { suggestion } from '../diagnose/nearest-ids.js';
import { catalogueText, type DiagnosisArea, diagnosisText } from '../report/diagnosis-text.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan explain`.
 * @throws UsageError for an id that the catalogue does not have.
 */
export async function runExplain(id: string | null, terminal: Terminal): Promise<number> {
  await terminal.write(explanation(id, catalogue, terminal));
  return 0;
}

export function diagnosisIds(): readonly string[] {
  return catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
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
  const diagnoses = areas.flatMap((area) => area.diagnoses);
  const found = diagnoses.find((diagnosis) => diagnosis.id === id);
  if (found === undefined) {
    const ids = diagnoses.map((diagnosis) => diagnosis.id);
    throw new UsageError(`no diagnosis is called '${id}'; ${suggestion(id, ids)}`);
  }
  return diagnosisText(found, options);
}
