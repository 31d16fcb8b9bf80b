import { type DnsTable, NAME_BYTES_KEPT } from './dissector.js';

/** The name of a row's question with dots, escaped as in master files (RFC 1035, section 5.1); cut ones end in `…`. */
export function nameOf(table: DnsTable, columns: readonly Int32Array[], row: number): string {
  const length = table.nameLength[row];
  if (length === 0) return '';
  const kept = Math.min(length, NAME_BYTES_KEPT);
  const labels: string[] = [];
  for (let at = 0; at < kept; ) {
    const end = at + 1 + byteAt(columns, row, at);
    if (end === at + 1) break;
    let label = '';
    for (let index = at + 1; index < Math.min(end, kept); index++)
      label += textOf(byteAt(columns, row, index));
    labels.push(label);
    at = end;
  }
  const text = labels.length === 0 ? '.' : labels.join('.');
  return length > NAME_BYTES_KEPT ? `${text}…` : text;
}

function byteAt(columns: readonly Int32Array[], row: number, index: number): number {
  return (columns[index >> 2][row] >>> (24 - (index & 3) * 8)) & 0xff;
}

function textOf(byte: number): string {
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte > 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, '0')}`;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [12, 'PTR'],
  [15, 'MX'],
  [16, 'TXT'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [255, 'ANY'],
]);

/** `example.org A`. */
export function questionWords({ name, type }: { readonly name: string; readonly type: number }): string {
  if (name === '') return 'a question without name';
  return `${name} ${TYPE_NAMES.get(type) ?? `type ${type}`}`;
}
