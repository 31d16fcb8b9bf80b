import { isIP } from 'node:net';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

export interface NtpqPeer {
  readonly origin: Origin;
  /** `*` system peer, `+` candidate, `o` PPS peer, `-` outlier, `x` falseticker, `#` spare, `.` excess, blank rejected. */
  readonly tally: string;
  readonly remote: string;
  readonly referenceId: string;
  readonly stratum: number;
  /** Seconds between polls. */
  readonly pollSeconds: number;
  /** The last eight polls as bits, the latest lowest: 255 (octal 377) where all were answered. */
  readonly reach: number;
  /** Server minus host. */
  readonly offsetMs: number;
}

export interface NtpqTable {
  readonly file: string;
  readonly peers: readonly NtpqPeer[];
}

const NUMBER = '(-?\\d{1,9}(?:\\.\\d{1,9})?)';
const PEER = new RegExp(
  `^([*+o#x.\\- ])?\\s*([0-9a-zA-Z.:_-]{1,64})\\s+([.0-9a-zA-Z:_-]{1,40})\\s+(\\d{1,2})\\s+([ulbmsanAp-])\\s+(\\S{1,6})\\s+(\\d{1,6})\\s+([0-7]{1,3})\\s+${NUMBER}\\s+${NUMBER}\\s+${NUMBER}$`,
);

/** Output of `ntpq -pn`: the time servers of one host as its daemon sees them. */
export default defineSideFileReader<NtpqTable>({
  kind: 'ntpq',
  text: { words: { outputOf: ['ntpq -pn'] }, read: readNtpq },
  statements: ({ peers }) => peers.length,
  usedBy: ['time.ntp-unsynchronised', 'time.ntp-offset', 'time.ntp-no-response'],
});

/** One table a file; empty where no line is one of it. */
function readNtpq({ file, lines }: TextFile): NtpqTable[] {
  const peers = lines.flatMap(({ text, number }): NtpqPeer[] => {
    const parts = PEER.exec(
      text
        .replaceAll('|', ' ')
        .replace(/^\s*([*+o#x.-]?)\s*/, '$1')
        .trimEnd(),
    );
    if (parts === null) return [];
    const [, mark = ' ', name, referenceId, stratum, , , poll, reach, , offset] = parts;
    // The letters among the marks may as well begin a host name.
    const isName = /[ox]/.test(mark) && isIP(name) === 0;
    const [tally, remote] = isName ? [' ', mark + name] : [mark, name];
    return [
      {
        origin: { file, place: `line ${number}` },
        tally,
        remote,
        referenceId,
        stratum: Number(stratum),
        pollSeconds: Number(poll),
        reach: Number.parseInt(reach, 8),
        offsetMs: Number(offset),
      },
    ];
  });
  return peers.length === 0 ? [] : [{ file, peers }];
}

/** The server that the daemon follows, or null: then the host is not synchronised. */
export function systemPeer({ peers }: NtpqTable): NtpqPeer | null {
  return peers.find(({ tally }) => tally === '*' || tally === 'o') ?? null;
}
