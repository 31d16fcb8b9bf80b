/** Source and destination port open UDP, TCP and SCTP alike. */
export const SOURCE_PORT = 0;
export const DESTINATION_PORT = 2;
export const PORTS_LENGTH = 4;

//  0      7 8     15 16    23 24    31
// +--------+--------+--------+--------+
// |   Source port   | Destination port|
// |     Length      |    Checksum     |   RFC 768
// +--------+--------+--------+--------+
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER_LENGTH = 8;

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          Source port          |       Destination port        |
// |                        Sequence number                        |
// |                     Acknowledgment number                     |
// | Offset| Rsrvd |C|E|U|A|P|R|S|F|            Window             |
// |           Checksum            |         Urgent pointer        |   RFC 9293, section 3.1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_URGENT_POINTER = 18;
export const TCP_HEADER_LENGTH_MIN = 20;
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_ACK = 0x10;

/*
 * Ports that dissectors of several folders need, none of which may import another: IKE, and ESP and IKE in UDP
 * (RFC 3948, section 2.2).
 */
export const PORT_IKE = 500;
export const PORT_NAT_TRAVERSAL = 4500;
export const PORT_DNS = 53;

/** traceroute starts at 33434 and counts up, one port a probe: 30 hops, three probes each, and room for repeats. */
const TRACEROUTE_PORT_MIN = 33_434;
const TRACEROUTE_PORT_MAX = 33_690;

export function isTraceroutePort(port: number): boolean {
  return port >= TRACEROUTE_PORT_MIN && port <= TRACEROUTE_PORT_MAX;
}
