import type { ComparedPacket } from './compared-packet.js';

/** Values of one field that are kept apart; what is beyond shares a row without values. */
const VALUES_MAX = 8;
const FIELDS_MAX = 40;
const CITED = 3;

/** What the path made of a field. */
export interface FieldDifference {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** A field that the path changes, in packets of one direction. */
export interface FieldChange {
  readonly field: string;
  /** Null where the values are many. */
  readonly from: string | null;
  readonly to: string | null;
  packets: number;
  /** Frame numbers in the captures of the sender and the receiver; the first few. */
  readonly frames: { readonly sent: number; readonly received: number }[];
}

/** A packet that was changed, as it left and as it arrived. */
export interface ChangedPacket {
  readonly sent: ComparedPacket;
  readonly received: ComparedPacket;
}

/** Why packets are known to have changed, but not in what. */
export interface UnreadChanges {
  /** Neither a file nor anything else that can be read again. */
  notAgain: number;
  /** More than are looked at one by one. */
  bound: number;
  /** Equal as far as they were captured. */
  notCaptured: number;
}

/** The changes of one direction by field and values. Bounded: 40 fields of 8 pairs of values and one row for the others. */
export class PacketChanges {
  /** Packets with changed fields that stand in no row. */
  otherFields = 0;
  readonly unread: UnreadChanges = { notAgain: 0, bound: 0, notCaptured: 0 };
  private readonly fields = new Map<string, Map<string, FieldChange>>();

  note({ field, from, to }: FieldDifference, { sent, received }: ChangedPacket): void {
    const values = this.valuesOf(field);
    if (values === null) {
      this.otherFields++;
      return;
    }
    const key = `${from} ${to}`;
    let row = values.get(key);
    if (!row) {
      const isKept = values.size < VALUES_MAX;
      row = isKept ? undefined : values.get('');
      row ??= { field, from: isKept ? from : null, to: isKept ? to : null, packets: 0, frames: [] };
      values.set(isKept ? key : '', row);
    }
    row.packets++;
    if (row.frames.length < CITED) row.frames.push({ sent: sent.frame, received: received.frame });
  }

  /** Those of most packets first. */
  rows(): FieldChange[] {
    return [...this.fields.values()]
      .flatMap((values) => [...values.values()])
      .sort((a, b) => b.packets - a.packets);
  }

  private valuesOf(field: string): Map<string, FieldChange> | null {
    const known = this.fields.get(field);
    if (known) return known;
    if (this.fields.size >= FIELDS_MAX) return null;
    const values = new Map<string, FieldChange>();
    this.fields.set(field, values);
    return values;
  }
}
