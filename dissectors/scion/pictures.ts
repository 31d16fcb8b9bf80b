import { defineRates } from '../../src/correlate/pictures/rates.js';
import { scionDissector } from './dissector.js';

export default [defineRates({ tunnelKind: 'scion', reads: scionDissector })];
