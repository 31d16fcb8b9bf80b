import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A virtual machine of a BOSH deployment. */
export interface BoshInstance {
  readonly origin: Origin;
  /** `diego-cell/4abb639b-33a9-4d8d-8a95-21c3863c7b0c`. */
  readonly name: string;
  /** `running`, `unresponsive agent`, `failing` …; `timed out` where a task says that its agent did not answer. */
  readonly state: string;
  /** Null where a task names it. */
  readonly address: string | null;
  readonly machine: string | null;
}

const INSTANCES_MAX = 100_000;
const UUID = '[0-9a-f]{8}-[0-9a-f-]{4,27}';
const ROW = new RegExp(
  `^([a-z][\\w-]{0,80}/${UUID})\\s+(running|failing|stopped|starting|unresponsive agent|stopping|unknown|-)\\s+(?:\\S{1,20}\\s+)?((?:\\d{1,3}\\.){3}\\d{1,3}|[0-9a-f:]{3,45})(?:\\s+(\\S{1,100}))?`,
);
const UPDATING = new RegExp(`Updating instance \\S{1,80}: ([a-z][\\w-]{0,80}/${UUID})`);
const TIMED_OUT = /Timed out (?:sending '\w{1,40}' to|pinging(?: to)?) \S{1,60} after \d{1,5} seconds/;

/** Output of `bosh vms` (`bosh instances`) and of a deployment that times out. */
export default defineSideFileReader<BoshInstance>({
  kind: 'BOSH instances',
  text: { words: { outputOf: ['bosh vms'] }, read: readInstances },
  names: {
    rank: 'host',
    nameOf: (address, instances) => shortName(instances.find((one) => one.address === address)?.name ?? null),
  },
  usedBy: ['silk.cell-unresponsive'],
});

/** Empty where no line is one of BOSH's. */
function readInstances({ file, lines }: TextFile): BoshInstance[] {
  const found: BoshInstance[] = [];
  let updating: string | null = null;
  for (const { text, number } of lines) {
    if (found.length >= INSTANCES_MAX) break;
    const origin = { file, place: `line ${number}` };
    updating = UPDATING.exec(text)?.[1] ?? updating;
    const [, name, state, address, machine = null] = ROW.exec(text.trim()) ?? [];
    if (name !== undefined) {
      found.push({ origin, name, state, address: canonicalAddress(address), machine });
    } else if (updating !== null && TIMED_OUT.test(text) && !found.some((one) => one.name === updating)) {
      found.push({ origin, name: updating, state: 'timed out', address: null, machine: null });
    }
  }
  return found;
}

const ID_SHOWN = 8;

/** `diego-cell/4abb639b`: as people write it. */
export function shortName(name: string | null): string | null {
  if (name === null) return null;
  const [job, id = ''] = name.split('/');
  return `${job}/${id.slice(0, ID_SHOWN)}`;
}
