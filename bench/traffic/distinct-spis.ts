import {
  ETHERNET_LENGTH,
  ethernetIpv4,
  hostAt,
  IPV4_LENGTH,
  PROTOCOL_ESP,
  PROTOCOL_UDP,
  sealIpv4,
  UDP_LENGTH,
  udp,
} from './headers.js';
import type { Random } from './random.js';
import { Scattered, type WriteScattered } from './scattered.js';

const IKE_NATT_PORT = 4500;
const ESP_HEADER_LENGTH = 8;
const CIPHERTEXT_LENGTH = 32;
/** RFC 4303, section 2.1: SPIs up to 255 are reserved. The other 31 bits stay distinct for two thousand million frames. */
const SPI_HIGH_BIT = 0x8000_0000;

/** Every frame is the first and only one of its ESP SA, half of them native, half in UDP 4500, from eight peers to one gateway. */
export class DistinctSpis extends Scattered {
  constructor(random: Random) {
    const ciphertext = random.bytes(65_536);
    const gateway = hostAt(203, 0, 113, 1);
    const native = Array.from({ length: 8 }, (_, peer) =>
      ethernetIpv4(hostAt(192, 0, 2, 10 + peer), gateway, PROTOCOL_ESP, false),
    );
    const inUdp = Array.from({ length: 8 }, (_, peer) => {
      const headers = ethernetIpv4(hostAt(198, 51, 100, 10 + peer), gateway, PROTOCOL_UDP, false);
      return Buffer.concat([headers, udp(20_000 + peer, IKE_NATT_PORT)]);
    });
    super([espWriter(native, ciphertext), espWriter(inUdp, ciphertext)], random);
  }
}

function espWriter(headersByPeer: readonly Buffer[], ciphertext: Buffer): WriteScattered {
  return (target, offset, number) => {
    const headers = headersByPeer[number % headersByPeer.length];
    const espOffset = offset + headers.copy(target, offset);
    target.writeUInt32BE((number | SPI_HIGH_BIT) >>> 0, espOffset);
    target.writeUInt32BE(1, espOffset + 4);
    const window = number % (ciphertext.length - CIPHERTEXT_LENGTH);
    const end =
      espOffset +
      ESP_HEADER_LENGTH +
      ciphertext.copy(target, espOffset + ESP_HEADER_LENGTH, window, window + CIPHERTEXT_LENGTH);
    const ipOffset = offset + ETHERNET_LENGTH;
    // RFC 3948, section 2.1: the UDP checksum should be sent as zero.
    if (headers.length > ETHERNET_LENGTH + IPV4_LENGTH) {
      target.writeUInt16BE(end - ipOffset - IPV4_LENGTH, ipOffset + IPV4_LENGTH + UDP_LENGTH - 4);
    }
    sealIpv4(target, ipOffset, end, number);
    return end - offset;
  };
}
