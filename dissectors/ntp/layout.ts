//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |LI | VN  |Mode |    Stratum    |     Poll      |   Precision   |
// |                          Root delay                           |
// |                        Root dispersion                        |
// |                         Reference id                          |
// |                    Reference timestamp (64)                   |
// |                    Originate timestamp (64)                   |
// |                     Receive timestamp (64)                    |
// |                    Transmit timestamp (64)                    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// RFC 5905, section 7.3; extension fields and a MAC may follow. Timestamps: seconds since 1900, then 2^-32 s.
export const FLAGS = 0;
export const STRATUM = 1;
export const POLL = 2;
export const REFERENCE_ID = 12;
export const ORIGINATE = 24;
export const RECEIVE = 32;
export const TRANSMIT = 40;
export const HEADER_LENGTH = 48;

export const LEAP_SHIFT = 6;
export const VERSION_SHIFT = 3;
export const VERSION_MASK = 7;
export const MODE_MASK = 7;
export const VERSION_MAX = 4;

/** Leap indicator of a clock that was never set. */
export const LEAP_UNSYNCHRONISED = 3;

export const MODE_SYMMETRIC_ACTIVE = 1;
export const MODE_SYMMETRIC_PASSIVE = 2;
export const MODE_CLIENT = 3;
export const MODE_SERVER = 4;

/** The packet says why there is no answer (kiss-o'-death), or the clock was never set. */
export const STRATUM_KISS = 0;
/** Not synchronised; above it the field is reserved. */
export const STRATUM_UNSYNCHRONISED = 16;

export const PORT_NTP = 123;

/** From 1900, where NTP counts from, to 1970. */
export const SECONDS_1900_TO_1970 = 2_208_988_800n;
