import { defineRates } from '../../src/correlate/pictures/rates.js';
import { defineSequences } from '../../src/correlate/pictures/sequences.js';
import { greDissector } from './dissector.js';
import * as gre from './layout.js';

const KINDS = ['gre', 'erspan'];

export default [
  defineRates({
    tunnelKind: 'gre',
    reads: greDissector,
    layerKinds: KINDS,
    outerDirection: ({ outerDirection }) => outerDirection,
  }),
  defineSequences({
    protocol: 'gre',
    reads: greDissector,
    sequence: ({ sequence }) => sequence,
    key: ({ key }) => key,
    isNumbered: ({ flags }, row) => (flags[row] & gre.FLAG_SEQUENCE) !== 0,
    outerDirection: ({ outerDirection }) => outerDirection,
    ends: ({ flows }, flow) => {
      const own = flows.tunnelLayers(flows.stack(flow)).at(-1);
      return own !== undefined && KINDS.includes(own.kind) ? own : null;
    },
  }),
];
