import {
  ETHERNET_LENGTH,
  ethernetIpv4,
  ethernetTcp,
  hostAt,
  IPV4_LENGTH,
  PROTOCOL_UDP,
  sealIpv4,
  sealTcp,
  sealUdp,
  udp,
} from './headers.js';
import type { Random } from './random.js';
import { Scattered } from './scattered.js';

const SYN = 0x02;
const SOURCE_OFFSET = ETHERNET_LENGTH + 12;
const TRANSPORT_OFFSET = ETHERNET_LENGTH + IPV4_LENGTH;
const SERVER_PORT = 7443;
const PAYLOAD_LENGTH = 18;
/** 61,440 and above: the upper eight bits of the number choose one of 256 ports. */
const SOURCE_PORT_FIRST = 0xf000;

/**
 * A flood: every frame is the only one of its five-tuple, half of them TCP SYN, half UDP, from forged sources to one
 * server. Source address (24 bits in 10.0.0.0/8) and source port (8 bits) are the number of the frame.
 */
export class DistinctTuples extends Scattered {
  constructor(random: Random) {
    const attacker = hostAt(10, 0, 0, 0);
    const server = hostAt(203, 0, 113, 80);
    // Maximum segment size, SACK permitted, and two bytes of no operation.
    const syn = ethernetTcp(attacker, server, Buffer.from([2, 4, 5, 180, 4, 2, 1, 1]));
    syn.writeUInt16BE(SERVER_PORT, TRANSPORT_OFFSET + 2);
    syn[TRANSPORT_OFFSET + 13] = SYN;
    const datagram = Buffer.concat([
      ethernetIpv4(attacker, server, PROTOCOL_UDP, false),
      udp(0, SERVER_PORT),
      Buffer.alloc(PAYLOAD_LENGTH),
    ]);

    const writeSource = (target: Buffer, offset: number, number: number): void => {
      target.writeUIntBE(number & 0xff_ffff, offset + SOURCE_OFFSET + 1, 3);
      target.writeUInt16BE(SOURCE_PORT_FIRST + (number >>> 24), offset + TRANSPORT_OFFSET);
    };
    const writeSyn = (target: Buffer, offset: number, number: number): number => {
      const end = offset + syn.copy(target, offset);
      writeSource(target, offset, number);
      target.writeUInt32BE(number, offset + TRANSPORT_OFFSET + 4);
      sealTcp(target, offset + ETHERNET_LENGTH, end);
      sealIpv4(target, offset + ETHERNET_LENGTH, end, number);
      return end - offset;
    };
    const writeDatagram = (target: Buffer, offset: number, number: number): number => {
      const end = offset + datagram.copy(target, offset);
      writeSource(target, offset, number);
      sealUdp(target, offset + ETHERNET_LENGTH, end);
      sealIpv4(target, offset + ETHERNET_LENGTH, end, number);
      return end - offset;
    };
    super([writeSyn, writeDatagram], random);
  }
}
