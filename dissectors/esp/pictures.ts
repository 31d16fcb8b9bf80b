import { defineRates } from '../../src/correlate/pictures/rates.js';
import { defineSequences } from '../../src/correlate/pictures/sequences.js';
import { esp } from './dissector.js';

export default [
  defineRates({ tunnelKind: 'ipsec', reads: esp }),
  defineSequences({
    protocol: 'esp',
    reads: esp,
    sequence: ({ sequence }) => sequence,
    key: ({ spi }) => spi,
    ends: ({ flows }, flow) => flows.endpoints(flow),
  }),
];
