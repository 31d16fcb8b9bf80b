import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import { defineRates } from '../../src/correlate/pictures/rates.js';
import { openvpnDissector } from './dissector.js';
import * as openvpn from './layout.js';
import { WRAP_TLS_CRYPT } from './rows.js';

const NAMES: Readonly<Record<number, string>> = {
  [openvpn.HARD_RESET_CLIENT_V1]: 'hard reset of the client',
  [openvpn.HARD_RESET_CLIENT_V2]: 'hard reset of the client',
  [openvpn.HARD_RESET_CLIENT_V3]: 'hard reset of the client',
  [openvpn.HARD_RESET_SERVER_V1]: 'hard reset of the server',
  [openvpn.HARD_RESET_SERVER_V2]: 'hard reset of the server',
  [openvpn.SOFT_RESET]: 'soft reset',
  [openvpn.CONTROL]: 'control',
  [openvpn.CONTROL_WRAPPED_KEY]: 'control',
  [openvpn.ACK]: 'acknowledgment',
  [openvpn.DATA_V1]: 'data',
  [openvpn.DATA_V2]: 'data',
};

const TLS_TYPES: Readonly<Record<number, string>> = {
  20: 'TLS change cipher spec',
  21: 'TLS alert',
  22: 'TLS handshake',
  23: 'TLS application data',
};

/** Data is one rung however long it goes on; a control packet has a number, by which repetitions are known. */
export default [
  defineRates({ tunnelKind: 'openvpn', reads: openvpnDissector }),
  defineLadder({
    protocol: 'openvpn',
    reads: openvpnDissector,
    describe({ opcode, messageId, wrapping, tlsType, sessionLow }, row, rung) {
      const isControl = opcode[row] !== openvpn.ACK && !openvpn.isData(opcode[row]);
      const isNumbered = isControl && wrapping[row] !== WRAP_TLS_CRYPT;
      rung.code = opcode[row];
      rung.detail = isNumbered ? messageId[row] * 256 + tlsType[row] : 0;
      rung.identity = isNumbered ? (messageId[row] + 1) * 2 ** 32 + (sessionLow[row] >>> 0) : 0;
      rung.asks = isControl;
    },
    label: (code, detail) => {
      const name = NAMES[code] ?? `opcode ${code}`;
      if (code !== openvpn.CONTROL && code !== openvpn.CONTROL_WRAPPED_KEY) return name;
      const tls = TLS_TYPES[detail % 256];
      const number = Math.floor(detail / 256);
      return number === 0 && tls === undefined ? name : `${name} ${number}${tls ? `, ${tls}` : ''}`;
    },
  }),
];
