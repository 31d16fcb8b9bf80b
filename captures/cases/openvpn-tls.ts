import { writePcap } from '../../test/build/capture-file.js';
import {
  OPENVPN_OPCODE,
  openvpnHandshake,
  openvpnTunnel,
  sendControl,
  tlsRecord,
} from '../../test/build/openvpn.js';
import { ping } from '../../test/build/scenario.js';
import { CLIENT, SERVER, START, tunnelOn } from './openvpn.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE } from './sites.js';

/* How a TLS handshake of OpenVPN ends, other than in a tunnel. */

/** The first large packets of the server do not arrive: at the client, the client hello is acknowledged and nothing follows. */
function tlsStalled(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-tls-stalled', 80);
  const done = openvpnHandshake(t, START, tunnel, { packets: 3 });
  const payload = t.random.bytes(1184);
  for (const after of [0, 2, 6, 14, 30]) {
    sendControl(t, done + 1 + after, tunnel, 'client', {
      opcode: OPENVPN_OPCODE.control,
      messageId: tunnel.client.nextMessage,
      acks: [2],
      payload,
    });
  }
  return writePcap(t.frames());
}

/** At the client: of the server's messages the small one arrives, the two full-size ones never do. */
function tlsStarved(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-tls-starved', 100);
  for (const attempt of [0, 62]) {
    const session = attempt === 0 ? tunnel : openvpnTunnel(t, { ...CLIENT, port: 41_990 }, SERVER);
    const done = openvpnHandshake(t, START + attempt, session, { packets: 1 });
    sendControl(t, done + 0.02, session, 'server', {
      opcode: OPENVPN_OPCODE.control,
      messageId: 3,
      payload: t.random.bytes(188),
    });
    sendControl(t, done + 0.021, session, 'client', { opcode: OPENVPN_OPCODE.ack, acks: [3] });
  }
  return writePcap(t.frames());
}

function tlsAlert(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-tls-alert', 40);
  const done = openvpnHandshake(t, START, tunnel, { packets: 5 });
  sendControl(t, done + 0.02, tunnel, 'server', {
    opcode: OPENVPN_OPCODE.control,
    acks: [tunnel.client.nextMessage - 1],
    payload: tlsRecord(21, Uint8Array.of(2, 45)),
  });
  return writePcap(t.frames());
}

/** TLS completes; at AUTH_FAILED the client leaves, so that nobody acknowledges it. */
function authFailed(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-auth-failed', 40);
  const done = openvpnHandshake(t, START, tunnel);
  const messageId = tunnel.server.nextMessage;
  const payload = t.random.bytes(54);
  for (const after of [0, 2.2])
    sendControl(t, done + 0.02 + after, tunnel, 'server', {
      opcode: OPENVPN_OPCODE.control,
      messageId,
      payload,
    });
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 6, count: 25, identifier: 0x5a01 });
  return writePcap(t.frames());
}

/** The configuration is pushed and acknowledged, after one repetition, and nobody has anything to say. */
function idle(): Uint8Array {
  const [t, tunnel] = tunnelOn('openvpn-idle', 60);
  const done = openvpnHandshake(t, START, tunnel);
  const messageId = tunnel.server.nextMessage;
  const payload = t.random.bytes(180);
  for (const after of [0, 2.2])
    sendControl(t, done + 0.02 + after, tunnel, 'server', {
      opcode: OPENVPN_OPCODE.control,
      messageId,
      payload,
    });
  sendControl(t, done + 2.26, tunnel, 'client', { opcode: OPENVPN_OPCODE.ack, acks: [messageId] });
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 6, count: 40, identifier: 0x5a02 });
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'openvpn-tls-stalled.pcap',
    shows: 'the handshake begins, and a control packet of 1184 bytes of TLS is repeated in vain',
    must: ['openvpn.tls-stalled'],
    healthy: false,
    write: tlsStalled,
  },
  {
    file: 'openvpn-tls-starved.pcap',
    shows:
      'at the client: full-size packets of the server never arrive, so its certificate is missing; two attempts',
    must: ['openvpn.tls-stalled'],
    healthy: false,
    write: tlsStarved,
  },
  {
    file: 'openvpn-tls-alert.pcap',
    shows: 'the server refuses the certificate of the client with a TLS alert: expired',
    must: ['openvpn.tls-stalled'],
    healthy: false,
    write: tlsAlert,
  },
  {
    file: 'openvpn-auth-failed.pcap',
    shows:
      'TLS completes, and at the next message of the server, which refuses the login, the client leaves without a word',
    must: ['openvpn.tls-stalled'],
    healthy: false,
    write: authFailed,
  },
  {
    file: 'openvpn-idle-healthy.pcap',
    shows:
      'TLS completes, the configuration is repeated once and acknowledged, and the tunnel is idle for 50 s, without pings',
    must: [],
    healthy: true,
    write: idle,
  },
];
