import { writeFileSync } from 'node:fs';
import { reportJsonSchema } from '../src/report/schema.js';

writeFileSync(new URL('../docs/report.schema.json', import.meta.url), reportJsonSchema());
