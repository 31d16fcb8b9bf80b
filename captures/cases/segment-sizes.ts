import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import type { Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  CELL_A,
  CELL_B,
  type Container,
  encapsulate,
  innerPing,
  sendInner,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';
import { type TalkEnds, TcpTalk } from './tcp-talk.js';

const { local, peer } = PUBLIC_SITE;
const OTHER_APP_B: Container = { ...APP_B, address: '10.255.144.64' };

function inOverlay(name: string, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, 30);
    build(t);
    return writePcap(t.frames());
  };
}

/** Connections between two containers whose SYNs announce these segment sizes. */
function overlayConnections(
  clientMss: number,
  serverMss: number,
  servers: readonly Container[] = [APP_B],
): (t: Timeline) => void {
  return (t) => {
    innerPing(t, APP_A, APP_B, { at: 2, count: 12, identifier: 0x2f11, intervalSeconds: 2 });
    for (let i = 0; i < 4; i += 1) {
      const at = 3 + i * 5;
      const server = servers[i % servers.length];
      const ends: TalkEnds = {
        client: { address: APP_A.address, port: 51_000 + i, mss: clientMss },
        server: { address: server.address, port: 8080, mss: serverMss },
        roundTripSeconds: 0.0012,
      };
      const talk = new TcpTalk(
        ends,
        (when, from, segment) => {
          const [source, destination] = from === 'client' ? [APP_A, server] : [server, APP_A];
          sendInner(t, when, source, destination, IP_PROTOCOL.tcp, segment);
        },
        { client: t.random.next(), server: t.random.next() },
      );
      talk
        .handshake(at)
        .request(at + 0.01, '/')
        .response(at + 0.013, 900)
        .close(at + 0.1);
    }
  };
}

/** A router reports the MTU of the path for one large packet of the tunnel; the hosts behind it open connections later. */
function connectionsAfterReport(t: Timeline): void {
  const echo = icmpEcho({ identifier: 0x2f12, sequence: 1, data: t.random.bytes(1472) });
  const packet = ip({
    source: APP_A.address,
    destination: APP_B.address,
    protocol: IP_PROTOCOL.icmp,
    payload: echo,
    ttl: APP_A.ttl,
    identification: t.nextIdentification(APP_A.address),
    dontFragment: true,
  });
  const frame = ethernet({
    source: CELL_A.mac,
    destination: CELL_B.mac,
    etherType: ETHER_TYPE.ipv4,
    payload: packet,
  });
  const outer = encapsulate(t, 1.5, CELL_A, CELL_B, frame);
  const router = { mac: peer.mac, address: '203.0.113.1', ttl: 61 };
  t.sendIp(1.507, router, local, IP_PROTOCOL.icmp, icmpError(3, 4, outer, { parameter: 1500 }));
  overlayConnections(1410, 1460)(t);
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'mtu-mismatch.pcap',
    shows: 'inside VXLAN one container announces an MSS of 1410 to two others, which announce 1460',
    must: ['mtu.mismatch'],
    healthy: false,
    write: inOverlay('mtu-mismatch', overlayConnections(1410, 1460, [APP_B, OTHER_APP_B])),
  },
  {
    file: 'mtu-learned-healthy.pcap',
    shows:
      'the same after a router reported a smaller MTU to an end of the tunnel: the container announces what it has learned',
    must: ['mtu.frag-needed'],
    healthy: true,
    write: inOverlay('mtu-learned-healthy', connectionsAfterReport),
  },
  {
    file: 'mtu-equal-healthy.pcap',
    shows: 'inside VXLAN both containers announce an MSS of 1410',
    must: ['latency.breakdown'],
    healthy: true,
    write: inOverlay('mtu-equal-healthy', overlayConnections(1410, 1410)),
  },
];
