import * as z from 'zod';
import type { DiagnosisMetadata } from '../diagnose/diagnosis-metadata.js';
import { adjustableThresholds, configurationSchema } from './configuration.js';

/** The text of docs/configuration.schema.json: what editors need to complete and check a `--config` file. */
export function configurationJsonSchema(
  diagnoses: readonly Pick<DiagnosisMetadata, 'id' | 'title' | 'thresholds'>[],
  tunnelKinds: readonly string[],
): string {
  const { $schema, properties, ...rest } = z.toJSONSchema(configurationSchema(tunnelKinds), { io: 'input' });
  const schema = {
    $schema,
    title: 'Configuration of capan (--config)',
    ...rest,
    properties: { ...properties, thresholds: thresholdsSchema(diagnoses) },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function thresholdsSchema(
  diagnoses: readonly Pick<DiagnosisMetadata, 'id' | 'title' | 'thresholds'>[],
): object {
  const entries = diagnoses
    .map(({ id, title, thresholds }) => ({ id, title, adjustable: adjustableThresholds(thresholds) }))
    .filter(({ adjustable }) => adjustable.length > 0)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return {
    description: 'Limits of single diagnoses, in the unit that each names',
    type: 'object',
    properties: Object.fromEntries(
      entries.map(({ id, title, adjustable }) => [
        id,
        {
          description: title,
          type: 'object',
          properties: Object.fromEntries(
            adjustable.map(([name, { value, unit, why }]) => [
              name,
              { description: `${unit}: ${why}`, type: 'number', exclusiveMinimum: 0, default: value },
            ]),
          ),
          additionalProperties: false,
        },
      ]),
    ),
    additionalProperties: false,
  };
}
