import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

export type OpenvpnEventKind =
  | 'remote'
  | 'tls-timeout'
  | 'auth-failed'
  | 'inactive'
  | 'refused'
  | 'unreachable'
  | 'certificate'
  | 'up';

export interface OpenvpnEvent {
  readonly origin: Origin;
  readonly kind: OpenvpnEventKind;
  /** Address and port of the server, as the lines before say; null where they do not. */
  readonly server: string | null;
  readonly serverPort: number | null;
  readonly text: string;
}

const EVENTS_MAX = 100_000;
/** `ovpn-client[1234]: `, `openvpn[1234]: `, `ovpn-server/1234`, or the date that the program itself prints. */
const LINE =
  /(?:\b(?:ovpn|openvpn)[\w.@-]{0,64}(?:\[\d{1,9}\])?: |^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) )(.{1,2000})$/;
const REMOTE = /(?:link remote|remote address): \[AF_INET6?\](\[?[0-9a-fA-F.:]{2,45}?\]?):(\d{1,5})\b/;

const SENTENCES: readonly (readonly [OpenvpnEventKind, RegExp])[] = [
  ['tls-timeout', /TLS key negotiation failed to occur within \d{1,6} seconds/],
  ['auth-failed', /AUTH_FAILED|auth-failure/],
  [
    'certificate',
    /VERIFY ERROR|certificate verify failed|TLS_ERROR: BIO read tls_read_plaintext error|no certificate matches/i,
  ],
  ['inactive', /Inactivity timeout \(--ping-(?:restart|exit)\)/],
  ['refused', /\[?ECONNREFUSED\]?[:)]|Connection refused/],
  ['unreachable', /\bE(?:HOST|NET)UNREACH\b|No route to host|Network is unreachable/],
  ['up', /Initialization Sequence Completed/],
  ['remote', REMOTE],
];

/** Lines of OpenVPN in a syslog, a journal or its own log. */
export default defineSideFileReader<OpenvpnEvent>({
  kind: 'OpenVPN log',
  text: { words: { logs: ['a log of OpenVPN'] }, read: readOpenvpnLog },
  usedBy: ['openvpn.failure-in-log'],
});

/** Empty where no line of OpenVPN says anything of known meaning. */
function readOpenvpnLog({ file, lines }: TextFile): OpenvpnEvent[] {
  const events: OpenvpnEvent[] = [];
  let [server, serverPort]: [string | null, number | null] = [null, null];
  for (const { text, number } of lines) {
    if (events.length >= EVENTS_MAX) break;
    const said = LINE.exec(text)?.[1];
    if (said === undefined) continue;
    const kind = SENTENCES.find(([, pattern]) => pattern.test(said))?.[0];
    if (kind === undefined) continue;
    const [, address, port] = REMOTE.exec(said) ?? [];
    if (address !== undefined) {
      server = canonicalAddress(address.replace(/[[\]]/g, ''));
      serverPort = Number(port);
    }
    events.push({ origin: { file, place: `line ${number}` }, kind, server, serverPort, text: said });
  }
  return events;
}
