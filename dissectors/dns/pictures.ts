import { defineLadder } from '../../src/correlate/pictures/ladder.js';
import { dnsDissector } from './dissector.js';
import * as dns from './layout.js';

const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  65: 'HTTPS',
};
const RCODES = ['', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const RCODES_EACH = 16;

export default [
  defineLadder({
    protocol: 'dns',
    reads: dnsDissector,
    describe({ flags, type, id, nameHash }, row, rung) {
      const isAnswer = (flags[row] & dns.FLAG_RESPONSE) !== 0;
      rung.code = isAnswer ? 1 : 0;
      rung.detail = type[row] * RCODES_EACH + (flags[row] & dns.RCODE_MASK);
      rung.identity = (id[row] + 1) * 2 ** 32 + (nameHash[row] >>> 0);
      rung.asks = !isAnswer;
    },
    label(code, detail) {
      const type = Math.floor(detail / RCODES_EACH);
      const rcode = detail % RCODES_EACH;
      const what = TYPES[type] ?? `type ${type}`;
      if (code === 0) return `query ${what}`;
      return rcode === 0 ? `answer ${what}` : `answer ${what}: ${RCODES[rcode] ?? `RCODE ${rcode}`}`;
    },
  }),
];
