import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import { bfdDissector } from './dissector.js';
import { diagnosticText, stateName } from './names.js';

export default [
  defineLadder({
    protocol: 'bfd',
    reads: bfdDissector,
    describe({ state, diagnostic }, row, rung) {
      rung.code = state[row];
      rung.detail = diagnostic[row];
      rung.identity = 0;
      rung.asks = true;
    },
    label: (state, diagnostic) =>
      diagnostic === 0 ? stateName(state) : `${stateName(state)}, diagnostic ${diagnosticText(diagnostic)}`,
  }),
];
