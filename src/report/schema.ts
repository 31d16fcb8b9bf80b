import * as z from 'zod';
import {
  captureSchema,
  checkedSchema,
  compareDirectionSchema,
  compareSchema,
  findingSchema,
  reportSchema,
  sideFileSchema,
  tunnelSchema,
} from './report.js';

const count = z.number().int();

const summarySchema = z.object({
  schema: z.literal('capan-report/1'),
  tool: reportSchema.shape.tool,
  command: reportSchema.shape.command,
  captures: count,
  frames: count,
  tunnels: count,
  findings: z.object({ error: count, warning: count, info: count }),
  consequences: count,
  checked: z.object({
    problem: count,
    'insufficient-data': count,
    healthy: count,
    'not-applicable': count,
  }),
  errors: count,
  names: reportSchema.shape.names,
  filesLeftOut: reportSchema.shape.filesLeftOut,
  summarised: reportSchema.shape.summarised,
});

/** A line of `--format ndjson`. */
export const ndjsonLineSchema = z.discriminatedUnion('type', [
  captureSchema.extend({ type: z.literal('capture') }),
  reportSchema.shape.quality.element.extend({ type: z.literal('quality') }),
  tunnelSchema.extend({ type: z.literal('tunnel') }),
  findingSchema.extend({ type: z.literal('finding') }),
  checkedSchema.extend({ type: z.literal('checked') }),
  sideFileSchema.extend({ type: z.literal('sideFile') }),
  compareSchema.shape.clock.extend({ type: z.literal('clock') }),
  compareSchema.shape.nat.element.extend({ type: z.literal('nat') }),
  compareDirectionSchema.extend({ type: z.literal('direction') }),
  compareSchema.shape.unpaired.element.extend({ type: z.literal('unpaired') }),
  reportSchema.shape.errors.element.extend({ type: z.literal('error') }),
  summarySchema.extend({ type: z.literal('summary') }),
]);

/** The text of docs/report.schema.json. A line of NDJSON is described under `$defs`. */
export function reportJsonSchema(): string {
  const { $schema, ...report } = z.toJSONSchema(reportSchema);
  const { $schema: _dialect, ...ndjsonLine } = z.toJSONSchema(ndjsonLineSchema);
  const schema = {
    $schema,
    title: 'capan-report/1',
    description:
      'The object that capan writes with --format json; $defs.ndjsonLine is a line of --format ndjson.',
    ...report,
    $defs: { ndjsonLine },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
