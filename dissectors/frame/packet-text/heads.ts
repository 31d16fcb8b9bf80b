// The line that a program prints for a packet, as far as it speaks of no protocol: time, interface, direction, Ethernet header.
import { addressBytes } from '../../../src/wire/address-bytes.js';
import type { Direction, PacketHead } from './run.js';
import { secondsOf, stampOf } from './stamp.js';

/** The head of a packet, and what the line says behind it. */
export interface HeadLine {
  readonly head: PacketHead;
  readonly words: string;
}

/** `eth0  In `, as `-i any` prints it; older versions print the direction alone. */
const INTERFACE = /^(?:([\w.@:?-]{1,16}) {1,8})?(In|Out|B|M|P|\?) {1,3}(?=\S)/;
const MAC = '[0-9a-f]{2}(?::[0-9a-f]{2}){5}';
const ETHERNET = new RegExp(
  `^(${MAC}) > (${MAC}|Broadcast), (?:ethertype [^(]{0,40}\\(0x([0-9a-f]{4})\\)|(IPv4|IPv6|ARP)|802\\.3), length:? (\\d{1,6}): `,
);
/** `-e` on a cooked interface: `ifindex 2 aa:bb:… ethertype IPv4 (0x0800), length 104: `. */
const COOKED = new RegExp(
  `^(?:ifindex \\d{1,6} )?(?:${MAC}|\\S{1,20}) \\(?(?:ethertype|oui) [^(]{0,40}\\(0x([0-9a-f]{4})\\)\\)?, length (\\d{1,6}): `,
);
const PACKET = /^(?:IP6?[ ,]|ARP, |RARP, |arp |IP[46]? )/;
const OTHER_PACKET =
  /^(?:\S+ > \S+|STP|LLDP|MPLS|PPPoE|vlan |802\.1|Loopback|CDP|EAP|LACP|AoE|LLC|Unknown|\[\|)/;

/** `-#` counts the packets in front of everything else. */
const NUMBER =
  /^ {0,4}\d{1,10} {2}(?= ?(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d|\d{9,11}\.\d{6} |IP6? |ARP, |[0-9a-f]{2}:[0-9a-f]{2}:)/;

/** The line without the number that `tcpdump -#` prints in front. */
export function unnumbered(line: string): string {
  const first = line.charCodeAt(line.length - line.trimStart().length);
  return first >= 0x30 && first <= 0x39 ? line.replace(NUMBER, '') : line;
}

/** tcpdump calls both versions `ip:` there. */
const IS_IPV6 = /^ip: (?:\((?:class|flowlabel|hlim) |[0-9a-f]{0,4}:)/;

/** The line of a packet as tcpdump prints it, or null. Without a time only what surely is one. */
export function tcpdumpHead(line: string): HeadLine | null {
  const stamp = stampOf(line);
  let rest = stamp === null ? line : line.slice(stamp.length);
  let interfaceName: string | null = null;
  let direction: Direction = null;
  const tapped = INTERFACE.exec(rest);
  if (tapped !== null) {
    interfaceName = tapped[1] ?? null;
    direction = tapped[2] === 'In' ? 'in' : tapped[2] === 'Out' ? 'out' : null;
    rest = rest.slice(tapped[0].length);
  }
  const ethernet = ETHERNET.exec(rest);
  const cooked = ethernet === null ? COOKED.exec(rest) : null;
  const [prefix = ''] = ethernet ?? cooked ?? [];
  const wire = ethernet?.[5] ?? cooked?.[2];
  const type = ethernet?.[3] ?? TYPES_BY_NAME.get(ethernet?.[4] ?? '') ?? cooked?.[1];
  rest = rest.slice(prefix.length);
  // With -e on a link without addresses.
  if (rest.startsWith('ip: ')) rest = `${IS_IPV6.test(rest) ? 'IP6' : 'IP'} ${rest.slice(4)}`;
  else if (rest.startsWith('ip6: ')) rest = `IP6 ${rest.slice(5)}`;
  const tags = type === undefined ? NO_TAGS : tagsOf(rest, type);
  rest = rest.slice(tags.length);
  // Behind an Ethernet header tcpdump leaves out what the EtherType says.
  const words = type === undefined ? rest : `${KEYWORDS.get(tags.type) ?? ''}${rest}`;
  const isPacket = PACKET.test(words);
  if (!isPacket && (stamp === null || (prefix === '' && !OTHER_PACKET.test(words)))) return null;
  if (stamp === null && !/(?: > \S+: )|^ARP, |^IP6? \(/.test(words)) return null;
  return {
    head: {
      timeNs: stamp?.timeNs ?? null,
      form: stamp?.form ?? null,
      wireLength: wire === undefined || cooked !== null ? null : Number(wire),
      link:
        ethernet === null
          ? null
          : ethernetHeader(ethernet[1] ?? '', ethernet[2] ?? '', type ?? '0', tags.bytes),
      interfaceName,
      direction,
    },
    words,
  };
}

/** With -q the EtherType is its name alone. */
const TYPES_BY_NAME: ReadonlyMap<string, string> = new Map([
  ['IPv4', '0800'],
  ['IPv6', '86dd'],
  ['ARP', '0806'],
]);

/** What stands in front of packets of an EtherType where no Ethernet header is printed. */
const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ['0800', 'IP '],
  ['86dd', 'IP6 '],
  ['0806', 'ARP, '],
]);

/** VLAN tags between EtherType and packet: `vlan 5, p 0, ethertype IPv4 (0x0800), `. */
interface Tags {
  /** Characters of the words. */
  readonly length: number;
  /** EtherType of what follows. */
  readonly type: string;
  readonly bytes: readonly number[];
}
const NO_TAGS: Tags = { length: 0, type: '', bytes: [] };
const TAG = /^vlan (\d{1,4}), p (\d)(, DEI)?, ethertype [^(]{0,40}\(0x([0-9a-f]{4})\)(?:, |: )/;
const TAGS_MAX = 4;

function tagsOf(words: string, ethertype: string): Tags {
  const bytes: number[] = [];
  let length = 0;
  let type = ethertype;
  for (let count = 0; count < TAGS_MAX; count++) {
    const found = TAG.exec(words.slice(length, length + LONGEST_TAG));
    if (found === null) break;
    const [whole, vlan, priority, dei, next = ''] = found;
    const control = (Number(priority) << 13) | (dei === undefined ? 0 : 0x1000) | (Number(vlan) & 0xfff);
    bytes.push(control >>> 8, control & 0xff, ...bytesOf(next));
    length += whole.length;
    type = next;
  }
  return { length, type, bytes };
}
const LONGEST_TAG = 100;

const BROADCAST = [255, 255, 255, 255, 255, 255];

function ethernetHeader(
  source: string,
  destination: string,
  type: string,
  tags: readonly number[],
): Uint8Array {
  return Uint8Array.from([
    ...(destination === 'Broadcast' ? BROADCAST : macOf(destination)),
    ...macOf(source),
    ...bytesOf(type),
    ...tags,
  ]);
}

/** Four hexadecimal digits. */
function bytesOf(type: string): [number, number] {
  const value = Number.parseInt(type, 16);
  return [value >>> 8, value & 0xff];
}

/** An inner frame: with its Ethernet header where -e printed that, else with one of zeros but for the EtherType. */
export function frameHead(words: string): { readonly link: Uint8Array; readonly words: string } | null {
  const found = ETHERNET.exec(words);
  if (found !== null) {
    const [whole, source = '', destination = '', number, name = ''] = found;
    const type = number ?? TYPES_BY_NAME.get(name) ?? '0';
    const rest = words.slice(whole.length);
    const tags = tagsOf(rest, type);
    const link = ethernetHeader(source, destination, type, tags.bytes);
    return { link, words: `${KEYWORDS.get(tags.type) ?? ''}${rest.slice(tags.length)}` };
  }
  const [type] = [...KEYWORDS].find(([, keyword]) => words.startsWith(keyword)) ?? [];
  return type === undefined ? null : { link: Uint8Array.from([...NO_ADDRESSES, ...bytesOf(type)]), words };
}
const NO_ADDRESSES = new Array<number>(12).fill(0);

function macOf(text: string): number[] {
  return text.split(':').map((part) => Number.parseInt(part, 16));
}

const SUMMARY =
  /^ {0,12}(\d{1,10})[ \t]{1,20}((?:\d{4}-\d\d-\d\d[ T])?[\d:.]{1,30})[ \t]{1,30}(\S{1,60})[ \t]{1,60}(?:(?:→|->)[ \t]{1,60})?(\S{1,60})[ \t]{1,60}([\w./-]{1,40}(?: Control)?)[ \t]{1,20}(\d{1,6})(?:[ \t]{1,8}(\S.*)?)?$/;
/** As Wireshark exports its list, separated by commas. */
const SUMMARY_CSV =
  /^"(\d{1,10})","((?:\d{4}-\d\d-\d\d[ T])?[\d:.]{1,30})","([^"]{1,60})","([^"]{1,60})","([^"]{1,40})","(\d{1,6})","(.*)"$/;

/** A line of the list of packets of tshark and Wireshark; the words are those of a line of tcpdump as far as addresses go. */
export function summaryHead(line: string): HeadLine | null {
  const found = SUMMARY.exec(line) ?? SUMMARY_CSV.exec(line);
  if (found === null) return null;
  const [, , time = '', source = '', destination = '', protocol = '', length, info = ''] = found;
  const stamp = stampOf(`${time} `);
  const seconds = stamp === null || stamp.form === 'epoch' ? secondsOf(time) : null;
  const isIpv6 = source.includes(':');
  const areAddresses = addressBytes(source) !== null && addressBytes(destination) !== null;
  // Any table has numbers and words: one whose columns are no addresses is a list where it says so by its arrow.
  if (!areAddresses && !/→|->/.test(line) && !line.startsWith('"')) return null;
  return {
    head: {
      timeNs: stamp?.timeNs ?? seconds,
      form: stamp?.form ?? (seconds === null ? null : 'epoch'),
      wireLength: Number(length),
      link: null,
      interfaceName: null,
      direction: null,
    },
    words: areAddresses
      ? `${isIpv6 ? 'IP6' : 'IP'} ${source} > ${destination}: ${protocol} ${info}`
      : `${protocol} ${info}`,
  };
}

/** Of bytes that nothing is said of. */
export const NO_HEAD: PacketHead = {
  timeNs: null,
  form: null,
  wireLength: null,
  link: null,
  interfaceName: null,
  direction: null,
};
