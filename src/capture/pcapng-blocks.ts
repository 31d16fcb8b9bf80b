// Layouts and kinds of the pcapng blocks (draft-ietf-opsawg-pcapng, section 4).

export const BLOCK_LENGTH = 4;
export const BLOCK_BODY = 8;
/** Type, total length and the trailing copy of it. */
export const BLOCK_LENGTH_MIN = 12;
/** What Wireshark takes; a longer one is damage. */
export const BLOCK_LENGTH_MAX = 16 * 1_048_576;

export const SHB_TYPE = 0x0a0d0d0a;
export const IDB_TYPE = 1;
export const OPB_TYPE = 2;
export const SPB_TYPE = 3;
const NRB_TYPE = 4;
export const ISB_TYPE = 5;
export const EPB_TYPE = 6;
const JOURNAL_TYPE = 9;
const DSB_TYPE = 10;
const CUSTOM_TYPE = 0x0bad;
const CUSTOM_NO_COPY_TYPE = 0x40000bad;
const LOCAL_USE_FIRST = 0x80000000;

// Section Header Block.
const SHB_MAGIC = 8;
export const SHB_MAJOR = 12;
export const SHB_MINOR = 14;
export const SHB_OPTIONS = 24;
export const SHB_LENGTH_MIN = 28;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

// Interface Description Block.
export const IDB_LINK_TYPE = 8;
export const IDB_SNAPLEN = 12;
export const IDB_OPTIONS = 16;
export const IDB_LENGTH_MIN = 20;

// Interface Statistics Block.
export const ISB_INTERFACE = 8;
export const ISB_OPTIONS = 20;
export const ISB_LENGTH_MIN = 24;

// Enhanced Packet Block, and the obsolete Packet Block, which differs in its first word only.
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          Interface ID  (OPB: 16 bits, then drops count)       |
// |                        Timestamp (High)                       |
// |                        Timestamp (Low)                        |
// |                    Captured Packet Length                     |
// |                    Original Packet Length                     |
export const EPB_INTERFACE = 8;
export const OPB_DROPS = 10;
export const EPB_HIGH = 12;
export const EPB_LOW = 16;
export const EPB_CAPTURED = 20;
export const EPB_ORIGINAL = 24;
export const EPB_DATA = 28;
export const EPB_LENGTH_MIN = 32;

// Simple Packet Block.
export const SPB_ORIGINAL = 8;
export const SPB_DATA = 12;
export const SPB_LENGTH_MIN = 16;

/** `drops count` of an OPB that does not know it. */
export const OPB_DROPS_UNKNOWN = 0xffff;

const NAMES: ReadonlyMap<number, string> = new Map([
  [NRB_TYPE, 'name resolution blocks'],
  [7, 'IRIG timestamp blocks'],
  [8, 'ARINC 429 blocks'],
  [JOURNAL_TYPE, 'systemd journal blocks'],
  [DSB_TYPE, 'decryption secrets blocks'],
  [CUSTOM_TYPE, 'custom blocks'],
  [CUSTOM_NO_COPY_TYPE, 'custom blocks'],
  [0x101, 'Hone blocks'],
  [0x102, 'Hone blocks'],
]);

const SYSDIG_FIRST = 0x201;
const SYSDIG_LAST = 0x221;
const SYSDIG_EVENT_TYPES: ReadonlySet<number> = new Set([0x204, 0x216, 0x221]);

/** The name under which skipped blocks of that type are counted. */
export function skippedBlockName(type: number): string {
  const name = NAMES.get(type);
  if (name !== undefined) return name;
  if (type >= SYSDIG_FIRST && type <= SYSDIG_LAST) return 'sysdig blocks';
  if (type >= LOCAL_USE_FIRST) return 'local-use blocks';
  return `blocks of unknown type 0x${type.toString(16).padStart(8, '0')}`;
}

/**
 * Blocks that hold no packet but take a frame number in Wireshark (checked with tshark 4.0): custom
 * blocks, journal entries and sysdig events.
 */
export function takesFrameNumber(type: number): boolean {
  if (type === CUSTOM_TYPE || type === CUSTOM_NO_COPY_TYPE || type === JOURNAL_TYPE) return true;
  return SYSDIG_EVENT_TYPES.has(type);
}

/** Types that a search for the next block believes. */
function isKnownType(type: number): boolean {
  return (type >= IDB_TYPE && type <= DSB_TYPE) || type === CUSTOM_TYPE || type === CUSTOM_NO_COPY_TYPE;
}

/** Whether a whole block of a known type stands at `at`, its trailing length equal to the leading one. */
export function isPlausibleBlock(view: DataView, at: number, littleEndian: boolean): boolean {
  if (at + BLOCK_LENGTH_MIN > view.byteLength) return false;
  let order = littleEndian;
  if (view.getUint32(at, true) === SHB_TYPE) {
    const sectionOrder = sectionByteOrder(view, at);
    if (sectionOrder === null) return false;
    order = sectionOrder;
  } else if (!isKnownType(view.getUint32(at, littleEndian))) {
    return false;
  }
  const length = view.getUint32(at + BLOCK_LENGTH, order);
  if (length < BLOCK_LENGTH_MIN || (length & 3) !== 0 || at + length > view.byteLength) return false;
  return view.getUint32(at + length - 4, order) === length;
}

/** True for a little-endian section header at `at`, false for a big-endian one, null for neither. */
export function sectionByteOrder(view: DataView, at: number): boolean | null {
  if (at + SHB_MAGIC + 4 > view.byteLength) return null;
  if (view.getUint32(at + SHB_MAGIC, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(at + SHB_MAGIC, false) === BYTE_ORDER_MAGIC ? false : null;
}
