/*
 * Records of VPP's dispatch capture (`pcap dispatch trace`): what one graph node was handed. The same layout carries
 * what the reader of `show trace` text found, so that one dissector reads both.
 *
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | Major version | Minor version |    Strings    | Protocol hint |
 * |                         Buffer index                          |
 * | Node name, NUL | Metadata, NUL | Opaque, NUL | Opaque2, NUL |
 * | Trace, NUL (where there are five strings) | Packet …
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const VPP_MAJOR = 0;
export const VPP_MINOR = 1;
export const VPP_STRING_COUNT = 2;
export const VPP_PROTOCOL_HINT = 3;
export const VPP_BUFFER_INDEX = 4;
export const VPP_STRINGS = 8;

/** Version that VPP writes: 1.0. */
export const VPP_VERSION_MAJOR = 1;
export const VPP_VERSION_MINOR = 0;
/** Strings of a packet that is not traced, and of one that is. */
export const VPP_STRINGS_UNTRACED = 4;
export const VPP_STRINGS_TRACED = 5;

/** Protocol hints: what the packet begins with. Most nodes give none. */
export const VPP_HINT_NONE = 0;
export const VPP_HINT_ETHERNET = 1;
export const VPP_HINT_IPV4 = 2;
export const VPP_HINT_IPV6 = 3;
export const VPP_HINT_MAX = 5;

/**
 * Major version of records made from text; VPP writes none such. The minor version then says what the record is:
 * a packet at a node (buffer index: its ordinal in the text), or one of the lines around the packets.
 */
export const VPP_TEXT_MAJOR = 0;
export const VPP_TEXT_VISIT = 0;
/** `No packets in trace buffer` of a thread. */
export const VPP_TEXT_EMPTY_THREAD = 1;
/** `Limiting display to N packets`: N is the buffer index. */
export const VPP_TEXT_LIMITED = 2;
/** A line of `show errors`: node name, count as buffer index, the reason as opaque. */
export const VPP_TEXT_ERROR_COUNTER = 3;
/** A pool of `show buffers`: its name as node name, free buffers as buffer index. */
export const VPP_TEXT_BUFFER_POOL = 4;
