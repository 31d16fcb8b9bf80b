import { writePcap } from '../../test/build/capture-file.js';
import {
  connectOpenvpn,
  dataExchange,
  type OpenvpnTunnel,
  openvpnHandshake,
  openvpnTunnel,
  sendInVain,
} from '../../test/build/openvpn.js';
import type { Timeline } from '../../test/build/scenario.js';
import { CLIENT, SERVER } from './openvpn.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const START = 2;
/** A segment and its repetitions by TCP. */
const BACKOFF_TCP = [0, 0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4];

function overTcp(name: string, untilSeconds: number): [Timeline, OpenvpnTunnel, number] {
  const t = siteTimeline(name, PUBLIC_SITE, untilSeconds);
  const tunnel = openvpnTunnel(t, CLIENT, SERVER);
  connectOpenvpn(t, START, tunnel);
  return [t, tunnel, openvpnHandshake(t, START + 0.1, tunnel)];
}

function healthyOverTcp(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-healthy', 50);
  dataExchange(t, tunnel, { at: done + 0.5, count: 40, intervalSeconds: 1, lengthBack: 160 });
  return writePcap(t.frames());
}

/** The path back to the client dies; TCP repeats its segment and then gives up. */
function tcpDead(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-dead', 60);
  dataExchange(t, tunnel, { at: done + 0.5, count: 20, intervalSeconds: 1, lengthBack: 160 });
  sendInVain(
    t,
    BACKOFF_TCP.map((seconds) => done + 21 + seconds),
    tunnel,
    'client',
    250,
  );
  return writePcap(t.frames());
}

/** The connection is well, and each segment acknowledged; but the server never has anything to say inside the tunnel. */
function tcpOneWay(): Uint8Array {
  const [t, tunnel, done] = overTcp('openvpn-tcp-one-way', 100);
  dataExchange(t, tunnel, { at: done + 0.5, count: 80, intervalSeconds: 1, lostBack: () => true });
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'openvpn-tcp-healthy.pcap',
    shows: 'OpenVPN over TCP: handshake and data both ways',
    must: [],
    healthy: true,
    write: healthyOverTcp,
  },
  {
    file: 'openvpn-tcp-dead.pcap',
    shows: 'OpenVPN over TCP: from second 23 on nothing comes back, and the client repeats one segment',
    must: ['openvpn.one-way-data'],
    allow: ['tcp.half-open', 'tcp.retransmissions'],
    healthy: false,
    write: tcpDead,
  },
  {
    file: 'openvpn-tcp-one-way.pcap',
    shows: 'OpenVPN over TCP: every segment is acknowledged, but no data ever comes back',
    must: ['openvpn.one-way-data'],
    healthy: false,
    write: tcpOneWay,
  },
];
