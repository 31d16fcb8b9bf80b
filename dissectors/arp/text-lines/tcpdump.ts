import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';

const REQUEST =
  /^ARP, (?:Ethernet \(len 6\), IPv4 \(len 4\), )?Request who-has ([\d.]{7,15})(?: \(([0-9a-f:]{17})\))? tell ([\d.]{7,15})/;
const REPLY = /^ARP, (?:Ethernet \(len 6\), IPv4 \(len 4\), )?Reply ([\d.]{7,15}) is-at ([0-9a-f:]{17})/;
const OLD_REQUEST = /^arp who-has ([\d.]{7,15})(?: \(([0-9a-f:]{17})\))? tell ([\d.]{7,15})/;
const OLD_REPLY = /^arp reply ([\d.]{7,15}) is-at ([0-9a-f:]{17})/;
const LENGTH = 28;
const HOSTS_MAX = 65_536;

/** Whose MAC address earlier lines told, and who asked last for an address: a reply's line says neither of its asker. */
interface Known {
  readonly macs: Map<string, string>;
  readonly askers: Map<string, string>;
}

const arp: PacketLines = {
  carriedBy: 'link',
  read(words, line) {
    const known = line.memory('arp', (): Known => ({ macs: new Map(), askers: new Map() }));
    if (known.macs.size >= HOSTS_MAX) known.macs.clear();
    if (known.askers.size >= HOSTS_MAX) known.askers.clear();
    const request = REQUEST.exec(words) ?? OLD_REQUEST.exec(words);
    if (request !== null) {
      const [, target = '', mac, asker = ''] = request;
      known.askers.set(target, asker);
      return packet(1, asker, known.macs.get(asker), target, mac);
    }
    const reply = REPLY.exec(words) ?? OLD_REPLY.exec(words);
    if (reply === null) return null;
    const [, sender = '', mac = ''] = reply;
    known.macs.set(sender, mac);
    const asker = known.askers.get(sender) ?? '0.0.0.0';
    return packet(2, sender, mac, asker, known.macs.get(asker));
  },
};
export default arp;

function packet(
  operation: number,
  sender: string,
  senderMac: string | undefined,
  target: string,
  targetMac: string | undefined,
) {
  const { bytes, view } = blankLayer(LENGTH);
  view.setUint16(0, 1);
  view.setUint32(2, 0x0800_0604);
  view.setUint16(6, operation);
  bytes.set(macOf(senderMac), 8);
  bytes.set(addressBytes(sender) ?? [], 14);
  bytes.set(macOf(targetMac), 18);
  bytes.set(addressBytes(target) ?? [], 24);
  return { bytes, length: LENGTH };
}

function macOf(text: string | undefined): number[] {
  return text === undefined ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
}
