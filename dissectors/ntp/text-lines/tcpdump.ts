import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import * as ntp from '../layout.js';

const HEAD = /^NTPv(\d), (Client|Server|symmetric active|symmetric passive), length (\d{1,5})$/;
const CLOCK =
  /^\s{1,8}Leap indicator: [^(]{0,40}\((\d{1,3})\), Stratum (\d{1,3}) \([^)]{1,60}\), poll (-?\d{1,3}) \(/;
const REFERENCE = /, Reference-ID: (?:0x([0-9a-f]{8})|([\d.]{7,15})|(\S.{0,4}))$/;
const TIMESTAMP = /^\s{1,12}(Reference|Originator|Receive|Transmit) Timestamp: {1,4}(\d{1,10})\.(\d{9})\b/;
const NS_PER_SECOND = 1_000_000_000;
const FRACTIONS_PER_SECOND = 2 ** 32;

const MODES: Readonly<Record<string, number>> = {
  'symmetric active': ntp.MODE_SYMMETRIC_ACTIVE,
  'symmetric passive': ntp.MODE_SYMMETRIC_PASSIVE,
  Client: ntp.MODE_CLIENT,
  Server: ntp.MODE_SERVER,
};
const TIMESTAMPS: Readonly<Record<string, number>> = {
  Originator: ntp.ORIGINATE,
  Receive: ntp.RECEIVE,
  Transmit: ntp.TRANSMIT,
};

/**
 * `NTPv4, Client, length 48`, and with -v leap indicator, stratum and timestamps on the lines behind. Without these there
 * is no message: a request without its timestamp belongs to any answer.
 */
const ntpLines: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const [, version, mode = '', length] = HEAD.exec(words) ?? [];
    const [, leap, stratum, poll] = CLOCK.exec(line.more[0] ?? '') ?? [];
    if (version === undefined || leap === undefined || Number(length) < ntp.HEADER_LENGTH) return null;
    const { bytes, view } = blankLayer(ntp.HEADER_LENGTH);
    // The two bits of the leap indicator are printed where they stand in the byte.
    view.setUint8(ntp.FLAGS, Number(leap) | (Number(version) << ntp.VERSION_SHIFT) | (MODES[mode] ?? 0));
    view.setUint8(ntp.STRATUM, Number(stratum));
    view.setInt8(ntp.POLL, Number(poll));
    bytes.set(referenceOf(line.more[1] ?? ''), ntp.REFERENCE_ID);
    let isTimed = false;
    for (const text of line.more.slice(2)) {
      const [, name = '', seconds, ns] = TIMESTAMP.exec(text) ?? [];
      const at = TIMESTAMPS[name];
      if (at === undefined) continue;
      view.setUint32(at, Number(seconds));
      view.setUint32(at + 4, Math.round((Number(ns) * FRACTIONS_PER_SECOND) / NS_PER_SECOND));
      isTimed ||= at === ntp.TRANSMIT;
    }
    return isTimed ? { bytes, length: Number(length) } : null;
  },
};
export default ntpLines;

function referenceOf(text: string): Uint8Array {
  const [, hex, address, name = ''] = REFERENCE.exec(text) ?? [];
  if (hex !== undefined) return Uint8Array.from(Buffer.from(hex, 'hex'));
  if (address !== undefined) return addressBytes(address) ?? new Uint8Array(4);
  return Uint8Array.from(Buffer.from(name === '(unsp' ? '' : name.slice(0, 4), 'latin1'));
}
