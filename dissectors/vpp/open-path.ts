import type { Batch } from '../../src/correlate/correlator.js';
import { formatAddress, isUnicast } from '../../src/wire/address.js';
import type { VPP_ROWS } from './columns.js';
import * as columns from './columns.js';
import * as graph from './graph-nodes.js';
import type { VppOrigin, VppOutcome, VppPacket, VppPath, VppVisit } from './session.js';

export type Rows = Batch<typeof VPP_ROWS>;

/** Nodes of a path that are kept by name; longer paths loop. */
const NODES_KEPT = 64;

const ORIGINS: readonly VppOrigin[] = ['dispatch', 'show-trace', 'drop-capture'];

/** A packet on its way through the graph. */
export class OpenPath {
  readonly nodes: string[] = [];
  last: VppVisit;
  private end: VppVisit | null = null;
  private received: VppPacket | null = null;
  private sent: VppPacket | null = null;
  private translation: VppPath['translation'] = null;
  private wasAtCnat = false;
  private hasRejection = false;
  private hasPunt = false;
  private reason = '';
  private error = 0;
  private cnat = columns.CNAT_SILENT;
  private mtu = 0;
  private isGso = false;
  private isCut = false;
  private rxInterface = -1;
  private txInterface = -1;

  constructor(
    readonly origin: VppOrigin,
    readonly buffer: number,
    readonly thread: number,
    readonly number: number,
    readonly first: VppVisit,
  ) {
    this.last = first;
  }

  static of({ columns: table }: Rows, row: number, visit: VppVisit): OpenPath {
    const origin = ORIGINS[table.kind[row]] ?? 'dispatch';
    return new OpenPath(origin, table.buffer[row], table.thread[row], table.packet[row], visit);
  }

  /** Whether a node that was reached at `node` of the same buffer belongs to another packet. */
  isOverBefore(node: string): boolean {
    const { last } = this;
    if (graph.isDropNode(last.node)) return !graph.isDropNode(node);
    if (graph.isTxNode(last.node) || last.node === 'punt') return true;
    if (!graph.isStartNode(node) || !this.nodes.includes(node)) return false;
    const since = this.nodes.slice(this.nodes.lastIndexOf(node) + 1);
    return !since.some(graph.mayInputAgain);
  }

  take({ columns: table }: Rows, row: number, visit: VppVisit, reason: string): void {
    const { node } = visit;
    this.last = visit;
    if (this.nodes.length < NODES_KEPT) this.nodes.push(node);
    if (graph.isIcmpErrorNode(node)) this.hasRejection = true;
    if (graph.isIcmpErrorNode(node) || graph.isDropNode(node)) this.end ??= visit;
    if (graph.isPuntNode(node)) this.hasPunt = true;
    if (table.isCut[row] === 1) this.isCut = true;
    if (table.error[row] !== 0) this.error = table.error[row];
    if (table.cnat[row] !== columns.CNAT_SILENT) this.cnat = table.cnat[row];
    if (table.mtu[row] !== 0) this.mtu = table.mtu[row];
    if (table.isGso[row] === 1) this.isGso = true;
    if (this.rxInterface < 0) this.rxInterface = table.rxInterface[row];
    if (table.txInterface[row] >= 0) this.txInterface = table.txInterface[row];
    if (reason !== '') this.reason = reason;
    if (table.family[row] !== 0) this.takePacket(packetOf(table, row), node);
    if (graph.isCnatNode(node)) this.wasAtCnat = true;
  }

  private takePacket(packet: VppPacket, node: string): void {
    const before = this.sent;
    if (before && graph.isStartNode(node) && isOther(before, packet)) {
      // A tunnel's header was taken off: the path is that of the packet inside.
      this.received = packet;
      this.translation = null;
      this.wasAtCnat = false;
    }
    if (before && this.wasAtCnat && this.translation === null && isTranslated(before, packet))
      this.translation = { before, after: packet };
    this.received ??= packet;
    // What VPP answers is another packet than the one that it rejects.
    if (!this.hasRejection) this.sent = packet;
  }

  close(): VppPath {
    const { origin, buffer, thread, number, isCut, nodes, first, last, received, sent } = this;
    const { error, cnat, translation, mtu, isGso, rxInterface, txInterface } = this;
    const [decidedBy, reason] = this.decision();
    return {
      ...{ origin, buffer, thread, number, isCut, nodes, first, last, received, sent },
      ...{ error, cnat, translation, mtu, isGso, rxInterface, txInterface },
      end: this.end ?? last,
      outcome: this.outcome(),
      reason,
      decidedBy,
    };
  }

  private outcome(): VppOutcome {
    const { node } = this.last;
    if (this.origin === 'drop-capture' || graph.isDropNode(node)) return 'dropped';
    if (this.hasRejection) return 'rejected';
    if (this.hasPunt) return 'punted';
    if (graph.isTxNode(node)) return 'sent';
    if (graph.isOutputNode(node)) return 'output';
    if (this.nodes.some(graph.holdsPackets)) return 'consumed';
    return graph.alwaysForwards(node) ? 'unfinished' : 'consumed';
  }

  /** The node and the reason that VPP names (`node: reason`), or the last node before the drop. */
  private decision(): [string, string] {
    const [, node, reason] = /^([^\s:]+): (.*)$/.exec(this.reason) ?? [];
    if (node !== undefined && reason !== undefined) return [node, reason];
    const isEnd = (name: string): boolean => graph.isDropNode(name) || graph.isIcmpErrorNode(name);
    const end = this.hasRejection ? this.nodes.findIndex(graph.isIcmpErrorNode) : this.nodes.length;
    const decidedBy = this.nodes.slice(0, end).findLast((name) => !isEnd(name));
    return [decidedBy ?? this.last.node, this.reason];
  }
}

/** The same packet under another address or port: NAT keeps identification, protocol and length. */
function isTranslated(before: VppPacket, after: VppPacket): boolean {
  const isSame =
    before.protocol === after.protocol &&
    before.identification === after.identification &&
    before.totalLength === after.totalLength;
  return isSame && isOther(before, after);
}

function isOther(before: VppPacket, after: VppPacket): boolean {
  return before.source !== after.source || before.destination !== after.destination;
}

function packetOf(table: Rows['columns'], row: number): VppPacket {
  const source = Int32Array.of(
    table.source0[row],
    table.source1[row],
    table.source2[row],
    table.source3[row],
  );
  const destination = Int32Array.of(
    table.destination0[row],
    table.destination1[row],
    table.destination2[row],
    table.destination3[row],
  );
  return {
    family: table.family[row],
    protocol: table.protocol[row],
    source: formatAddress(source),
    destination: formatAddress(destination),
    sourcePort: table.sourcePort[row],
    destinationPort: table.destinationPort[row],
    totalLength: table.totalLength[row],
    timeToLive: table.timeToLive[row],
    dontFragment: table.dontFragment[row] === 1,
    identification: table.identification[row],
    isUnicast: isUnicast(source) && isUnicast(destination),
  };
}
