import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, type TextLine, withoutPrompt } from '../../../src/side-files/text-file.js';

/** What the machine of a SCIONLab AS lacks, or has, by the outputs of its set-up. */
export interface SetupStatement {
  readonly origin: Origin;
  readonly what: 'archive' | 'sockets' | 'vagrant-version' | 'forwarded-port';
  readonly isWell: boolean;
  /** The file, directory, version, port or number that matters; empty where all is well. */
  readonly detail: string;
}

/** Files by which a listing is known as that of a configuration archive, and those that it must have. */
const ARCHIVE_MARK = /^(?:scion\.service|scion-viz\.service|scionupgrade\.\w{1,10}|run\.sh)$/;
const ARCHIVE_NEEDS = ['client.conf', 'gen', 'Vagrantfile'];
const ARCHIVE_LINES = 12;
const LISTING = /^(?:ll|ls(?: -\S{1,10})*) (?:\S{0,100}\/)?(?:run|dev)\/shm\/?(sciond|dispatcher)?\/?$/;
const ENTRY = /^[-dlsp][rwxtsST-]{9}[.+]? .*\s(\S{1,100})$/;
const NO_SUCH =
  /^ls: cannot access '?(\S{0,80}?(?:run|dev)\/shm\/(?:sciond|dispatcher)\S{0,20}?)'?: No such file/;
const VAGRANT = /^Vagrant (\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?$/;
const VAGRANT_MIN: readonly [number, number] = [1, 9];
const COLLISION = /The forwarded port to (\d{1,5}) is already in use/;
const LISTING_LINES = 40;

/** Outputs of setting up a SCIONLab machine: the listing of the archive, vagrant, and the sockets in /run/shm. */
export default defineSideFileReader<SetupStatement>({
  kind: 'SCIONLab set-up',
  text: { words: { outputOf: ['vagrant up', 'ls /run/shm/sciond'] }, read: readSetup },
  commands: ['ll', 'tar'],
  usedBy: ['scion.setup-incomplete'],
});

/** Empty where nothing of it is there. */
function readSetup({ file, lines }: TextFile): SetupStatement[] {
  return lines.flatMap((line, index): SetupStatement[] => {
    const origin = { file, place: `line ${line.number}` };
    const text = line.text.trim();
    const command = withoutPrompt(line.text).trim();
    const missing = NO_SUCH.exec(text)?.[1];
    if (missing !== undefined) return [{ origin, what: 'sockets', isWell: false, detail: missing }];
    const port = COLLISION.exec(text)?.[1];
    if (port !== undefined) return [{ origin, what: 'forwarded-port', isWell: false, detail: port }];
    const [, major, minor] = VAGRANT.exec(text) ?? [];
    if (major !== undefined) {
      const [wanted, least] = VAGRANT_MIN;
      const isWell = Number(major) > wanted || (Number(major) === wanted && Number(minor) >= least);
      return [{ origin, what: 'vagrant-version', isWell, detail: `${major}.${minor}` }];
    }
    const listed = LISTING.exec(command);
    if (listed !== null) return ofListing(origin, listed[1] ?? null, lines.slice(index + 1));
    return command === 'ls' ? ofArchive(origin, lines.slice(index + 1)) : [];
  });
}

/** A listing of /run/shm must have both directories, one of a directory its socket. */
function ofListing(origin: Origin, directory: string | null, after: readonly TextLine[]): SetupStatement[] {
  const names = new Set<string>();
  let isListing = false;
  for (const { text } of after.slice(0, LISTING_LINES)) {
    const name = ENTRY.exec(text.trim())?.[1];
    if (name !== undefined) names.add(name.replace(/[/=*@]$/, ''));
    else if (!/^total \d/.test(text.trim())) break;
    isListing = true;
  }
  if (!isListing) return [];
  const needed = directory === null ? ['sciond', 'dispatcher'] : ['default.sock'];
  const lacking = needed.filter((name) => !names.has(name));
  const detail = lacking
    .map((name) => `/run/shm/${directory === null ? '' : `${directory}/`}${name}`)
    .join(', ');
  return [{ origin, what: 'sockets', isWell: lacking.length === 0, detail }];
}

function ofArchive(origin: Origin, after: readonly TextLine[]): SetupStatement[] {
  const names = new Set<string>();
  for (const { text } of after.slice(0, ARCHIVE_LINES)) {
    if (/[$#>] /.test(text)) break;
    for (const name of text.trim().split(/\s+/)) names.add(name.replace(/[/*]$/, ''));
  }
  if (![...names].some((name) => ARCHIVE_MARK.test(name))) return [];
  const lacking = ARCHIVE_NEEDS.filter((name) => !names.has(name));
  return [{ origin, what: 'archive', isWell: lacking.length === 0, detail: lacking.join(', ') }];
}
