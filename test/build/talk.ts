import { zeros } from './bytes.js';
import type { TestFrame } from './frame-source.js';
import { IP_PROTOCOL } from './ip.js';
import { type Endpoint, timeline } from './scenario.js';
import { type TcpFlag, tcp } from './tcp.js';

/** One connection in a few lines: both sides count their bytes, every segment acknowledges what the other has sent. */
export class Talk {
  private readonly t = timeline(1_700_000_000_000_000_000n);
  private readonly next = { client: 1000, server: 5000 };

  constructor(
    readonly client: Endpoint & { port: number },
    readonly server: Endpoint & { port: number },
  ) {}

  handshake(at: number): this {
    return this.say(at, 'client', ['SYN'])
      .say(at + 0.001, 'server', ['SYN', 'ACK'])
      .say(at + 0.002, 'client', ['ACK']);
  }

  /** The opening SYN, without the effect of one that arrives: it can be repeated. */
  syn(at: number): this {
    this.say(at, 'client', ['SYN']);
    this.next.client -= 1;
    return this;
  }

  data(at: number, from: 'client' | 'server', payload: Uint8Array): this {
    return this.say(at, from, ['PSH', 'ACK'], payload);
  }

  say(
    at: number,
    from: 'client' | 'server',
    flags: readonly TcpFlag[],
    payload: Uint8Array = zeros(0),
  ): this {
    const [own, peer] = from === 'client' ? [this.client, this.server] : [this.server, this.client];
    const other = from === 'client' ? 'server' : 'client';
    const segment = tcp({
      source: own.address,
      destination: peer.address,
      sourcePort: own.port,
      destinationPort: peer.port,
      sequence: this.next[from],
      acknowledgment: flags.includes('ACK') ? this.next[other] : 0,
      flags,
      payload,
    });
    this.next[from] += payload.length + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0);
    this.t.sendIp(at, own, peer, IP_PROTOCOL.tcp, segment);
    return this;
  }

  /** Something that has nothing to do with it, so that the capture goes on. */
  until(seconds: number): this {
    for (const at of this.t.beatsUntil(seconds)) {
      this.t.sendUdp(at, { ...this.client, port: 9999 }, { ...this.server, port: 9998 }, new Uint8Array(4));
    }
    return this;
  }

  frames(): TestFrame[] {
    return this.t.frames();
  }
}
