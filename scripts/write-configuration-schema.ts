import { writeFileSync } from 'node:fs';
import { catalogue } from '../dissectors/index.js';
import { protocolsOfCatalogue } from '../src/correlate/known-protocols.js';
import { configurationJsonSchema } from '../src/side-files/configuration-schema.js';

const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
writeFileSync(
  new URL('../docs/configuration.schema.json', import.meta.url),
  configurationJsonSchema(diagnoses, protocolsOfCatalogue(catalogue).tunnelKinds()),
);
