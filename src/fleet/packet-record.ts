/*
 * What is kept of a packet, layer by layer, to find it at other capture points: 32 bytes, little-endian.
 *
 *   0  identity   double, a whole number below 2^53
 *   8  time       double, microseconds since 1970 by the clock of the point (exact below 2^53)
 *  16  lane       u32, index in the point's lanes
 *  20  size       u32, bytes of the IP packet
 *  24  TTL        u8
 *  25  depth      u8, tunnels around
 *  26  repeats    u8, how often the identity occurs at this depth in this capture, 255 for more
 *  28  port       u16, UDP source port of a packet outside tunnels: lanes of tunnels do not tell it
 *  30  carried    u16, tunnel stack of what a packet outside tunnels carries, 0 for none
 */
export const RECORD_BYTES = 32;
const IDENTITY_AT = 0;
const TIME_AT = 8;
const LANE_AT = 16;
const SIZE_AT = 20;
const TTL_AT = 24;
const DEPTH_AT = 25;
const REPEATS_AT = 26;
const PORT_AT = 28;
const CARRIED_AT = 30;
const REPEATS_MAX = 255;

/** Records over a stretch of bytes. */
export class PacketRecords {
  private readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return Math.floor(this.bytes.length / RECORD_BYTES);
  }

  identity(record: number): number {
    return this.view.getFloat64(record * RECORD_BYTES + IDENTITY_AT, true);
  }

  timeUs(record: number): number {
    return this.view.getFloat64(record * RECORD_BYTES + TIME_AT, true);
  }

  lane(record: number): number {
    return this.view.getUint32(record * RECORD_BYTES + LANE_AT, true);
  }

  size(record: number): number {
    return this.view.getUint32(record * RECORD_BYTES + SIZE_AT, true);
  }

  timeToLive(record: number): number {
    return this.view.getUint8(record * RECORD_BYTES + TTL_AT);
  }

  depth(record: number): number {
    return this.view.getUint8(record * RECORD_BYTES + DEPTH_AT);
  }

  repeats(record: number): number {
    return this.view.getUint8(record * RECORD_BYTES + REPEATS_AT);
  }

  port(record: number): number {
    return this.view.getUint16(record * RECORD_BYTES + PORT_AT, true);
  }

  carried(record: number): number {
    return this.view.getUint16(record * RECORD_BYTES + CARRIED_AT, true);
  }

  countRepeat(record: number): void {
    const repeats = Math.min(REPEATS_MAX, this.repeats(record) + 1);
    this.view.setUint8(record * RECORD_BYTES + REPEATS_AT, repeats);
  }

  write(
    record: number,
    identity: number,
    timeUs: number,
    lane: number,
    size: number,
    timeToLive: number,
    depth: number,
    port: number,
    carried: number,
  ): void {
    const at = record * RECORD_BYTES;
    const { view } = this;
    view.setFloat64(at + IDENTITY_AT, identity, true);
    view.setFloat64(at + TIME_AT, timeUs, true);
    view.setUint32(at + LANE_AT, lane, true);
    view.setUint32(at + SIZE_AT, size, true);
    view.setUint8(at + TTL_AT, timeToLive);
    view.setUint8(at + DEPTH_AT, depth);
    view.setUint8(at + REPEATS_AT, 1);
    view.setUint16(at + PORT_AT, port, true);
    view.setUint16(at + CARRIED_AT, carried, true);
  }
}
