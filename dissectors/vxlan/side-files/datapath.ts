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
  readonly ports: readonly DatapathPort[];
}

const PORT = /^\s*Port #(\d{1,9}) "([^"]{1,64})" (\w{1,32})\b/;
const NAME = /^\s*Datapath name\s*: (\S{1,64})/;
const COUNTERS_SPAN_LINES = 8;

/**
 * Output of MidoNet's `mm-dpctl --show-dp`: ports with their counters. Lines may be wrapped by a terminal or a mail
 * program anywhere behind a comma. Facts stand in the order of the files: two of one host are an earlier and a later one.
 */
export default defineSideFileReader<Datapath>({
  kind: 'datapath',
  text: { words: { outputOf: ['mm-dpctl'] }, read: readDatapaths },
  statements: ({ ports }) => ports.length,
  usedBy: ['overlay.counter-one-way'],
});

/** Empty where no line names a port with counters. */
function readDatapaths({ file, lines }: TextFile): Datapath[] {
  const datapaths: (Datapath & { readonly ports: DatapathPort[] })[] = [];
  let name = '';
  for (const [index, { text, number }] of lines.entries()) {
    const named = NAME.exec(text)?.[1];
    if (named !== undefined) {
      name = named;
      datapaths.push({ file, name, ports: [] });
    }
    const port = PORT.exec(text);
    if (port === null) continue;
    const counters = countersFrom(lines, index);
    if (counters === null) continue;
    const [, portNumber, portName, type] = port;
    if (datapaths.length === 0) datapaths.push({ file, name, ports: [] });
    const origin = { file, place: `line ${number}` };
    datapaths.at(-1)?.ports.push({ origin, number: Number(portNumber), name: portName, type, ...counters });
  }
  return datapaths.filter(({ ports }) => ports.length > 0);
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
