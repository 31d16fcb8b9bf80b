import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile, TextLine } from '../../../src/side-files/text-file.js';

export interface DatapathPort {
  readonly origin: Origin;
  readonly number: number;
  readonly name: string;
  /** `Gre`, `VXLan`, `NetDev`, `Internal` … */
  readonly type: string;
  readonly receivedPackets: number;
  readonly sentPackets: number;
  readonly receiveErrors: number;
  readonly sendErrors: number;
  readonly receiveDrops: number;
  readonly sendDrops: number;
}

export interface Datapath {
  readonly file: string;
  readonly name: string;
  /** Packets that found a flow, that were handed to the agent, and those lost on that way; null where the output does not count. */
  readonly hits: number | null;
  readonly misses: number | null;
  readonly lost: number | null;
  readonly ports: readonly DatapathPort[];
}

const PORT = /^\s*Port #(\d{1,9}) "([^"]{1,64})" (\w{1,32})\b/;
const NAME = /^\s*Datapath name\s*: (\S{1,64})/;
const TOTAL = /^\s*(Hits|Misses|Lost)\s*:\s*(\d{1,18})$/;
const COUNTERS_SPAN_LINES = 8;

/**
 * Output of MidoNet's `mm-dpctl --show-dp`: ports with their counters. Lines may be wrapped by a terminal or a mail
 * program anywhere behind a comma. Facts stand in the order of the files: two of one host are an earlier and a later one.
 */
export default defineSideFileReader<Datapath>({
  kind: 'datapath',
  text: { words: { outputOf: ['mm-dpctl'] }, read: readDatapaths },
  statements: ({ ports, lost }) => ports.length + (lost === null ? 0 : 1),
  usedBy: ['overlay.counter-one-way', 'midonet.datapath-loss'],
});

/** Empty where no line names a port with counters, or the packets that were lost. */
function readDatapaths({ file, lines }: TextFile): Datapath[] {
  const datapaths: Draft[] = [];
  let name = '';
  for (const [index, { text, number }] of lines.entries()) {
    const named = NAME.exec(text)?.[1];
    if (named !== undefined) {
      name = named;
      datapaths.push(draft(file, name));
    }
    const [, total, count] = TOTAL.exec(text) ?? [];
    const open = datapaths.at(-1);
    if (total !== undefined && open !== undefined) takeTotal(open, total, Number(count));
    const port = PORT.exec(text);
    if (port === null) continue;
    const counters = countersFrom(lines, index);
    if (counters === null) continue;
    const [, portNumber, portName, type] = port;
    if (datapaths.length === 0) datapaths.push(draft(file, name));
    const origin = { file, place: `line ${number}` };
    datapaths.at(-1)?.ports.push({ origin, number: Number(portNumber), name: portName, type, ...counters });
  }
  return datapaths.filter(({ ports, lost }) => ports.length > 0 || lost !== null);
}

interface Draft extends Datapath {
  hits: number | null;
  misses: number | null;
  lost: number | null;
  readonly ports: DatapathPort[];
}

function draft(file: string, name: string): Draft {
  return { file, name, hits: null, misses: null, lost: null, ports: [] };
}

function takeTotal(datapath: Draft, name: string, count: number): void {
  if (name === 'Hits') datapath.hits = count;
  else if (name === 'Misses') datapath.misses = count;
  else datapath.lost = count;
}

type Counters = Omit<DatapathPort, 'origin' | 'number' | 'name' | 'type'>;

function countersFrom(lines: readonly TextLine[], index: number): Counters | null {
  const following = lines.slice(index, index + COUNTERS_SPAN_LINES).map(({ text }) => text);
  const nextPort = following.findIndex((text, at) => at > 0 && PORT.test(text));
  const text = following.slice(0, nextPort < 0 ? undefined : nextPort).join(' ');
  if (!text.includes('Stats{')) return null;
  const count = (field: string): number =>
    Number(new RegExp(`\\b${field}=\\s?(\\d{1,16})`).exec(text)?.[1] ?? 0);
  return {
    receivedPackets: count('rxPackets'),
    sentPackets: count('txPackets'),
    receiveErrors: count('rxErrors'),
    sendErrors: count('txErrors'),
    receiveDrops: count('rxDropped'),
    sendDrops: count('txDropped'),
  };
}
