import { type Random, random } from './bytes.js';
import { esp } from './esp.js';
import type { TestFrame } from './frame-source.js';
import { IP_PROTOCOL, ipv4 } from './ip.js';
import { ETHER_TYPE, ethernet } from './link.js';
import { udp } from './udp.js';

/** Clients behind one address that talk ESP in UDP to a server, while the NAT forgets its mappings now and then. */
export interface NatPath {
  readonly seed: number;
  readonly clients: number;
  /** How often each client gets another port while it talks. */
  readonly rebindings: number;
  /** Of the clients, those whose side the near capture shows. */
  readonly captured: number;
  readonly loss: number;
  /** True where IP identifications are 0, as with the don't-fragment bit. */
  readonly isUnnumbered: boolean;
  /** Ports are given again to the next client that needs one. */
  readonly reusesPorts?: boolean;
}

interface Count {
  sent: number;
  lost: number;
}

export interface NatEnds {
  readonly a: TestFrame[];
  readonly b: TestFrame[];
  /** Of the captured clients. */
  readonly forward: Count;
  readonly backward: Count;
}

const SERVER = '198.51.100.5';
const OUTSIDE = '203.0.113.1';
const START_NS = 1_790_000_000_000_000_000n;
const SECONDS = 30;
const DELAY_SECONDS = 0.004;
const SERVICE = 4500;

interface Client {
  readonly address: string;
  readonly isCaptured: boolean;
  /** When it gets another port. */
  readonly turns: number[];
  port: number;
  /** The port that the server answers to. */
  known: number;
  sequence: number;
}

export function natEnds(path: NatPath): NatEnds {
  return new NatTraffic(path).ends();
}

class NatTraffic {
  private readonly numbers: Random;
  private readonly frames: { a: TestFrame[]; b: TestFrame[] } = { a: [], b: [] };
  private readonly forward: Count = { sent: 0, lost: 0 };
  private readonly backward: Count = { sent: 0, lost: 0 };
  private readonly clients: Client[];
  private readonly spare: number[] = [];
  private nextPort = 1024;
  private identification = 1;

  constructor(private readonly path: NatPath) {
    this.numbers = random(path.seed);
    this.clients = Array.from({ length: path.clients }, (_, index) => ({
      address: `192.168.${index + 1}.2`,
      isCaptured: index < path.captured,
      // A mapping that lives for a single packet leaves nothing to be known by.
      turns: Array.from({ length: path.rebindings }, (_, turn) => {
        const span = (SECONDS - 6) / path.rebindings;
        return 3 + turn * span + this.numbers.between(0, span - 1);
      }),
      port: index === 0 ? SERVICE : this.freshPort(),
      known: 0,
      sequence: 0,
    }));
  }

  ends(): NatEnds {
    for (let at = 0; at < SECONDS; at += 0.25) this.round(at);
    // Whatever was sent before is judged: the captures go on for long enough.
    this.round(SECONDS + 5, true);
    const inOrder = (frames: TestFrame[]): TestFrame[] => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
    const { forward, backward } = this;
    return { a: inOrder(this.frames.a), b: inOrder(this.frames.b), forward, backward };
  }

  private round(at: number, isFixed = at < 1): void {
    for (const client of this.clients) {
      const seconds = at + this.numbers.between(0, 0.1);
      while (client.turns.length > 0 && client.turns[0] < seconds) {
        client.turns.shift();
        this.rebind(client);
      }
      const wantsForward = isFixed || this.numbers.between(0, 1) < 0.6;
      if (wantsForward) this.send(client, seconds, true, isFixed);
      if (client.known !== 0)
        this.send(client, seconds + 0.02, false, isFixed && client.known === client.port);
    }
  }

  private rebind(client: Client): void {
    this.spare.push(client.port);
    client.port = this.freshPort();
  }

  /** A port is given again only some rounds after it was free, when the server answers to another one. */
  private freshPort(): number {
    if (this.path.reusesPorts && this.spare.length > 2) {
      const [oldest] = this.spare;
      const isInUse = this.clients.some(({ known }) => known === oldest);
      if (!isInUse) return this.spare.shift() ?? this.nextPort++;
    }
    return this.nextPort++;
  }

  private send(client: Client, seconds: number, isForward: boolean, isFixed: boolean): void {
    const { numbers, path, frames } = this;
    const outside = isForward ? client.port : client.known;
    const isForgotten = !isForward && client.known !== client.port;
    const isLost = isForgotten || (!isFixed && numbers.between(0, 1) < path.loss);
    const identification = path.isUnnumbered ? 0 : this.identification++ & 0xffff;
    const payload = esp({
      spi: isForward ? 0x1000 + this.clients.indexOf(client) : 0x2000 + this.clients.indexOf(client),
      sequence: ++client.sequence,
      payload: numbers.bytes(64),
    });
    const packet = (isInside: boolean, ttl: number): Uint8Array => {
      const host = isInside ? client.address : OUTSIDE;
      const port = isInside ? SERVICE : outside;
      const [source, destination] = isForward ? [host, SERVER] : [SERVER, host];
      const ports = isForward ? [port, SERVICE] : [SERVICE, port];
      return ipv4({
        source,
        destination,
        protocol: IP_PROTOCOL.udp,
        identification,
        ttl,
        payload: udp({ source, destination, sourcePort: ports[0], destinationPort: ports[1], payload }),
      });
    };
    const leaves = isForward ? client.isCaptured : true;
    const arrives = !isLost && (isForward || client.isCaptured);
    if (leaves) frames[isForward ? 'a' : 'b'].push(frameAt(seconds, packet(isForward, 64)));
    if (arrives)
      frames[isForward ? 'b' : 'a'].push(
        frameAt(seconds + DELAY_SECONDS + numbers.between(0, 0.001), packet(!isForward, 63)),
      );
    if (isForward && !isLost) client.known = client.port;
    if (!client.isCaptured) return;
    const count = isForward ? this.forward : this.backward;
    count.sent++;
    if (isLost) count.lost++;
  }
}

function frameAt(seconds: number, packet: Uint8Array): TestFrame {
  const macs = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
  return {
    timeNs: START_NS + BigInt(Math.round(seconds * 1e9)),
    bytes: ethernet({ ...macs, etherType: ETHER_TYPE.ipv4, payload: packet }),
  };
}
