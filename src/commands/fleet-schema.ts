import * as z from 'zod';
import { pointsSchema } from '../fleet/points-shape.js';
import { fleetReportSchema } from '../report/fleet-report.js';

/** The text of docs/fleet.schema.json. */
export function fleetJsonSchema(): string {
  return jsonSchema(
    fleetReportSchema,
    'capan-fleet/1',
    'The object that capan fleet writes with --format json.',
  );
}

/** The text of docs/points.schema.json. */
export function pointsJsonSchema(): string {
  return jsonSchema(pointsSchema, 'capan-points', 'The file that capan fleet --points reads.');
}

function jsonSchema(described: z.ZodType, title: string, description: string): string {
  const { $schema, ...schema } = z.toJSONSchema(described);
  return `${JSON.stringify({ $schema, title, description, ...schema }, null, 2)}\n`;
}
