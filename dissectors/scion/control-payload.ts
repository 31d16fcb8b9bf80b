/*
 * Control messages of 2018 over UDP/SCION: the length of the rest (4 bytes, big-endian), then a Cap'n Proto message
 * in packed form (capnproto.org, "Encoding Spec": Packing) whose root holds a blob; that is a packed message again,
 * and its root begins with a union tag of 16 bits that says what it is.
 */
const CONTROL_UNKNOWN = 0;
export const CONTROL_BEACON = 1;
export const CONTROL_KEEPALIVE = 2;
export const CONTROL_REGISTRATION = 3;
export const CONTROL_OTHER = 4;

const PREFIX_LENGTH = 4;
const WORD = 8;
/** What of a message is unpacked: signatures may stand in front of the blob. */
const OUTER_BYTES = 1024;
const INNER_BYTES = 512;
const POINTER_LIST = 1;
const ELEMENT_BYTE = 2;

const TAG_BEACON = 1;
/** 2018: interface keepalive (a struct without pointers); from October 2020 on path management, which was 4 before. */
const TAG_KEEPALIVE = 2;
const TAG_PATH_MANAGEMENT = 4;
const TAG_REGISTRATION = 3;

/** Reads control messages; holds the memory that it unpacks into, so that reading one allocates nothing. */
export class ControlReader {
  private readonly outer = new DataView(new ArrayBuffer(OUTER_BYTES));
  private readonly inner = new DataView(new ArrayBuffer(INNER_BYTES));

  /**
   * What the UDP/SCION payload `[offset, end)` is.
   * @param wireLength its length on the wire.
   * @returns a CONTROL_ value; CONTROL_UNKNOWN where it is no control message or its start cannot be read.
   */
  read(view: DataView, offset: number, end: number, wireLength: number): number {
    if (end - offset < PREFIX_LENGTH + WORD) return CONTROL_UNKNOWN;
    if (view.getUint32(offset) !== wireLength - PREFIX_LENGTH) return CONTROL_UNKNOWN;
    const { outer, inner } = this;
    const unpacked = unpack(view, offset + PREFIX_LENGTH, end, outer);
    const blobPointer = pointersOfRoot(outer, unpacked);
    if (blobPointer < 0 || blobPointer + WORD > unpacked) return CONTROL_UNKNOWN;
    const low = outer.getInt32(blobPointer, true);
    const high = outer.getUint32(blobPointer + 4, true);
    if ((low & 3) !== POINTER_LIST || (high & 7) !== ELEMENT_BYTE) return CONTROL_UNKNOWN;
    const blob = blobPointer + WORD + (low >> 2) * WORD;
    if (blob < WORD || blob >= unpacked) return CONTROL_UNKNOWN;
    const blobEnd = Math.min(unpacked, blob + (high >>> 3));
    return kindOf(inner, unpack(outer, blob, blobEnd, inner));
  }
}

function kindOf(message: DataView, length: number): number {
  const pointer = pointersOfRoot(message, length);
  if (pointer < 0) return CONTROL_UNKNOWN;
  const data = dataOfStruct(message, WORD, length);
  if (data === pointer || data + 2 > length) return CONTROL_UNKNOWN;
  const tag = message.getUint16(data, true);
  if (tag === TAG_BEACON) return CONTROL_BEACON;
  if (tag !== TAG_KEEPALIVE && tag !== TAG_PATH_MANAGEMENT)
    return tag === 0 ? CONTROL_UNKNOWN : CONTROL_OTHER;
  const content = pointer + WORD <= length ? dataOfStruct(message, pointer, length) : -1;
  if (content < 0) return CONTROL_OTHER;
  const pointers = message.getUint16(pointer + 6, true);
  if (tag === TAG_KEEPALIVE && pointers === 0) return CONTROL_KEEPALIVE;
  if (content + 2 > length) return CONTROL_OTHER;
  return message.getUint16(content, true) === TAG_REGISTRATION ? CONTROL_REGISTRATION : CONTROL_OTHER;
}

/** Where the pointers of the root struct begin in an unpacked message of one segment; -1 where it has none. */
function pointersOfRoot(message: DataView, length: number): number {
  if (length < 2 * WORD || message.getUint32(0, true) !== 0) return -1;
  const data = dataOfStruct(message, WORD, length);
  if (data < 0 || message.getUint16(WORD + 6, true) === 0) return -1;
  return data + message.getUint16(WORD + 4, true) * WORD;
}

/** Where the data of the struct begins that the pointer at `at` leads to; -1 where that is no struct, or outside. */
function dataOfStruct(message: DataView, at: number, length: number): number {
  const low = message.getInt32(at, true);
  if ((low & 3) !== 0) return -1;
  const data = at + WORD + (low >> 2) * WORD;
  return data < WORD || data > length ? -1 : data;
}

/** Unpacks until either side is used up; returns the number of bytes written, whole words only. */
function unpack(source: DataView, from: number, to: number, target: DataView): number {
  const room = target.byteLength;
  let at = from;
  let written = 0;
  while (at < to && written + WORD <= room) {
    const tag = source.getUint8(at++);
    for (let bit = 0; bit < WORD; bit++) {
      const isPresent = ((tag >> bit) & 1) === 1;
      if (isPresent && at >= to) return written;
      target.setUint8(written + bit, isPresent ? source.getUint8(at++) : 0);
    }
    written += WORD;
    if (tag !== 0 && tag !== 0xff) continue;
    if (at >= to) return written;
    // After a zero word: how many more there are. After a full one: how many follow as they are.
    const words = source.getUint8(at++);
    for (let byte = 0; byte < words * WORD; byte++) {
      if (written + byte >= room) return room;
      if (tag === 0xff && at >= to) return written + (byte & ~7);
      target.setUint8(written + byte, tag === 0xff ? source.getUint8(at++) : 0);
    }
    written += words * WORD;
  }
  return written;
}
