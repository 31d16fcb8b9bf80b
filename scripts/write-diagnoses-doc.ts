import { writeFileSync } from 'node:fs';
import { catalogue } from '../dissectors/index.js';
import { diagnosesDocument } from '../src/report/diagnoses-doc.js';

writeFileSync(new URL('../docs/diagnoses.md', import.meta.url), diagnosesDocument(catalogue));
