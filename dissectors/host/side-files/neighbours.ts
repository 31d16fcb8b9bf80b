import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** An entry of the neighbour table of a host. */
export interface Neighbour {
  readonly origin: Origin;
  readonly address: string;
  /** In lower case; null where the host got no answer. */
  readonly mac: string | null;
  readonly device: string;
  /** `REACHABLE`, `STALE`, `FAILED`, `INCOMPLETE` …; '' where the command does not print it. */
  readonly state: string;
}

const MAC = '[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}';
const IP_NEIGH = new RegExp(
  `^([0-9a-fA-F.:]{2,45}) dev (\\S{1,64})(?: lladdr (${MAC}))?(?: ref \\d{1,9})?(?: used \\S{1,40})?(?: router)?(?: extern_learn)?(?: probes \\d{1,9})? {0,2}(REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP)$`,
);
const ARP_A = new RegExp(
  `^\\S{1,255} \\(([0-9.]{7,15})\\) at (${MAC}|<incomplete>)(?: \\[\\w{1,16}\\])?(?: PERM)? on (\\S{1,64})`,
);
const ARP_N = new RegExp(
  `^([0-9.]{7,15})\\s+(?:ether\\s+(${MAC})\\s+\\S{1,4}|\\(incomplete\\))\\s+(\\S{1,64})$`,
);

/** Output of `ip neigh`, `arp -a` and `arp -n`. */
export default defineSideFileReader<Neighbour>({
  kind: 'neighbour table',
  text: { words: { outputOf: ['ip neigh', 'arp -a'] }, read: readNeighbours },
  usedBy: ['arp.unanswered', 'silk.mac-mismatch'],
});

/** Empty where no line is an entry. */
function readNeighbours({ file, lines }: TextFile): Neighbour[] {
  return lines.flatMap(({ text, number }) => {
    const entry = entryOf(text.trim());
    const address = entry === null ? null : canonicalAddress(entry.address);
    if (entry === null || address === null) return [];
    return [{ ...entry, address, origin: { file, place: `line ${number}` } }];
  });
}

function entryOf(text: string): Omit<Neighbour, 'origin'> | null {
  const [, address, device, mac, state] = IP_NEIGH.exec(text) ?? [];
  if (address !== undefined) return { address, device, mac: lower(mac), state };
  const [, asked, at, on] = ARP_A.exec(text) ?? [];
  if (asked !== undefined) {
    const isOpen = at === '<incomplete>';
    return { address: asked, device: on, mac: isOpen ? null : lower(at), state: isOpen ? 'INCOMPLETE' : '' };
  }
  const [, listed, hardware, port] = ARP_N.exec(text) ?? [];
  if (listed === undefined) return null;
  return {
    address: listed,
    device: port,
    mac: lower(hardware),
    state: hardware === undefined ? 'INCOMPLETE' : '',
  };
}

/** Two digits each: `arp -a` of BSD leaves zeros out. */
function lower(mac: string | undefined): string | null {
  if (mac === undefined) return null;
  return mac
    .toLowerCase()
    .split(':')
    .map((part) => part.padStart(2, '0'))
    .join(':');
}
