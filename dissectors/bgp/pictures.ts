import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import dissector from './dissector.js';
import * as bgp from './layout.js';
import { codeText } from './names.js';

const NAMES: Readonly<Record<number, string>> = {
  [bgp.TYPE_OPEN]: 'OPEN',
  [bgp.TYPE_UPDATE]: 'UPDATE',
  [bgp.TYPE_NOTIFICATION]: 'NOTIFICATION',
  [bgp.TYPE_KEEPALIVE]: 'KEEPALIVE',
  [bgp.TYPE_ROUTE_REFRESH]: 'ROUTE-REFRESH',
};

export default [
  defineLadder({
    protocol: 'bgp',
    reads: dissector,
    describe({ type, code, subcode, as, holdTime }, row, rung) {
      const isOpen = type[row] === bgp.TYPE_OPEN;
      const isNotification = type[row] === bgp.TYPE_NOTIFICATION;
      rung.code = type[row] === bgp.ROW_ROUTE ? -1 : type[row];
      rung.detail = isOpen
        ? as[row] * 65_536 + holdTime[row]
        : isNotification
          ? code[row] * 256 + subcode[row]
          : 0;
      rung.identity = 0;
      rung.asks = isOpen;
    },
    label(type, detail) {
      const name = NAMES[type] ?? `message type ${type}`;
      if (type === bgp.TYPE_OPEN)
        return `${name}, AS ${Math.floor(detail / 65_536)}, hold ${detail % 65_536} s`;
      if (type === bgp.TYPE_NOTIFICATION)
        return `${name} ${codeText(Math.floor(detail / 256), detail % 256)}`;
      return name;
    },
  }),
];
