import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import * as bgp from './layout.js';
import { RouteLedger } from './route-ledger.js';
import { type BgpTable, TEXT_BYTES_KEPT } from './rows.js';
import type { BgpNotification, BgpOpen, BgpSpeaker } from './session.js';

const NOTIFICATIONS_MAX = 4;
const INTERVALS_MAX = 64;

/** Segments that overtake each other, or one that is sent again, put messages in another order for so long. */
const OVERTAKEN_NS: Nanoseconds = NS_PER_SECOND;

/** Takes the messages of one side of a connection in; holds NOTIFICATIONS_MAX notifications and INTERVALS_MAX intervals. */
export class SpeakerTracker {
  private open: BgpOpen | null = null;
  private readonly notifications: BgpNotification[] = [];
  private firstNs: Nanoseconds = Number.NaN;
  private messages = 0;
  private updates = 0;
  private keepalives = 0;
  private refreshes = 0;
  private announced = 0;
  private withdrawn = 0;
  private confirmed: FrameRef | null = null;
  private lastKeepalive: FrameRef | null = null;
  private last: FrameRef | null = null;
  private readonly intervalsNs: Nanoseconds[] = [];
  private readonly routes = new RouteLedger();

  /** Its first messages came just before, and its OPEN, which they overtook, may still come. */
  mayOpenLate({ timeNs }: FrameRef): boolean {
    return this.open === null && !(timeNs - this.firstNs > OVERTAKEN_NS);
  }

  add(table: BgpTable, text: readonly Int32Array[], row: number, ref: FrameRef): void {
    if (this.messages === 0) this.firstNs = ref.timeNs;
    this.messages++;
    this.last = ref;
    switch (table.type[row]) {
      case bgp.TYPE_OPEN:
        this.open ??= openOf(table, row, ref);
        break;
      case bgp.TYPE_UPDATE:
        this.updates++;
        this.announced += table.announced[row];
        this.withdrawn += table.withdrawn[row];
        this.confirmed ??= ref;
        break;
      case bgp.TYPE_NOTIFICATION:
        if (this.notifications.length < NOTIFICATIONS_MAX) {
          this.notifications.push(notificationOf(table, text, row, ref));
        }
        break;
      case bgp.TYPE_KEEPALIVE:
        this.noteKeepalive(ref);
        break;
      default:
        this.refreshes++;
    }
  }

  addRoute(table: BgpTable, text: readonly Int32Array[], row: number, ref: FrameRef): void {
    this.routes.add(table, text, row, ref);
  }

  get routeCount(): number {
    return this.routes.size;
  }

  forgetSteadyRoutes(): void {
    this.routes.forgetSteady();
  }

  speaker(address: string): BgpSpeaker {
    const { open, notifications, messages, updates, keepalives, refreshes } = this;
    const { announced, withdrawn, confirmed, last } = this;
    const keepaliveIntervalsNs = [...this.intervalsNs].sort((a, b) => a - b);
    return {
      address,
      open,
      notifications,
      messages,
      updates,
      keepalives,
      refreshes,
      announced,
      withdrawn,
      confirmed,
      last,
      keepaliveIntervalsNs,
      flapping: this.routes.flapping(),
    };
  }

  private noteKeepalive(ref: FrameRef): void {
    this.keepalives++;
    this.confirmed ??= ref;
    const interval = this.lastKeepalive ? ref.timeNs - this.lastKeepalive.timeNs : Number.NaN;
    this.lastKeepalive = ref;
    if (interval >= 0 && this.intervalsNs.length < INTERVALS_MAX) this.intervalsNs.push(interval);
  }
}

function openOf(table: BgpTable, row: number, ref: FrameRef): BgpOpen {
  return {
    ...ref,
    version: table.version[row],
    as: table.as[row],
    holdTime: table.holdTime[row],
    identifier: table.identifier[row],
    capabilities: table.capabilities[row],
  };
}

function notificationOf(
  table: BgpTable,
  text: readonly Int32Array[],
  row: number,
  ref: FrameRef,
): BgpNotification {
  const code = table.code[row];
  const subcode = table.subcode[row];
  const isWrapped = table.innerCode[row] !== 0;
  return {
    ...ref,
    code,
    subcode,
    reasonCode: isWrapped ? table.innerCode[row] : code,
    reasonSubcode: isWrapped ? table.innerSubcode[row] : subcode,
    text: textOf(text, row, table.textLength[row]),
  };
}

/** UTF-8 (RFC 9003, section 2); what is cut shows so. */
function textOf(columns: readonly Int32Array[], row: number, length: number): string {
  const bytes = new Uint8Array(Math.min(length, TEXT_BYTES_KEPT));
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = columns[index >> 2][row] >>> (24 - (index & 3) * 8);
  }
  const text = new TextDecoder().decode(bytes);
  return length > TEXT_BYTES_KEPT ? `${text}…` : text;
}
