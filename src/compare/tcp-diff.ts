import * as transport from '../wire/transport.js';
import type { FieldDifference } from './packet-changes.js';

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
/** RFC 9293, 7323, 2018, 2385, 7413, 8684, 5925. */
const OPTION_NAMES: Readonly<Record<number, string>> = {
  [OPTION_MSS]: 'MSS',
  [OPTION_WINDOW_SCALE]: 'window scale',
  4: 'SACK permitted',
  5: 'SACK',
  8: 'timestamps',
  19: 'MD5 signature',
  29: 'authentication',
  30: 'multipath',
  34: 'fast open cookie',
};
const ABSENT = 'absent';

/** The fields in which two whole TCP headers differ; ports and checksum left out. */
export function tcpDifferences(sent: DataView, received: DataView, isRenumbered: boolean): FieldDifference[] {
  const differences: FieldDifference[] = [];
  const note = (field: string, from: string | number, to: string | number): void => {
    if (from !== to) differences.push({ field, from: String(from), to: String(to) });
  };
  if (!isRenumbered) {
    const { TCP_SEQUENCE, TCP_ACKNOWLEDGMENT } = transport;
    note('TCP sequence number', sent.getUint32(TCP_SEQUENCE), received.getUint32(TCP_SEQUENCE));
    note('TCP acknowledgment', sent.getUint32(TCP_ACKNOWLEDGMENT), received.getUint32(TCP_ACKNOWLEDGMENT));
  }
  const reserved = (header: DataView): number => header.getUint8(transport.TCP_DATA_OFFSET) & 0x0f;
  note('TCP reserved bits', reserved(sent), reserved(received));
  note('TCP flags', flagsOf(sent), flagsOf(received));
  note('TCP window', sent.getUint16(transport.TCP_WINDOW), received.getUint16(transport.TCP_WINDOW));
  const urgent = transport.TCP_URGENT_POINTER;
  note('TCP urgent pointer', sent.getUint16(urgent), received.getUint16(urgent));
  const [from, to] = [optionsOf(sent), optionsOf(received)];
  for (const kind of new Set([...from.keys(), ...to.keys()])) {
    note(`TCP option ${OPTION_NAMES[kind] ?? kind}`, from.get(kind) ?? ABSENT, to.get(kind) ?? ABSENT);
  }
  return differences;
}

function flagsOf(header: DataView): string {
  const bits = header.getUint8(transport.TCP_FLAGS);
  const names = FLAG_NAMES.filter((_, bit) => (bits & (1 << bit)) !== 0);
  return names.length === 0 ? 'none' : names.join(' ');
}

/** Values by kind, padding left out. */
function optionsOf(header: DataView): Map<number, string> {
  const options = new Map<number, string>();
  let at = transport.TCP_HEADER_LENGTH_MIN;
  while (at + 1 < header.byteLength) {
    const kind = header.getUint8(at);
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = header.getUint8(at + 1);
    if (length < 2 || at + length > header.byteLength) break;
    options.set(kind, optionValue(header, kind, at + 2, at + length));
    at += length;
  }
  return options;
}

function optionValue(header: DataView, kind: number, from: number, to: number): string {
  if (kind === OPTION_MSS && to - from === 2) return String(header.getUint16(from));
  if (kind === OPTION_WINDOW_SCALE && to - from === 1) return String(header.getUint8(from));
  if (from === to) return 'present';
  let text = '0x';
  for (let at = from; at < to; at++) text += header.getUint8(at).toString(16).padStart(2, '0');
  return text;
}
