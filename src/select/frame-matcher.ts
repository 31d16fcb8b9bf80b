import { IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import { FLOW_HIGH, FLOW_LOW, FLOW_PROTOCOL } from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import type { ObservationTable, Schema } from '../observe/table.js';
import type { FilterNode } from './filter-expression.js';
import { arePair, atEnds, flowMeets, hasPorts, isInNet, isPortOf, type Term } from './filter-terms.js';

/** Datagrams of which the first fragment was seen and later ones may follow. */
const DATAGRAMS_MAX = 4096;

/** Where a table states addresses that are those of no IP packet of the frame: in an ICMP error, in ARP. */
const QUOTED_SOURCE = ['quotedSource0', 'quotedSource1', 'quotedSource2', 'quotedSource3'] as const;
const QUOTED_DESTINATION = [
  'quotedDestination0',
  'quotedDestination1',
  'quotedDestination2',
  'quotedDestination3',
] as const;

type Column = ObservationTable<Schema>[string];

/** Which terms hold of which frames, as bits: those of all layers of a frame together. */
export class FrameMatcher {
  /** By frame of the round. */
  readonly masks: Uint32Array;
  private flowMasks = new Int32Array(0);
  private readonly datagrams = new Map<string, number>();
  private readonly addresses = new Int32Array(8);

  constructor(
    private readonly terms: readonly Term[],
    private readonly protocols: readonly string[],
    frameCapacity: number,
  ) {
    this.masks = new Uint32Array(frameCapacity);
  }

  /** Fills `masks` for the frames of the round. */
  match(slot: Slot): void {
    const { masks } = this;
    masks.fill(0, slot.firstFrame, slot.nextFrame);
    this.flowMasks = new Int32Array(slot.flows.keys.length * 2).fill(-1);
    const { frame, flow, direction, length } = slot.identities.rows;
    for (let row = 0; row < length; row++)
      if (flow[row] >= 0) masks[frame[row]] |= this.maskOfFlow(slot, flow[row], direction[row]);
    this.matchTables(slot);
    this.matchLengths(slot);
    this.matchFragments(slot);
  }

  private maskOfFlow(slot: Slot, flow: number, direction: number): number {
    const at = flow * 2 + direction;
    if (this.flowMasks[at] >= 0) return this.flowMasks[at];
    let mask = 0;
    for (const [bit, term] of this.terms.entries())
      if (flowMeetsTerm(term, slot, flow, direction)) mask |= 1 << bit;
    this.flowMasks[at] = mask;
    return mask;
  }

  private matchTables(slot: Slot): void {
    for (const [index, table] of slot.tables.entries()) {
      if (table.rows.length === 0) continue;
      const protocol = this.protocols[index];
      for (const [bit, term] of this.terms.entries()) this.matchTable(table, protocol, term, 1 << bit);
    }
  }

  private matchTable(table: ObservationTable<Schema>, protocol: string, term: Term, bit: number): void {
    const { masks } = this;
    const { frame, length } = table.rows;
    switch (term.kind) {
      case 'protocol':
        if (term.name === protocol) for (let row = 0; row < length; row++) masks[frame[row]] |= bit;
        return;
      case 'column': {
        const column = columnOf(table, term.column);
        if (column === null || (term.protocol !== null && term.protocol !== protocol)) return;
        for (let row = 0; row < length; row++) if (column[row] >>> 0 === term.value) masks[frame[row]] |= bit;
        return;
      }
      case 'isd-as':
        this.matchIsdAs(table, term, bit);
        return;
      case 'net':
      case 'pair':
      case 'port':
        this.matchStated(table, term, bit);
        return;
      default:
        return;
    }
  }

  private matchIsdAs(
    table: ObservationTable<Schema>,
    term: Extract<Term, { kind: 'isd-as' }>,
    bit: number,
  ): void {
    const sourceIsd = columnOf(table, 'sourceIsd');
    const sourceAs = columnOf(table, 'sourceAs');
    const destinationIsd = columnOf(table, 'destinationIsd');
    const destinationAs = columnOf(table, 'destinationAs');
    if (sourceIsd === null || sourceAs === null || destinationIsd === null || destinationAs === null) return;
    const { frame, length } = table.rows;
    for (let row = 0; row < length; row++) {
      const source = sourceIsd[row] === term.isd && (term.as === null || sourceAs[row] === term.as);
      const destination =
        destinationIsd[row] === term.isd && (term.as === null || destinationAs[row] === term.as);
      if (atEnds(term.end, source, destination)) this.masks[frame[row]] |= bit;
    }
  }

  /** Addresses and ports that a message states: of the packet that an ICMP error is about, of hosts in ARP. */
  private matchStated(
    table: ObservationTable<Schema>,
    term: Extract<Term, { kind: 'net' | 'pair' | 'port' }>,
    bit: number,
  ): void {
    const { addresses } = this;
    const { frame, length } = table.rows;
    const quoted = quotedColumns(table);
    const sender = columnOf(table, 'senderAddress');
    const target = columnOf(table, 'targetAddress');
    if (quoted === null && (sender === null || target === null)) return;
    for (let row = 0; row < length; row++) {
      if (quoted !== null) {
        if (quoted.family[row] === 0) continue;
        for (let word = 0; word < 4; word++) {
          addresses[word] = quoted.source[word][row];
          addresses[4 + word] = quoted.destination[word][row];
        }
        if (term.kind === 'port') {
          const fits = term.protocol === null || term.protocol === quoted.protocol[row];
          const source = isPortOf(term, quoted.sourcePort[row]);
          const destination = isPortOf(term, quoted.destinationPort[row]);
          if (fits && hasPorts(quoted.protocol[row]) && atEnds(term.end, source, destination))
            this.masks[frame[row]] |= bit;
          continue;
        }
      } else if (term.kind === 'port' || sender === null || target === null) return;
      else addresses.set([0, 0, 0xffff, sender[row], 0, 0, 0xffff, target[row]]);
      if (meetsAddresses(term, addresses)) this.masks[frame[row]] |= bit;
    }
  }

  private matchLengths({ chunk, firstFrame, nextFrame }: Slot): void {
    const { originalLength } = chunk.frames;
    for (const [bit, term] of this.terms.entries()) {
      if (term.kind !== 'length') continue;
      for (let index = firstFrame; index < nextFrame; index++) {
        const bytes = originalLength[index];
        if (term.least <= bytes && bytes <= term.most) this.masks[index] |= 1 << bit;
      }
    }
  }

  /** What only the first fragment of a datagram shows holds of the later ones too. */
  private matchFragments(slot: Slot): void {
    const { identities, flows } = slot;
    const { rows, flags, offset, identification } = identities;
    for (let row = 0; row < rows.length; row++) {
      if ((flags[row] & IDENTITY_FRAGMENT) === 0 || rows.flow[row] < 0) continue;
      const at = rows.flow[row] * KEY_WORDS;
      const { words } = flows.keys;
      const ends = `${words.subarray(at + FLOW_LOW, at + FLOW_HIGH + 4)}`;
      const key = `${ends} ${words[at + FLOW_PROTOCOL]} ${rows.direction[row]} ${identification[row]}`;
      const frame = rows.frame[row];
      if (offset[row] === 0) this.remember(key, this.masks[frame]);
      else this.masks[frame] |= this.datagrams.get(key) ?? 0;
    }
  }

  private remember(key: string, mask: number): void {
    this.datagrams.delete(key);
    this.datagrams.set(key, mask);
    if (this.datagrams.size <= DATAGRAMS_MAX) return;
    const [oldest] = this.datagrams.keys();
    if (oldest !== undefined) this.datagrams.delete(oldest);
  }
}

/** Whether the frame whose terms these are is meant. */
export function isMeant(node: FilterNode, mask: number): boolean {
  switch (node.op) {
    case 'term':
      return ((mask >>> node.term) & 1) === 1;
    case 'not':
      return !isMeant(node.of, mask);
    case 'and':
      return isMeant(node.left, mask) && isMeant(node.right, mask);
    case 'or':
      return isMeant(node.left, mask) || isMeant(node.right, mask);
  }
}

function flowMeetsTerm(term: Term, slot: Slot, flow: number, direction: number): boolean {
  return flowMeets(term, slot.flows.keys.words, flow * KEY_WORDS, direction);
}

function meetsAddresses(term: Extract<Term, { kind: 'net' | 'pair' }>, addresses: Int32Array): boolean {
  if (term.kind === 'pair') return arePair(term, addresses, 0, 4);
  return atEnds(term.end, isInNet(term.net, addresses, 0), isInNet(term.net, addresses, 4));
}

function columnOf(table: ObservationTable<Schema>, name: string): Column | null {
  return Object.hasOwn(table, name) && name !== 'rows' ? table[name] : null;
}

function quotedColumns(table: ObservationTable<Schema>) {
  const named = (name: string): Column | null => columnOf(table, name);
  const family = named('quotedFamily');
  const protocol = named('quotedProtocol');
  const sourcePort = named('quotedSourcePort');
  const destinationPort = named('quotedDestinationPort');
  const source = QUOTED_SOURCE.map(named).filter((column) => column !== null);
  const destination = QUOTED_DESTINATION.map(named).filter((column) => column !== null);
  if (family === null || protocol === null || sourcePort === null || destinationPort === null) return null;
  return { family, protocol, sourcePort, destinationPort, source, destination };
}
