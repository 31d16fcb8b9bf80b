import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { formatIpv4, formatMac } from '../../src/wire/address.js';
import dissector from './dissector.js';
import { ACK, DISCOVER, NAK, OFFER } from './layout.js';
import type { AnnouncedMtu, DhcpClient, DhcpSegment } from './session.js';

export type { AnnouncedMtu, DhcpClient, DhcpSegment } from './session.js';

type DhcpSchema = typeof dissector.observes;
type Rows = Batch<DhcpSchema>;
type Open<T> = { -readonly [Name in keyof T]: T[Name] };

/** Bounds: links (tunnel stacks) of a run; clients and announcements of one link. */
const LINKS_MAX = 1024;
const CLIENTS_KEPT = 1024;
const ANNOUNCED_KEPT = 64;
const ADDRESSES_KEPT = 64;

const UNSPECIFIED = '0.0.0.0';

interface OpenAnnouncement extends Open<Omit<AnnouncedMtu, 'addresses'>> {
  readonly addresses: Set<string>;
}

type OpenClient = Open<Omit<DhcpClient, 'open'>> & {
  open: { count: number; first: FrameRef | null; last: FrameRef | null };
};

/** The clients and servers of one link while their messages come in. */
class OpenLink {
  private messages = 0;
  private answers = 0;
  private withoutMtu = 0;
  private readonly clients = new Map<string, OpenClient>();
  private readonly announced = new Map<string, OpenAnnouncement>();

  constructor(
    readonly stack: number,
    readonly segment: SegmentIndex,
    readonly first: FrameRef,
  ) {}

  /** `sender`: source address of the packet. */
  take(batch: Rows, row: number, sender: string): void {
    const { columns } = batch;
    const type = columns.messageType[row];
    const at = refOf(batch, row);
    this.messages++;
    const client = this.clientOf(formatMac(columns.clientHigh[row], columns.clientLow[row]), at);
    // A host that has an address looks for other servers; a relay repeats what the client said.
    if (type === DISCOVER && sender === UNSPECIFIED) discover(client, at);
    else if (type === OFFER || type === ACK || type === NAK) {
      this.answers++;
      answer(client, at);
      if (type !== NAK) this.noteMtu(batch, row, sender, at);
    }
  }

  describe(): DhcpSegment {
    const { stack, segment, first, messages, answers, withoutMtu } = this;
    return {
      stack,
      segment,
      first,
      messages,
      answers,
      withoutMtu,
      clients: [...this.clients.values()].map((client) => ({ ...client, open: { ...client.open } })),
      announced: [...this.announced.values()].map((one) => ({ ...one, addresses: [...one.addresses] })),
    };
  }

  private clientOf(mac: string, at: FrameRef): OpenClient | null {
    const known = this.clients.get(mac);
    if (known) return known;
    if (this.clients.size >= CLIENTS_KEPT) return null;
    const { stack, segment } = this;
    const open = { count: 0, first: null, last: null };
    const client = { mac, stack, segment, first: at, discovers: 0, answers: 0, lastAnswer: null, open };
    this.clients.set(mac, client);
    return client;
  }

  private noteMtu({ columns }: Rows, row: number, sender: string, at: FrameRef): void {
    const mtu = columns.interfaceMtu[row];
    if (mtu === 0) {
      this.withoutMtu++;
      return;
    }
    const server = columns.server[row] === 0 ? sender : formatIpv4(columns.server[row]);
    const key = `${server} ${mtu}`;
    let announced = this.announced.get(key);
    if (!announced) {
      if (this.announced.size >= ANNOUNCED_KEPT) return;
      const { stack, segment } = this;
      announced = { server, stack, segment, mtu, messages: 0, first: at, last: at, addresses: new Set() };
      this.announced.set(key, announced);
    }
    announced.messages++;
    announced.last = at;
    const address = columns.yourAddress[row];
    if (columns.messageType[row] === ACK && address !== 0 && announced.addresses.size < ADDRESSES_KEPT) {
      announced.addresses.add(formatIpv4(address));
    }
  }
}

/**
 * Gathers clients and servers by link. Holds LINKS_MAX links (further ones are counted only), each with CLIENTS_KEPT clients
 * and ANNOUNCED_KEPT announcements; those of earlier time segments go through a SessionStore.
 */
class DhcpCorrelation implements Correlation<DhcpSegment, DhcpSchema> {
  private readonly links = new Map<number, OpenLink>();
  private readonly closed = new SessionStore<DhcpSegment>(({ messages }) => messages);
  private refused = 0;

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised + this.refused;
  }

  consume(batch: Rows, _flow: FlowId, from: number, to: number): void {
    const { flows } = this.run;
    for (let at = from; at < to; at++) {
      const row = batch.order[at];
      const flow = batch.flowOf(row);
      if (flow < 0) continue;
      const stack = flows.stack(flow);
      let link = this.links.get(stack);
      if (!link) {
        if (this.links.size >= LINKS_MAX) {
          this.refused++;
          continue;
        }
        link = new OpenLink(stack, batch.segment, refOf(batch, row));
        this.links.set(stack, link);
      }
      link.take(batch, row, flows.addresses(flow, batch.columns.rows.direction[row]).from);
    }
  }

  endSegment(): void {
    for (const link of this.links.values()) this.closed.add(link.describe());
    this.links.clear();
  }

  sessions(): readonly DhcpSegment[] {
    return [...this.closed.sessions(), ...[...this.links.values()].map((link) => link.describe())];
  }
}

function discover(client: OpenClient | null, at: FrameRef): void {
  if (!client) return;
  client.discovers++;
  client.open.count++;
  client.open.first ??= at;
  client.open.last = at;
}

function answer(client: OpenClient | null, at: FrameRef): void {
  if (!client) return;
  client.answers++;
  client.lastAnswer = at;
  client.open = { count: 0, first: null, last: null };
}

/** DHCP by link: a tunnel stack and a time segment. */
export const dhcpLinks = defineCorrelator<DhcpSegment, DhcpSchema>({
  name: 'dhcp',
  reads: dissector,
  order: 'capture',
  create: (run) => new DhcpCorrelation(run),
});

export default [dhcpLinks as Correlator] satisfies Correlator[];
