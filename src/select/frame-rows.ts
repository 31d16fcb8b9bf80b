import type { ObservationTable, Schema } from '../observe/table.js';
import { formatAddress, formatIpv4, formatMac } from '../wire/address.js';

type Column = ObservationTable<Schema>[string];
export type Fields = Readonly<Record<string, number | string>>;

/** What only the engine understands. */
const HIDDEN = /digest|hash|^(?:lane|lastFrame|header|outerBytes)$/i;
const HEXADECIMAL = /spi$|^key$|flags$|^cookie/i;

/**
 * The columns of a row as a person reads them: addresses in text, SPIs in hexadecimal, digests left out.
 * @param row of the table
 */
export function fieldsOf(table: ObservationTable<Schema>, row: number): Fields {
  const fields: Record<string, number | string> = {};
  const columns = new Map<string, Column>(
    Object.entries(table).flatMap(([name, column]) =>
      ArrayBuffer.isView(column) && !(column instanceof DataView) ? [[name, column]] : [],
    ),
  );
  for (const [name, column] of columns) {
    if (HIDDEN.test(name)) continue;
    const words = /^(.*)0$/.exec(name);
    if (words !== null && columns.has(`${words[1]}3`)) {
      const address = Int32Array.from([0, 1, 2, 3], (word) => columns.get(`${words[1]}${word}`)?.[row] ?? 0);
      if (address.some((word) => word !== 0)) fields[words[1]] = formatAddress(address);
    } else if (/[0-3]$/.test(name) && columns.has(`${name.slice(0, -1)}0`)) continue;
    else if (/MacHigh$/.test(name)) {
      fields[name.slice(0, -4)] = formatMac(
        column[row],
        columns.get(name.replace(/High$/, 'Low'))?.[row] ?? 0,
      );
    } else if (/MacLow$/.test(name)) continue;
    else if (/(sender|target)Address$/.test(name)) fields[name] = formatIpv4(column[row]);
    else if (column[row] !== 0)
      fields[name] = HEXADECIMAL.test(name)
        ? `0x${(column[row] >>> 0).toString(16).padStart(8, '0')}`
        : column[row];
  }
  return fields;
}
