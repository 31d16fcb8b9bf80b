import type { PacketLines } from '../../../src/capture/packet-lines.js';
import tcpdump from './tcpdump.js';

const REQUEST =
  /^ARP (?:Who has|ARP Announcement for|Gratuitous ARP for) ([\d.]{7,15})(?:\? Tell ([\d.]{7,15}))?/;
const REPLY = /^ARP (?:Gratuitous ARP for )?([\d.]{7,15}) is at ([0-9a-f:]{17})/;

/** `ARP Who has 10.0.0.1? Tell 10.0.0.2` and `ARP 10.0.0.1 is at 00:…`, as tshark lists them. */
const arp: PacketLines = {
  carriedBy: 'link',
  read(words, line) {
    const [, target, asker = target] = REQUEST.exec(words) ?? [];
    if (target !== undefined) return tcpdump.read(`ARP, Request who-has ${target} tell ${asker}`, line);
    const [, sender, mac] = REPLY.exec(words) ?? [];
    return sender === undefined ? null : tcpdump.read(`ARP, Reply ${sender} is-at ${mac}`, line);
  },
};
export default arp;
