import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

export interface BgpNeighbour {
  readonly origin: Origin;
  readonly address: string;
  /** Null for `remote-as internal`, `external`, or where the line is missing. */
  readonly remoteAs: number | null;
  readonly keepaliveSeconds: number | null;
  readonly holdSeconds: number | null;
  readonly connectSeconds: number | null;
  /** A password is configured: SYNs carry TCP MD5 (RFC 2385). The password itself is not kept. */
  readonly hasPassword: boolean;
}

export interface BgpSpeaker {
  readonly file: string;
  readonly as: number;
  readonly routerId: string | null;
  readonly neighbours: readonly BgpNeighbour[];
}

const ROUTER = /^\s*router bgp (\d{1,10}(?:\.\d{1,5})?)\b/;
const ROUTER_ID = /^\s*bgp router-id ([0-9.]{7,15})$/;
const NEIGHBOUR = /^\s*neighbor ([0-9a-fA-F.:]{2,45}) (.{1,400})$/;

type Draft = { -readonly [Field in keyof BgpNeighbour]: BgpNeighbour[Field] };

/** `show running-config` of a BGP daemon (Quagga, FRR, IOS): the neighbours and what is expected of them. */
export default defineSideFileReader<BgpSpeaker>({
  kind: 'BGP configuration',
  text: {
    words: { other: ['show running-config of a BGP daemon'] },
    read: readBgpConfigurations,
  },
  commands: ['vtysh'],
  usedBy: ['bgp.configuration-mismatch', 'bgp.no-session', 'bgp.open-rejected'],
});

/** Empty where no line opens a BGP section. */
function readBgpConfigurations({ file, lines }: TextFile): BgpSpeaker[] {
  const speakers: { file: string; as: number; routerId: string | null; neighbours: Draft[] }[] = [];
  for (const line of lines) {
    const text = withoutPrompt(line.text);
    const as = ROUTER.exec(text)?.[1];
    if (as !== undefined) {
      speakers.push({ file, as: asNumber(as), routerId: null, neighbours: [] });
      continue;
    }
    const speaker = speakers.at(-1);
    if (speaker === undefined) continue;
    const id = ROUTER_ID.exec(text)?.[1];
    if (id !== undefined) speaker.routerId = id;
    const [, written, statement] = NEIGHBOUR.exec(text) ?? [];
    const address = canonicalAddress(written ?? '');
    if (statement === undefined || address === null) continue;
    let neighbour = speaker.neighbours.find((one) => one.address === address);
    if (neighbour === undefined) {
      neighbour = newNeighbour({ file, place: `line ${line.number}` }, address);
      speaker.neighbours.push(neighbour);
    }
    readStatement(neighbour, statement);
  }
  return speakers;
}

function newNeighbour(origin: Origin, address: string): Draft {
  return {
    origin,
    address,
    remoteAs: null,
    keepaliveSeconds: null,
    holdSeconds: null,
    connectSeconds: null,
    hasPassword: false,
  };
}

function readStatement(neighbour: Draft, statement: string): void {
  const as = /^remote-as (\d{1,10}(?:\.\d{1,5})?)$/.exec(statement)?.[1];
  if (as !== undefined) neighbour.remoteAs = asNumber(as);
  const timers = /^timers (\d{1,5}) (\d{1,5})$/.exec(statement);
  if (timers !== null) {
    neighbour.keepaliveSeconds = Number(timers[1]);
    neighbour.holdSeconds = Number(timers[2]);
  }
  const connect = /^timers connect (\d{1,5})$/.exec(statement)?.[1];
  if (connect !== undefined) neighbour.connectSeconds = Number(connect);
  if (/^password \S/.test(statement)) neighbour.hasPassword = true;
}

/** `65534`, or `1.10` (RFC 5396, asdot). */
function asNumber(text: string): number {
  const [high, low] = text.split('.').map(Number);
  return low === undefined ? high : high * 65_536 + low;
}
