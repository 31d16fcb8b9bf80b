import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { OPENVPN_OPCODE, openvpnTunnel, sendControl } from '../../test/build/openvpn.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';
import { type Tcp, tcp } from '../../test/build/tcp.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

/*
 * Traffic of which one direction takes another way than the other: around a tunnel, or from another address.
 */

const { local, peer } = PUBLIC_SITE;
const IP_IN_IP = 4;
const NODE = '10.244.1.0';
const POD = '10.244.2.19';
const NODE_NATIVE = '10.244.1.8';
/** Repetitions of an OpenVPN client, and of a SYN. */
const RESETS = [0, 2, 6, 14, 30];
const SYNS = [0, 1, 3, 7];

interface Way {
  readonly from: Endpoint;
  readonly to: Endpoint;
}

const forth: Way = { from: local, to: peer };

/** Through IP in IP, or natively where there is no `through`. */
function sendInner(
  t: Timeline,
  at: number,
  source: string,
  destination: string,
  inner: Inner,
  through?: Way,
): void {
  const packet = ip({ source, destination, protocol: inner.protocol, ttl: 63, payload: inner.payload });
  if (through) t.sendIp(at, through.from, through.to, IP_IN_IP, packet);
  else {
    const [from, to] = source === POD ? [peer, local] : [local, peer];
    t.sendIp(
      at,
      { ...from, address: source },
      { ...to, address: destination },
      inner.protocol,
      inner.payload,
    );
  }
}

interface Inner {
  readonly protocol: number;
  readonly payload: Uint8Array;
}

function echo(t: Timeline, identifier: number, sequence: number, reply: boolean): Inner {
  const data = t.random.bytes(56);
  return { protocol: IP_PROTOCOL.icmp, payload: icmpEcho({ identifier, sequence, data, reply }) };
}

/** A node reaches the pods of another one through IP in IP; these reach its network natively, and drop what the tunnel brings. */
export function reversePathFilter(t: Timeline): void {
  for (let index = 0; index < 16; index += 1) {
    sendInner(t, 3 + index, NODE, POD, echo(t, 0x2f41, index + 1, false), forth);
    sendInner(t, 3.4 + index, POD, NODE_NATIVE, echo(t, 0x2f42, index + 1, false));
    sendInner(t, 3.41 + index, NODE_NATIVE, POD, echo(t, 0x2f42, index + 1, true));
  }
}

/** Requests take the tunnel, answers do not. `isTaken`: the clients get them. */
export function answersAround(t: Timeline, isTaken: boolean): void {
  for (let client = 0; client < 4; client += 1) {
    const at = 3 + client * 3;
    const ends = { source: `198.51.100.${40 + client}`, destination: '203.0.113.80' };
    const ports = { sourcePort: 40_200 + client, destinationPort: 80 };
    const segment = (more: Omit<Tcp, keyof typeof ends | keyof typeof ports>): Inner => ({
      protocol: IP_PROTOCOL.tcp,
      payload: tcp({ ...ends, ...ports, ...more }),
    });
    const answer: Tcp = {
      source: ends.destination,
      destination: ends.source,
      sourcePort: ports.destinationPort,
      destinationPort: ports.sourcePort,
      sequence: 5000,
      acknowledgment: 1001,
      flags: ['SYN', 'ACK'],
    };
    for (const after of isTaken ? [0] : SYNS) {
      sendInner(
        t,
        at + after,
        ends.source,
        ends.destination,
        segment({ sequence: 1000, flags: ['SYN'] }),
        forth,
      );
      const payload = tcp(answer);
      const server = { ...peer, address: ends.destination };
      t.sendIp(at + after + 0.001, server, { ...local, address: ends.source }, IP_PROTOCOL.tcp, payload);
    }
    if (!isTaken) continue;
    const ack = segment({
      sequence: 1001,
      acknowledgment: 5001,
      flags: ['ACK'],
      payload: t.random.bytes(80),
    });
    sendInner(t, at + 0.03, ends.source, ends.destination, ack, forth);
  }
}

/** An OpenVPN server with two addresses answers from the one that was not asked. `both`: a translation shows both of its legs. */
export function wrongSource(t: Timeline, both = false): void {
  const server = { ...peer, port: 1194 };
  const tunnel = openvpnTunnel(t, { ...local, port: 41_990 }, server);
  const other = { ...server, address: '198.51.100.8' };
  for (const after of both ? [0] : RESETS) {
    const at = 2 + after;
    tunnel.server.socket = server;
    const reset = { opcode: OPENVPN_OPCODE.clientReset, messageId: 0 };
    const answer = { opcode: OPENVPN_OPCODE.serverReset, messageId: 0, acks: [0] };
    sendControl(t, at, tunnel, 'client', reset);
    if (both) {
      tunnel.server.socket = other;
      sendControl(t, at + 0.0001, tunnel, 'client', reset);
    }
    tunnel.server.socket = other;
    sendControl(t, at + 0.02, tunnel, 'server', answer);
    tunnel.server.socket = server;
    if (both) sendControl(t, at + 0.0201, tunnel, 'server', answer);
  }
}

function atGateway(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'overlay-asymmetric-encapsulation.pcap',
    shows:
      'pings through IP in IP get no answer; the pods that they go to reach the network of the sender natively (reverse path filter)',
    must: ['overlay.asymmetric-encapsulation'],
    healthy: false,
    allow: ['ipip.no-return', 'underlay.ping-loss'],
    write: atGateway('overlay-asymmetric-encapsulation', 24, reversePathFilter),
  },
  {
    file: 'ipip-answers-around.pcap',
    shows: 'direct server return: requests come through IP in IP, the answers go natively and are taken',
    must: [],
    healthy: true,
    write: atGateway('ipip-answers-around', 20, (t) => answersAround(t, true)),
  },
  {
    file: 'underlay-wrong-source-answer.pcap',
    shows: 'an OpenVPN server answers from another address than was asked: the client goes on asking',
    must: ['underlay.wrong-source-answer'],
    healthy: false,
    write: atGateway('underlay-wrong-source-answer', 40, (t) => wrongSource(t)),
  },
];
