import type { PacketLines } from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import * as dhcp from '../layout.js';

const HEAD =
  /^BOOTP\/DHCP, (Request|Reply)(?: from ([0-9a-f:]{17}))?, length (\d{1,5})(?:, hops \d{1,3})?(?:, xid 0x([0-9a-f]{1,8}))?/;
const ADDRESS = /^\s{1,8}(Your|Gateway)-IP ([\d.]{7,15})$/;
const CLIENT = /^\s{1,8}Client-Ethernet-Address ([0-9a-f:]{17})$/;
const OPTION = /^\s{1,8}[\w/-]{1,40} \((\d{1,3})\), length (\d{1,3}): ?(.*)$/;
const PARAMETER = /\((\d{1,3})\)/g;

const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;
const MESSAGES: readonly string[] = [
  '',
  'Discover',
  'Offer',
  'Request',
  'Decline',
  'ACK',
  'NACK',
  'Release',
  'Inform',
];

/** `BOOTP/DHCP, Request from 02:…, length 252`; the options that say what it is are printed with -v alone. */
const dhcpLines: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const [, operation, from, length, transaction] = HEAD.exec(words) ?? [];
    const options = optionsOf(line.more);
    if (operation === undefined || transaction === undefined || options === null) return null;
    const bytes = new Uint8Array(dhcp.OPTIONS + options.length);
    const view = new DataView(bytes.buffer);
    view.setUint8(dhcp.OPERATION, operation === 'Request' ? OPERATION_REQUEST : OPERATION_REPLY);
    view.setUint8(dhcp.OPERATION + 1, 1);
    view.setUint8(dhcp.HARDWARE_LENGTH, dhcp.ETHERNET_LENGTH);
    view.setUint32(dhcp.TRANSACTION, Number.parseInt(transaction, 16));
    if (from !== undefined) bytes.set(macOf(from), dhcp.CLIENT_HARDWARE);
    for (const text of line.more) {
      const [, kind, address = ''] = ADDRESS.exec(text) ?? [];
      if (kind !== undefined) {
        bytes.set(addressBytes(address) ?? [], kind === 'Your' ? dhcp.YOUR_ADDRESS : dhcp.RELAY_ADDRESS);
      }
      const mac = CLIENT.exec(text)?.[1];
      if (mac !== undefined) bytes.set(macOf(mac), dhcp.CLIENT_HARDWARE);
    }
    view.setUint32(dhcp.COOKIE, dhcp.MAGIC_COOKIE);
    bytes.set(options, dhcp.OPTIONS);
    return { bytes, length: Math.max(Number(length), bytes.length) };
  },
};
export default dhcpLines;

/** Of those that are read; null where the lines do not say which message it is. */
function optionsOf(lines: readonly string[]): number[] | null {
  const options: number[] = [];
  let hasType = false;
  for (const [index, text] of lines.entries()) {
    const [, code, , value = ''] = OPTION.exec(text) ?? [];
    if (Number(code) === dhcp.OPTION_MESSAGE_TYPE) {
      const type = MESSAGES.indexOf(value.trim());
      if (type < 1) return null;
      options.push(dhcp.OPTION_MESSAGE_TYPE, 1, type);
      hasType = true;
    } else if (Number(code) === dhcp.OPTION_INTERFACE_MTU) {
      options.push(dhcp.OPTION_INTERFACE_MTU, 2, (Number(value) >>> 8) & 0xff, Number(value) & 0xff);
    } else if (Number(code) === dhcp.OPTION_SERVER) {
      options.push(dhcp.OPTION_SERVER, 4, ...(addressBytes(value.trim()) ?? new Uint8Array(4)));
    } else if (Number(code) === dhcp.OPTION_PARAMETERS) {
      const asked = parametersOf(lines.slice(index + 1));
      options.push(dhcp.OPTION_PARAMETERS, asked.length, ...asked);
    }
  }
  return hasType ? [...options, dhcp.OPTION_END] : null;
}

/** Asked for on the lines behind, until the next option. */
function parametersOf(lines: readonly string[]): number[] {
  const codes: number[] = [];
  for (const text of lines) {
    if (OPTION.test(text)) break;
    for (const [, code] of text.matchAll(PARAMETER)) codes.push(Number(code) & 0xff);
  }
  return codes.slice(0, 255);
}

function macOf(text: string): number[] {
  return text.split(':').map((part) => Number.parseInt(part, 16));
}
