import { canonicalAddress } from './networks.js';
import type { Origin } from './origin.js';
import type { TextFile, TextLine } from './text-file.js';

/*
 * Output of MidoNet's `mm-dpctl --show-dp` (ports with their counters) and `--dump-dp` (flows). Lines may be wrapped
 * by a terminal or a mail program anywhere behind a comma.
 */

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

/** A flow of the datapath, with what of its key a capture can show. */
export interface DatapathFlow {
  readonly origin: Origin;
  readonly tunnel: { readonly key: number; readonly source: string; readonly destination: string } | null;
  readonly source: string | null;
  readonly destination: string | null;
  /** IP protocol number; null where the flow is no IP. */
  readonly protocol: number | null;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Ports that it puts packets out of; a flow without actions drops them. */
  readonly outputs: readonly number[];
  readonly isDrop: boolean;
}

const PORT = /^\s*Port #(\d{1,9}) "([^"]{1,64})" (\w{1,32})\b/;
const NAME = /^\s*Datapath name\s*: (\S{1,64})/;
const COUNTERS_SPAN_LINES = 8;
const FLOWS_MAX = 100_000;
const SIGNED_PORT_OFFSET = 65_536;

/** Empty where no line names a port with counters. */
export function readDatapaths({ file, lines }: TextFile): Datapath[] {
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

/** Empty where no flow is listed. */
export function readDatapathFlows({ file, lines }: TextFile): DatapathFlow[] {
  const starts = lines.flatMap(({ text }, index) => (/^\s*Flow:\s*$/.test(text) ? [index] : []));
  return starts.slice(0, FLOWS_MAX).map((start, index) => {
    const block = lines.slice(start + 1, Math.min(starts[index + 1] ?? lines.length, start + 64));
    const text = block.map((line) => line.text).join(' ');
    return flowOf(text, { file, place: `line ${lines[start].number}` });
  });
}

function flowOf(text: string, origin: Origin): DatapathFlow {
  const actionsAt = text.search(/\bactions:/);
  const match = actionsAt < 0 ? text : text.slice(0, actionsAt);
  const actions = actionsAt < 0 ? '' : text.slice(actionsAt);
  const tunnel = /Tunnel\{([^}]{1,400})\}/.exec(match)?.[1];
  const ip = /KeyIPv[46]\{([^}]{1,400})\}/.exec(match)?.[1] ?? '';
  const transport = /\b(?:UDP|TCP)\{([^}]{1,200})\}/.exec(match)?.[1] ?? '';
  const outputs = [...actions.matchAll(/Output\{port=(\d{1,9})\}/g)].map(([, port]) => Number(port));
  const ends = tunnel === undefined ? null : tunnelKey(tunnel);
  return {
    origin,
    tunnel: ends,
    source: addressField(ip, 'src'),
    destination: addressField(ip, 'dst'),
    protocol: numberField(ip, 'proto'),
    sourcePort: portField(transport, 'src'),
    destinationPort: portField(transport, 'dst'),
    outputs,
    isDrop: actionsAt >= 0 && !/\w+\{/.test(actions),
  };
}

function tunnelKey(text: string): DatapathFlow['tunnel'] {
  const key = numberField(text, 'tun_id');
  const source = addressField(text, 'ipv4_src');
  const destination = addressField(text, 'ipv4_dst');
  return key === null || source === null || destination === null ? null : { key, source, destination };
}

function addressField(text: string, name: string): string | null {
  return canonicalAddress(new RegExp(`\\b${name}=([0-9a-fA-F.:]{2,45})`).exec(text)?.[1] ?? '');
}

function numberField(text: string, name: string): number | null {
  const value = new RegExp(`\\b${name}=(-?\\d{1,12})`).exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

/** Printed as signed 16 bits by some versions. */
function portField(text: string, name: string): number | null {
  const value = numberField(text, name);
  return value === null || value >= 0 ? value : value + SIGNED_PORT_OFFSET;
}
