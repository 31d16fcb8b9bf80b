import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import dissector from './dissector.js';
import * as isakmp from './layout.js';
import { exchangeName, notifyName } from './shared/names.js';

/** `detail`: exchange type, version, response, notify, fragment. */
const VERSIONS = 256;
const RESPONSES = VERSIONS * 4;
const NOTIFIES = RESPONSES * 2;
const FRAGMENTS = NOTIFIES * 65_536;

export default [
  defineLadder({
    protocol: 'isakmp',
    reads: dissector,
    describe({ version, exchangeType, flags, notifyType, fragmentNumber, digestHigh, digestLow }, row, rung) {
      const isResponse = version[row] === isakmp.VERSION_2 && (flags[row] & isakmp.V2_RESPONSE) !== 0;
      rung.code = exchangeType[row];
      rung.detail =
        version[row] * VERSIONS +
        (isResponse ? RESPONSES : 0) +
        notifyType[row] * NOTIFIES +
        Math.min(fragmentNumber[row], 255) * FRAGMENTS;
      rung.identity = (digestHigh[row] >>> 0) * 2 ** 21 + (digestLow[row] >>> 11);
      // In version 1 either side asks, and goes on from another port: only repetitions tell that nothing came.
      rung.asks = version[row] === isakmp.VERSION_2 && !isResponse;
    },
    label(code, detail) {
      const version = Math.floor(detail / VERSIONS) % 4;
      const isResponse = Math.floor(detail / RESPONSES) % 2 === 1;
      const notify = Math.floor(detail / NOTIFIES) % 65_536;
      const fragment = Math.floor(detail / FRAGMENTS);
      const role = version === isakmp.VERSION_2 ? (isResponse ? ' response' : ' request') : '';
      return [
        `${exchangeName(code)}${role}`,
        ...(fragment > 0 ? [`fragment ${fragment}`] : []),
        ...(notify > 0 && notify < isakmp.NOTIFY_STATUS_FIRST ? [notifyName(version, notify)] : []),
      ].join(', ');
    },
  }),
];
