// What is kept of each packet of a text beside its bytes: 37 bytes in columns, where objects would take ten times that.

export const IS_FROM_WORDS = 1;
export const IS_IN = 2;
export const IS_OUT = 4;

const FIRST_ROOM = 16;

/** Grows as packets are added. A value of `form` is 0 where the packet has no time, else one more than its place in STAMP_FORMS. */
export class PacketColumns {
  count = 0;
  timeNs = new BigInt64Array(FIRST_ROOM);
  form = new Uint8Array(FIRST_ROOM);
  /** -1 where the line does not say. */
  wireLength = new Int32Array(FIRST_ROOM);
  /** Where the link header that the line prints, and behind it the bytes of the packet, are kept. */
  at = new Uint32Array(FIRST_ROOM);
  linkLength = new Uint8Array(FIRST_ROOM);
  length = new Uint32Array(FIRST_ROOM);
  packetLength = new Uint32Array(FIRST_ROOM);
  /** 0: the line names none. */
  interfaceIndex = new Uint16Array(FIRST_ROOM);
  marks = new Uint8Array(FIRST_ROOM);

  /** @returns the row of a further packet */
  add(): number {
    if (this.count === this.form.length) this.grow(2 * this.count);
    return this.count++;
  }

  private grow(room: number): void {
    this.timeNs = copied(this.timeNs, new BigInt64Array(room));
    this.form = copied(this.form, new Uint8Array(room));
    this.wireLength = copied(this.wireLength, new Int32Array(room));
    this.at = copied(this.at, new Uint32Array(room));
    this.linkLength = copied(this.linkLength, new Uint8Array(room));
    this.length = copied(this.length, new Uint32Array(room));
    this.packetLength = copied(this.packetLength, new Uint32Array(room));
    this.interfaceIndex = copied(this.interfaceIndex, new Uint16Array(room));
    this.marks = copied(this.marks, new Uint8Array(room));
  }
}

function copied<Column extends { set(values: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
