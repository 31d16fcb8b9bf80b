import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import openvpnLogs from './openvpn-log.js';

const kindsIn = (...lines: string[]) => factsIn(openvpnLogs, lines).map(({ kind, server }) => [kind, server]);

/* OpenVPN 2.6.14 (Debian 12) against a server that drops, that is not there, and that has another authority. */
const REMOTE = '2026-11-30 20:08:19 UDPv4 link remote: [AF_INET]192.0.2.2:1194';

describe('log of OpenVPN', () => {
  it('reads a client whose packets are dropped', () => {
    expect(
      kindsIn(
        '2026-11-30 20:08:19 UDPv4 link local: (not bound)',
        REMOTE,
        '2026-11-30 20:08:23 TLS Error: TLS key negotiation failed to occur within 3 seconds (check your network connectivity)',
        '2026-11-30 20:08:23 TLS Error: TLS handshake failed',
        '2026-11-30 20:08:23 SIGUSR1[soft,tls-error] received, process restarting',
      ),
    ).toEqual([
      ['remote', '192.0.2.2'],
      ['tls-timeout', '192.0.2.2'],
    ]);
  });

  it('reads a server that does not run', () => {
    expect(
      kindsIn(REMOTE, '2026-11-30 20:08:24 read UDPv4 [ECONNREFUSED]: Connection refused (fd=3,code=111)'),
    ).toEqual([
      ['remote', '192.0.2.2'],
      ['refused', '192.0.2.2'],
    ]);
  });

  it('reads a certificate of an unknown authority', () => {
    expect(
      kindsIn(
        '2026-11-30 20:08:30 OpenSSL: error:0A000086:SSL routines::certificate verify failed:',
        '2026-11-30 20:08:30 TLS_ERROR: BIO read tls_read_plaintext error',
      ),
    ).toEqual([
      ['certificate', null],
      ['certificate', null],
    ]);
  });

  it('reads syslog, and is silent on other programs', () => {
    expect(
      kindsIn(
        'Nov 30 16:07:27 as-vm ovpn-client[17046]: [server] Inactivity timeout (--ping-restart), restarting',
        'Nov 30 16:07:28 as-vm sshd[99]: Connection refused by peer',
      ),
    ).toEqual([['inactive', null]]);
  });
});
