import type { Random } from '../../test/build/bytes.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { mssOption, type TcpFlag, tcp } from '../../test/build/tcp.js';
import type { FleetHost, FleetNetwork } from './fleet-network.js';

/** A container behind a host of the fleet. */
export interface Container {
  readonly host: FleetHost;
  readonly address: string;
  readonly mac: string;
  /** Largest segment that it sends. */
  readonly mss: number;
}

const RETRIES_MAX = 5;
const RTO_SECONDS = 0.2;
const SYN_RTO_SECONDS = 1;
const THINK_SECONDS = 0.002;

interface Step {
  readonly isFromClient: boolean;
  readonly flags: readonly TcpFlag[];
  readonly payload: number;
  /** False for an acknowledgement, which nobody sends again. */
  readonly isRepeated: boolean;
}

/** One connection, one request, one answer: a packet at a time, sent again as TCP does where it does not arrive. */
export function talk(
  network: FleetNetwork,
  client: Container,
  server: Container,
  vni: number,
  startSeconds: number,
  numbers: Random,
): void {
  const clientPort = 32_768 + Math.floor(numbers.between(0, 28_000));
  const next = [numbers.next(), numbers.next()];
  const outerPorts = [outerPort(numbers), outerPort(numbers)];
  let seconds = startSeconds;
  for (const step of stepsOf(client, server, numbers)) {
    const [own, other] = step.isFromClient ? [0, 1] : [1, 0];
    const ends = step.isFromClient ? [client, server] : [server, client];
    const data = numbers.bytes(step.payload);
    const isFirst = step.flags.includes('SYN') && !step.flags.includes('ACK');
    const frame = (): Uint8Array => {
      const segment = tcp({
        source: ends[0].address,
        destination: ends[1].address,
        sourcePort: step.isFromClient ? clientPort : 8080,
        destinationPort: step.isFromClient ? 8080 : clientPort,
        sequence: next[own],
        acknowledgment: isFirst ? 0 : next[other],
        flags: step.flags,
        ...(step.flags.includes('SYN') ? { options: mssOption(ends[0].mss) } : {}),
        payload: data,
      });
      const packet = ipv4({
        source: ends[0].address,
        destination: ends[1].address,
        protocol: IP_PROTOCOL.tcp,
        payload: segment,
        identification: numbers.next() & 0xffff,
        dontFragment: true,
      });
      return ethernet({
        destination: ends[1].mac,
        source: ends[0].mac,
        etherType: ETHER_TYPE.ipv4,
        payload: packet,
      });
    };
    const arrived = transmit(network, ends, seconds, vni, outerPorts[own], frame, step);
    if (arrived === null && step.isRepeated) return;
    next[own] =
      (next[own] + step.payload + (step.flags.includes('SYN') || step.flags.includes('FIN') ? 1 : 0)) >>> 0;
    seconds = (arrived ?? seconds) + THINK_SECONDS * (0.5 + numbers.between(0, 1));
  }
}

function transmit(
  network: FleetNetwork,
  [from, to]: readonly Container[],
  startSeconds: number,
  vni: number,
  sourcePort: number,
  frame: () => Uint8Array,
  { isRepeated, flags }: Step,
): number | null {
  let wait = flags.includes('SYN') ? SYN_RTO_SECONDS : RTO_SECONDS;
  let seconds = startSeconds;
  for (let attempt = 0; attempt <= (isRepeated ? RETRIES_MAX : 0); attempt++) {
    const arrived = network.sendVxlan(from.host, to.host, seconds, vni, sourcePort, frame());
    if (arrived !== null) return arrived;
    seconds += wait;
    wait *= 2;
  }
  return null;
}

/** A host hashes the inner flow into the port (RFC 7348, section 5). */
function outerPort(numbers: Random): number {
  return 49_152 + (numbers.next() & 0x3fff);
}

/** No pure acknowledgement may be the only packet that is lost: what follows it stands in for it. */
function stepsOf(client: Container, server: Container, numbers: Random): Step[] {
  const request = 60 + Math.floor(numbers.between(0, 300));
  const answer = numbers.between(0, 1) < 0.3 ? server.mss : 80 + Math.floor(numbers.between(0, 500));
  const upload = numbers.between(0, 1) < 0.3 ? [client.mss] : [];
  const data = (isFromClient: boolean, payload: number): Step => ({
    isFromClient,
    flags: ['PSH', 'ACK'],
    payload,
    isRepeated: true,
  });
  return [
    { isFromClient: true, flags: ['SYN'], payload: 0, isRepeated: true },
    { isFromClient: false, flags: ['SYN', 'ACK'], payload: 0, isRepeated: true },
    data(true, request),
    data(false, answer),
    ...upload.flatMap((payload) => [data(true, payload), data(false, 40)]),
    { isFromClient: true, flags: ['FIN', 'ACK'], payload: 0, isRepeated: true },
    { isFromClient: false, flags: ['FIN', 'ACK'], payload: 0, isRepeated: true },
    { isFromClient: true, flags: ['ACK'], payload: 0, isRepeated: false },
  ];
}
