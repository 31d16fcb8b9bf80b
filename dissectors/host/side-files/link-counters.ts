import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, type TextLine, withoutPrompt } from '../../../src/side-files/text-file.js';

/** What the kernel or the network card counts at an interface since it exists. */
export interface LinkCounters {
  readonly origin: Origin;
  readonly link: string;
  readonly receivedPackets: number;
  readonly sentPackets: number;
  /** Packets that ended as errors or drops, by the name of the counter: `RX dropped`, `rx_crc_errors`. */
  readonly faults: ReadonlyMap<string, number>;
}

const LINKS_MAX = 10_000;
const HEADING = /^\s*\d{1,9}: ([^\s@:]{1,64})(?:@[^\s:]{1,64})?: </;
/** `RX: bytes packets errors dropped missed mcast`; the values stand in the next line. */
const COLUMNS = /^\s+(RX|TX)(?: errors)?: +([a-z][a-z/ ]{3,80})$/;
const VALUES = /^\s+\d{1,20}(?:\s+\d{1,20}){1,11}$/;
const FAULT_COLUMNS = new Set(['errors', 'dropped', 'overrun', 'missed', 'carrier', 'collsns']);
const ETHTOOL = /(?:^|\s)ethtool (?:-S|--statistics) (\S{1,64})/;
const NIC_HEAD = /^NIC statistics(?: for (\S{1,64}))?:/;
const NIC_LINE = /^\s+([a-z][\w.]{1,60}): (\d{1,20})$/i;
/** Sums that hold the others (`rx_errors`) are counted once: by the names that every driver has. */
const NIC_FAULTS =
  /^(?:[rt]x_(?:errors|dropped|crc_errors|missed_errors|fifo_errors|over_errors|frame_errors|carrier_errors|no_buffer_count|out_of_buffer|discards)|collisions)$/;

/** Output of `ip -s link` (and `ip -s addr`), and of `ethtool -S`. Several of one interface are earlier and later ones. */
export default defineSideFileReader<LinkCounters>({
  kind: 'interface counters',
  text: { words: { outputOf: ['ip -s link', 'ethtool -S'] }, read: readCounters },
  usedBy: ['host.link-errors'],
});

/** Empty where neither kind of table is there. */
function readCounters(text: TextFile): LinkCounters[] {
  return [...ofIp(text), ...ofEthtool(text)].slice(0, LINKS_MAX);
}

function ofIp({ file, lines }: TextFile): LinkCounters[] {
  const heads = lines.flatMap(({ text }, index) => (HEADING.test(text) ? [index] : []));
  return heads.flatMap((start, index) => {
    const { text, number } = lines[start];
    const [, link = ''] = HEADING.exec(text) ?? [];
    const tables = tablesOf(lines.slice(start + 1, heads[index + 1]));
    const [received, sent] = [tables.get('RX packets'), tables.get('TX packets')];
    if (received === undefined || sent === undefined) return [];
    const faults = [...tables].filter(([name]) => FAULT_COLUMNS.has(name.slice(3)));
    const origin = { file, place: `line ${number}` };
    return [{ origin, link, receivedPackets: received, sentPackets: sent, faults: new Map(faults) }];
  });
}

/** By direction and column; the table of `-s -s` that takes the errors apart is left out: they are in the sum. */
function tablesOf(lines: readonly TextLine[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const [index, { text }] of lines.entries()) {
    const [, direction, columns] = COLUMNS.exec(text) ?? [];
    const next = lines[index + 1]?.text ?? '';
    if (direction === undefined || !columns.startsWith('bytes') || !VALUES.test(next)) continue;
    const numbers = next.trim().split(/\s+/).map(Number);
    for (const [at, name] of columns.trim().split(/\s+/).entries())
      if (numbers[at] !== undefined) values.set(`${direction} ${name}`, numbers[at]);
  }
  return values;
}

function ofEthtool({ file, lines }: TextFile): LinkCounters[] {
  const found: LinkCounters[] = [];
  let asked = '';
  for (const [index, { text, number }] of lines.entries()) {
    asked = ETHTOOL.exec(withoutPrompt(text))?.[1] ?? asked;
    const head = NIC_HEAD.exec(text);
    if (head === null) continue;
    const counters = new Map<string, number>();
    for (const line of lines.slice(index + 1)) {
      const [, name, value] = NIC_LINE.exec(line.text) ?? [];
      if (name === undefined) break;
      counters.set(name.toLowerCase(), Number(value));
    }
    const count = (direction: string): number =>
      counters.get(`${direction}_packets`) ?? counters.get(`${direction}_unicast_packets`) ?? 0;
    found.push({
      origin: { file, place: `line ${number}` },
      link: head[1] ?? (asked === '' ? 'the interface' : asked),
      receivedPackets: count('rx'),
      sentPackets: count('tx'),
      faults: new Map([...counters].filter(([name]) => NIC_FAULTS.test(name))),
    });
  }
  return found;
}
