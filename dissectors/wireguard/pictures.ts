import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import { defineRates } from '../../src/correlate/pictures/rates.js';
import { wireguardDissector } from './dissector.js';
import * as wireguard from './layout.js';

const NAMES: Readonly<Record<number, string>> = {
  [wireguard.INITIATION]: 'handshake initiation',
  [wireguard.RESPONSE]: 'handshake response',
  [wireguard.DATA]: 'data',
};

export default [
  defineRates({ tunnelKind: 'wireguard', reads: wireguardDissector }),
  defineLadder({
    protocol: 'wireguard',
    reads: wireguardDissector,
    describe({ type }, row, rung) {
      rung.code = type[row];
      rung.detail = 0;
      rung.identity = 0;
      rung.asks = type[row] === wireguard.INITIATION;
    },
    label: (code) => NAMES[code] ?? 'cookie reply',
  }),
];
