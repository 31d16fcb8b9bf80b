import { defineRates } from '../../src/correlate/pictures/rates.js';
import dissector from './dissector.js';

export default [
  defineRates({
    tunnelKind: 'vxlan',
    reads: dissector,
    layerKinds: ['vxlan'],
    outerDirection: ({ outerDirection }) => outerDirection,
  }),
];
