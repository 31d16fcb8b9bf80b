import { writeFileSync } from 'node:fs';
import { fleetJsonSchema, pointsJsonSchema } from '../src/commands/fleet-schema.js';
import { reportJsonSchema } from '../src/report/schema.js';

writeFileSync(new URL('../docs/report.schema.json', import.meta.url), reportJsonSchema());
writeFileSync(new URL('../docs/fleet.schema.json', import.meta.url), fleetJsonSchema());
writeFileSync(new URL('../docs/points.schema.json', import.meta.url), pointsJsonSchema());
