import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

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
  /** It has no actions. */
  readonly isDrop: boolean;
}

const FLOWS_MAX = 100_000;
const SIGNED_PORT_OFFSET = 65_536;

/** Output of MidoNet's `mm-dpctl --dump-dp`: flows. Lines may be wrapped, as in `--show-dp`. */
export default defineSideFileReader<DatapathFlow>({
  kind: 'datapath',
  text: { words: { outputOf: ['mm-dpctl'] }, read: readDatapathFlows },
  usedBy: ['midonet.flow-drop'],
});

/** Empty where no flow is listed. */
function readDatapathFlows({ file, lines }: TextFile): DatapathFlow[] {
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
  const ends = tunnel === undefined ? null : tunnelKey(tunnel);
  return {
    origin,
    tunnel: ends,
    source: addressField(ip, 'src'),
    destination: addressField(ip, 'dst'),
    protocol: numberField(ip, 'proto'),
    sourcePort: portField(transport, 'src'),
    destinationPort: portField(transport, 'dst'),
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
