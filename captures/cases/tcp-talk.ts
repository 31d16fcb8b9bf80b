import { ascii, concat, zeros } from '../../test/build/bytes.js';
import { mssOption, type TcpFlag, tcp, windowScaleOption } from '../../test/build/tcp.js';

export interface TalkEnds {
  readonly client: { readonly address: string; readonly port: number; readonly mss?: number };
  readonly server: { readonly address: string; readonly port: number; readonly mss?: number };
  /** From the client's SYN to its ACK, both halves alike. */
  readonly roundTripSeconds: number;
}

export type Side = 'client' | 'server';

/** Hands a TCP segment to the link at a time in seconds. */
export type Deliver = (at: number, from: Side, segment: Uint8Array) => void;

interface SegmentOptions {
  readonly window?: number;
  readonly options?: Uint8Array;
  /** The segment does not reach the capture point, or nothing acknowledges it. */
  readonly isLost?: boolean;
}

const WINDOW = 502;

/** Both sides of a TCP connection, as the capture shows them; every step takes its time in seconds. */
export class TcpTalk {
  private readonly next: Record<Side, number>;
  private readonly acknowledged: Record<Side, number>;

  constructor(
    private readonly ends: TalkEnds,
    private readonly deliver: Deliver,
    initial: Record<Side, number>,
  ) {
    this.next = { ...initial };
    this.acknowledged = { client: 0, server: 0 };
  }

  segment(
    at: number,
    from: Side,
    flags: readonly TcpFlag[],
    payload = zeros(0),
    more: SegmentOptions = {},
  ): this {
    const to = from === 'client' ? 'server' : 'client';
    const counts = payload.length + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0);
    this.write(at, from, this.next[from], flags, payload, more);
    this.next[from] = (this.next[from] + counts) >>> 0;
    if (more.isLost !== true) this.acknowledged[to] = this.next[from];
    return this;
  }

  /** Data that never comes: it is lost before the capture point. */
  skip(from: Side, bytes: number): this {
    this.next[from] = (this.next[from] + bytes) >>> 0;
    return this;
  }

  /** The newest data of a side once more, with the same bytes. */
  repeat(at: number, from: Side, payload: Uint8Array, isLost = true): this {
    this.write(at, from, (this.next[from] - payload.length) >>> 0, ['PSH', 'ACK'], payload, {});
    if (!isLost) this.acknowledged[from === 'client' ? 'server' : 'client'] = this.next[from];
    return this;
  }

  /** The SYN, and its repeats with the same number. */
  syns(times: readonly number[]): this {
    for (const at of times)
      this.write(at, 'client', this.next.client, ['SYN'], zeros(0), { options: this.opening('client') });
    return this;
  }

  handshake(at: number): this {
    const half = this.ends.roundTripSeconds / 2;
    return this.segment(at, 'client', ['SYN'], zeros(0), { options: this.opening('client') })
      .segment(at + half, 'server', ['SYN', 'ACK'], zeros(0), { options: this.opening('server') })
      .segment(at + 2 * half, 'client', ['ACK']);
  }

  request(at: number, path: string): this {
    return this.segment(
      at,
      'client',
      ['PSH', 'ACK'],
      ascii(`GET ${path} HTTP/1.1\r\nHost: app.example\r\nAccept: */*\r\n\r\n`),
    ).segment(at + this.ends.roundTripSeconds / 2, 'server', ['ACK']);
  }

  response(at: number, length: number): this {
    const body = ascii(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'.'.repeat(length)}`);
    for (let from = 0; from < body.length; from += 1400) {
      const when = at + (from / 1400) * 80e-6;
      this.segment(when, 'server', ['PSH', 'ACK'], body.slice(from, from + 1400));
      this.segment(when + 30e-6, 'client', ['ACK']);
    }
    return this;
  }

  close(at: number): this {
    const half = this.ends.roundTripSeconds / 2;
    return this.segment(at, 'client', ['FIN', 'ACK'])
      .segment(at + half, 'server', ['FIN', 'ACK'])
      .segment(at + 2 * half, 'client', ['ACK']);
  }

  private opening(side: Side): Uint8Array {
    return concat(mssOption(this.ends[side].mss ?? 1460), windowScaleOption(7));
  }

  private write(
    at: number,
    from: Side,
    sequence: number,
    flags: readonly TcpFlag[],
    payload: Uint8Array,
    { window = WINDOW, options, isLost = false }: SegmentOptions,
  ): void {
    if (isLost && payload.length === 0) return;
    const [own, peer] =
      from === 'client' ? [this.ends.client, this.ends.server] : [this.ends.server, this.ends.client];
    const bytes = tcp({
      source: own.address,
      destination: peer.address,
      sourcePort: own.port,
      destinationPort: peer.port,
      sequence,
      acknowledgment: flags.includes('ACK') ? this.acknowledged[from] : 0,
      flags,
      window,
      payload,
      ...(options ? { options } : {}),
    });
    this.deliver(at, from, bytes);
  }
}
