import { writeFileSync } from 'node:fs';
import { fieldPage } from './field-page.js';

writeFileSync(new URL('../docs/field.md', import.meta.url), fieldPage());
