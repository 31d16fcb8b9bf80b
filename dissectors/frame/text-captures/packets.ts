import type { TextCapture, TextSection } from '../../../src/capture/text-capture.js';
import { PacketTextReader } from '../packet-text/reader.js';
import type { Run } from '../packet-text/run.js';

/**
 * Packets as tcpdump and tshark print them, and hex dumps of Wireshark, text2pcap, xxd and hexdump. Bytes give the very
 * frames. Each run of a program is a section: it has a clock of its own.
 */
const packets: TextCapture = {
  open(lines) {
    const reader = new PacketTextReader(lines);
    return {
      take: (line) => reader.take(line),
      end: () => reader.end().map(sectionOf),
    };
  },
};
export default packets;

function sectionOf(run: Run): TextSection {
  return {
    format: `${run.facts.program}-text`,
    packets: run.read(),
    fragmentsUntold: run.fragmentsUntold,
    get leftOut() {
      return run.leftOut();
    },
  };
}
