import { defineRates } from '../../src/correlate/pictures/rates.js';
import dissector from './dissector.js';

export default [defineRates({ tunnelKind: 'geneve', reads: dissector, key: ({ vni }) => vni })];
