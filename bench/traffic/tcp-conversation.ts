import { type Conversation, type PlanExchange, segmentExchange } from './exchange.js';
import {
  ETHERNET_LENGTH,
  ethernetIpv4,
  ethernetTcp,
  type Host,
  IPV4_LENGTH,
  PROTOCOL_UDP,
  sealIpv4,
  sealTcp,
  UDP_LENGTH,
  udp,
  VXLAN_LENGTH,
  vxlanGbp,
} from './headers.js';
import type { Random } from './random.js';

const FIN = 0x01;
const SYN = 0x02;
const PSH = 0x08;
const ACK = 0x10;
const VXLAN_PORT = 4789;
const UNDERLAY_MTU = 1500;
const UNDERLAY_LENGTH = ETHERNET_LENGTH + IPV4_LENGTH + UDP_LENGTH + VXLAN_LENGTH;
const TIMESTAMPS = [8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
const EXCHANGES_PER_CONNECTION = 40;
/** The clock of the timestamps option, in milliseconds, at the first frame of the capture. */
const TSVAL_AT_START = 1_000_000;

interface Step {
  readonly fromClient: boolean;
  readonly flags: number;
  readonly payloadLength: number;
}

const OPENING: readonly Step[] = [
  { fromClient: true, flags: SYN, payloadLength: 0 },
  { fromClient: false, flags: SYN | ACK, payloadLength: 0 },
  { fromClient: true, flags: ACK, payloadLength: 0 },
];
const CLOSING: readonly Step[] = [
  { fromClient: true, flags: FIN | ACK, payloadLength: 0 },
  { fromClient: false, flags: FIN | ACK, payloadLength: 0 },
  { fromClient: true, flags: ACK, payloadLength: 0 },
];

export interface Overlay {
  readonly vni: number;
  readonly clientVtep: Host;
  readonly serverVtep: Host;
  readonly clientPolicyId: number;
  readonly serverPolicyId: number;
  /** Of the underlay, where it is the same for every inner flow: the tunnel is then one five-tuple each way. */
  readonly sourcePort?: number;
}

interface Peer {
  /** Everything up to and including the TCP options, of a segment with and without SYN. */
  readonly dataHeaders: Buffer;
  readonly synHeaders: Buffer;
  port: number;
  sequence: number;
  tsval: number;
  identification: number;
  underlayIdentification: number;
}

/** One TCP connection after another between a client and a server, plain or inside VXLAN with group policy ids. */
export class TcpConversation implements Conversation {
  private readonly segmentLength: number;
  private readonly client: Peer;
  private readonly server: Peer;
  private steps: readonly Step[] = [];
  private nextStep = 0;
  /** Most connections are open when the capture begins, anywhere in their life. */
  private exchangesLeft: number;

  constructor(
    clientHost: Host,
    serverHost: Host,
    serverPort: number,
    private readonly overlay: Overlay | undefined,
    private readonly payload: Buffer,
    random: Random,
    private readonly planExchange: PlanExchange = segmentExchange,
  ) {
    const mtu = overlay === undefined ? UNDERLAY_MTU : UNDERLAY_MTU - UNDERLAY_LENGTH;
    const mss = mtu - IPV4_LENGTH - 20;
    this.segmentLength = mss - 12;
    this.exchangesLeft = random.between(0, EXCHANGES_PER_CONNECTION);
    const outward =
      overlay && underlay(overlay.clientVtep, overlay.serverVtep, overlay.vni, overlay.clientPolicyId);
    const inward =
      overlay && underlay(overlay.serverVtep, overlay.clientVtep, overlay.vni, overlay.serverPolicyId);
    this.client = peer(clientHost, serverHost, random.between(32_768, 60_000), mss, outward, random);
    this.server = peer(serverHost, clientHost, serverPort, mss, inward, random);
  }

  get idle(): boolean {
    return this.nextStep === this.steps.length;
  }

  startExchange(random: Random): void {
    const opens = this.exchangesLeft === 0;
    if (opens) {
      this.exchangesLeft = EXCHANGES_PER_CONNECTION;
      this.client.port = this.client.port === 60_999 ? 32_768 : this.client.port + 1;
      this.client.sequence = random.next();
      this.server.sequence = random.next();
    }
    this.exchangesLeft -= 1;
    const exchange = this.planExchange(random, this.segmentLength).map((segment) => ({
      ...segment,
      flags: segment.payloadLength > 0 && segment.payloadLength < this.segmentLength ? PSH | ACK : ACK,
    }));
    this.steps = [...(opens ? OPENING : []), ...exchange, ...(this.exchangesLeft === 0 ? CLOSING : [])];
    this.nextStep = 0;
  }

  writeFrame(target: Buffer, offset: number, elapsedMs: number): number {
    const { fromClient, flags, payloadLength } = this.steps[this.nextStep++];
    const from = fromClient ? this.client : this.server;
    const to = fromClient ? this.server : this.client;
    const headers = (flags & SYN) === 0 ? from.dataHeaders : from.synHeaders;
    const payloadOffset = offset + headers.copy(target, offset);
    const end = payloadOffset + this.payload.copy(target, payloadOffset, 0, payloadLength);
    const ipOffset = offset + (this.overlay === undefined ? 0 : UNDERLAY_LENGTH) + ETHERNET_LENGTH;
    const tcpOffset = ipOffset + IPV4_LENGTH;
    const acknowledges = (flags & ACK) !== 0;

    from.tsval = TSVAL_AT_START + elapsedMs;
    target.writeUInt16BE(from.port, tcpOffset);
    target.writeUInt16BE(to.port, tcpOffset + 2);
    target.writeUInt32BE(from.sequence, tcpOffset + 4);
    target.writeUInt32BE(acknowledges ? to.sequence : 0, tcpOffset + 8);
    target[tcpOffset + 13] = flags;
    // The timestamps are the last option of both kinds of headers (RFC 7323, section 3.2).
    target.writeUInt32BE(from.tsval, payloadOffset - 8);
    target.writeUInt32BE(acknowledges ? to.tsval : 0, payloadOffset - 4);
    sealTcp(target, ipOffset, end);
    sealIpv4(target, ipOffset, end, from.identification++);
    if (this.overlay !== undefined) sealUnderlay(target, offset, end, from, this.overlay.sourcePort);

    const counted = payloadLength + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    from.sequence = (from.sequence + counted) >>> 0;
    return end - offset;
  }
}

function underlay(from: Host, to: Host, vni: number, policyId: number): Buffer {
  return Buffer.concat([
    ethernetIpv4(from, to, PROTOCOL_UDP, false),
    udp(0, VXLAN_PORT),
    vxlanGbp(vni, policyId),
  ]);
}

/** The source port stands for the inner flow unless it is fixed, and the UDP checksum is zero (RFC 7348, section 5). */
function sealUnderlay(
  target: Buffer,
  offset: number,
  end: number,
  from: Peer,
  sourcePort: number | undefined,
): void {
  const ipOffset = offset + ETHERNET_LENGTH;
  const udpOffset = ipOffset + IPV4_LENGTH;
  const tcpOffset = offset + UNDERLAY_LENGTH + ETHERNET_LENGTH + IPV4_LENGTH;
  const innerPorts = target.readUInt32BE(tcpOffset);
  target.writeUInt16BE(sourcePort ?? 49_152 + (Math.imul(innerPorts, 0x9e3779b1) >>> 18), udpOffset);
  target.writeUInt16BE(end - udpOffset, udpOffset + 4);
  sealIpv4(target, ipOffset, end, from.underlayIdentification++);
}

function peer(
  host: Host,
  other: Host,
  port: number,
  mss: number,
  envelope: Buffer | undefined,
  random: Random,
): Peer {
  const dataOptions = Buffer.from([1, 1, ...TIMESTAMPS]);
  const synOptions = Buffer.from([2, 4, mss >> 8, mss & 0xff, 4, 2, 1, 3, 3, 7, ...TIMESTAMPS]);
  const before = envelope ?? Buffer.alloc(0);
  return {
    dataHeaders: Buffer.concat([before, ethernetTcp(host, other, dataOptions)]),
    synHeaders: Buffer.concat([before, ethernetTcp(host, other, synOptions)]),
    port,
    sequence: random.next(),
    tsval: TSVAL_AT_START - random.between(1, 5_000),
    identification: random.between(0, 65_536),
    underlayIdentification: random.between(0, 65_536),
  };
}
