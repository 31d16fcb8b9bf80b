import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** What `ethtool` says of a network card. */
export interface EthernetSettings {
  readonly origin: Origin;
  readonly link: string;
  /** Null where the output does not say. */
  readonly isLinkDetected: boolean | null;
  readonly isHalfDuplex: boolean;
  /** Features of `ethtool -k` that concern captures: what the card computes, cuts or joins; on or off. */
  readonly offloads: ReadonlyMap<string, boolean>;
}

const HEAD = /^(?:Settings for|Features for|Offload parameters for) (\S{1,64}):$/;
const LINK = /^\s*Link detected: (yes|no)\b/;
const DUPLEX = /^\s*Duplex: (\w{1,16})/;
const FEATURE = /^\s*([a-z0-9-]{2,40}): (on|off)\b/;
const CAPTURED = new Set([
  'tx-checksumming',
  'tcp-segmentation-offload',
  'generic-segmentation-offload',
  'generic-receive-offload',
  'large-receive-offload',
]);

/** Output of `ethtool DEVICE` and of `ethtool -k DEVICE`. */
export default defineSideFileReader<EthernetSettings>({
  kind: 'ethtool',
  text: { words: { outputOf: ['ethtool', 'ethtool -k'] }, read: readSettings },
  usedBy: ['host.link-down', 'host.link-errors', 'capture.offload'],
});

/** Empty where no line names a card. */
function readSettings({ file, lines }: TextFile): EthernetSettings[] {
  const heads = lines.flatMap(({ text }, index) => (HEAD.test(text) ? [index] : []));
  return heads.map((start, index) => {
    const block = lines.slice(start + 1, heads[index + 1]).map(({ text }) => text);
    const first = (pattern: RegExp): string | null => {
      for (const text of block) {
        const found = pattern.exec(text)?.[1];
        if (found !== undefined) return found;
      }
      return null;
    };
    const detected = first(LINK);
    const offloads = new Map<string, boolean>();
    for (const text of block) {
      const [, name, state] = FEATURE.exec(text) ?? [];
      if (name !== undefined && CAPTURED.has(name)) offloads.set(name, state === 'on');
    }
    return {
      origin: { file, place: `line ${lines[start].number}` },
      link: HEAD.exec(lines[start].text)?.[1] ?? '',
      isLinkDetected: detected === null ? null : detected === 'yes',
      isHalfDuplex: first(DUPLEX)?.toLowerCase() === 'half',
      offloads,
    };
  });
}
