import type { CaptureSource } from '../capture/capture-source.js';
import type { Dissector } from '../dissect/dissector.js';
import { IDENTITY_DEPTH_MASK, IDENTITY_DEPTH_SHIFT } from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import type { ObservationTable, Schema } from '../observe/table.js';
import { formatMac } from '../wire/address.js';
import { LINKTYPE_ETHERNET } from '../wire/link-types.js';
import { flowView } from './flow-view.js';
import { fieldsOf } from './frame-rows.js';
import { LayerReader } from './layer-reader.js';
import { RoundTrips } from './round-trips.js';

/** Values of a trait that are kept one by one; of more it is only known that there are many. */
const VALUES_MAX = 8;
/** Directions of which traits are kept. */
const DIRECTIONS_MAX = 20_000;
const CHUNK = { chunkBytes: 1 << 20, frameCapacity: 16_384 };

/** What the packets of one host to another have in common, at one depth of tunnels. */
export interface DirectionTraits {
  readonly from: string;
  readonly to: string;
  /** Tunnels around: `vxlan 77`. */
  readonly inside: readonly string[];
  packets: number;
  bytes: number;
  largest: number;
  /** By name; null where there are more values than are kept. */
  readonly values: Map<string, Map<string, number> | null>;
}

export interface CaptureTraits {
  readonly directions: ReadonlyMap<string, DirectionTraits>;
  readonly roundTrips: RoundTrips;
  readonly seconds: number;
}

/** Reads a capture for what its ends and the path between them do to every packet. */
export async function traitsOf(
  source: CaptureSource,
  dissectors: readonly Dissector[],
): Promise<CaptureTraits> {
  const reader = new LayerReader(dissectors, CHUNK);
  const collector = new TraitCollector(dissectors);
  while (await source.fill(reader.chunk)) for (const round of reader.rounds()) collector.take(round);
  const firsts = source.captures.flatMap(({ firstTimeNs }) => firstTimeNs ?? []);
  const lasts = source.captures.flatMap(({ lastTimeNs }) => lastTimeNs ?? []);
  const first = firsts.reduce((least, ns) => (ns < least ? ns : least), firsts[0] ?? 0n);
  const last = lasts.reduce((most, ns) => (ns > most ? ns : most), lasts[0] ?? 0n);
  return {
    directions: collector.directions,
    roundTrips: collector.roundTrips,
    seconds: Number(last - first) / 1e9,
  };
}

class TraitCollector {
  readonly directions = new Map<string, DirectionTraits>();
  readonly roundTrips = new RoundTrips();

  constructor(private readonly dissectors: readonly Dissector[]) {}

  take(slot: Slot): void {
    const { identities, chunk } = slot;
    for (let row = 0; row < identities.rows.length; row++) {
      const direction = this.directionOf(slot, identities.rows.flow[row], identities.rows.direction[row]);
      if (direction === null) continue;
      direction.packets++;
      direction.bytes += identities.networkLength[row];
      direction.largest = Math.max(direction.largest, identities.networkLength[row]);
      const timeToLive = identities.timeToLive[row];
      // ARP has neither.
      if (timeToLive !== 0) {
        note(direction, 'TTL', String(timeToLive));
        note(direction, 'DSCP', String(identities.trafficClass[row] >> 2));
      }
      const depth = (identities.flags[row] >> IDENTITY_DEPTH_SHIFT) & IDENTITY_DEPTH_MASK;
      const frame = identities.rows.frame[row];
      if (depth === 0 && chunk.frames.linkType[frame] === LINKTYPE_ETHERNET)
        noteLink(direction, slot, chunk.frames.offset[frame], identities.packetOffset[row]);
    }
    for (const [at, table] of slot.tables.entries())
      this.takeTable(slot, table, this.dissectors[at].protocol);
  }

  private takeTable(slot: Slot, table: ObservationTable<Schema>, protocol: string): void {
    const { rows } = table;
    const baseless = slot.chunk.frames.timeNs;
    for (let row = 0; row < rows.length; row++) {
      if (rows.flow[row] < 0) continue;
      const direction = this.directionOf(slot, rows.flow[row], rows.direction[row]);
      if (direction === null) continue;
      this.roundTrips.take(protocol, fieldsOf(table, row), direction, baseless[rows.frame[row]]);
    }
  }

  private directionOf(slot: Slot, flow: number, way: number): DirectionTraits | null {
    if (flow < 0) return null;
    const { source, destination, inside } = flowView(slot, flow, way);
    const around = inside.map(({ kind, key }) => `${kind} ${key}`);
    const key = directionKey(source, destination, around);
    const known = this.directions.get(key);
    if (known !== undefined) return known;
    if (this.directions.size >= DIRECTIONS_MAX) return null;
    const fresh = {
      from: source,
      to: destination,
      inside: around,
      packets: 0,
      bytes: 0,
      largest: 0,
      values: new Map(),
    };
    this.directions.set(key, fresh);
    return fresh;
  }
}

function directionKey(from: string, to: string, inside: readonly string[]): string {
  return `${inside.join(' | ')} ${from} > ${to}`;
}

function note({ values }: DirectionTraits, name: string, value: string): void {
  const known = values.get(name);
  if (known === null) return;
  if (known === undefined) values.set(name, new Map([[value, 1]]));
  else if (known.has(value) || known.size < VALUES_MAX) known.set(value, (known.get(value) ?? 0) + 1);
  else values.set(name, null);
}

/** Addresses and tags in front of the outermost packet. */
function noteLink(direction: DirectionTraits, { view }: Slot, at: number, packet: number): void {
  if (packet - at < 14) return;
  // What is for everybody goes to no neighbour.
  if ((view.getUint8(at) & 1) === 0)
    note(direction, 'destination MAC', formatMac(view.getUint16(at), view.getUint32(at + 2)));
  note(direction, 'source MAC', formatMac(view.getUint16(at + 6), view.getUint32(at + 8)));
  const tags: number[] = [];
  for (let tag = at + 12; tag + 4 <= packet - 2 && [0x8100, 0x88a8].includes(view.getUint16(tag)); tag += 4)
    tags.push(view.getUint16(tag + 2) & 0x0fff);
  note(direction, 'VLAN', tags.length === 0 ? 'none' : tags.join(' in '));
}
