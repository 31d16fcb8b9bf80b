import type { TextCapture, TextSection } from '../../../src/capture/text-capture.js';
import { PacketTextReader } from '../packet-text/reader.js';

/**
 * Packets as tcpdump and tshark print them, and hex dumps of Wireshark, text2pcap, xxd and hexdump. Bytes give the very
 * frames. Each run of a program is a section: it has a clock of its own.
 */
const packets: TextCapture = {
  read(text, lines) {
    return new PacketTextReader(lines).read(text).map(
      (run): TextSection => ({
        format: `${run.facts.program}-text`,
        packets: run.read(),
        fragmentsUntold: run.fragmentsUntold,
        get leftOut() {
          return run.leftOut();
        },
      }),
    );
  },
};
export default packets;
