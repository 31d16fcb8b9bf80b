import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A host with a MidoNet agent. */
export interface MidonetHost {
  readonly origin: Origin;
  readonly name: string;
  readonly isAlive: boolean;
  readonly addresses: readonly string[];
}

const HOST = /^\s*Host: id=([0-9a-f-]{8,40})/;
const SPAN_LINES = 40;

/** Output of `mm-ctl --list-hosts`. */
export default defineSideFileReader<MidonetHost>({
  kind: 'MidoNet hosts',
  text: { words: { outputOf: ['mm-ctl --list-hosts'] }, read: readHosts },
  usedBy: ['midonet.host-down'],
});

/** Empty where no host is listed. */
function readHosts({ file, lines }: TextFile): MidonetHost[] {
  return lines.flatMap(({ text, number }, index) => {
    const id = HOST.exec(text)?.[1];
    if (id === undefined) return [];
    const following = lines.slice(index, index + SPAN_LINES).map((line) => line.text);
    const next = following.findIndex((line, at) => at > 0 && HOST.test(line));
    const block = following.slice(0, next < 0 ? undefined : next).join(' ');
    const alive = /\bisAlive=(true|false)\b/.exec(block)?.[1];
    if (alive === undefined) return [];
    const addresses = [...block.matchAll(/(?:^|[\s/=])((?:\d{1,3}\.){3}\d{1,3})\b/g)].flatMap(
      ([, address]) => canonicalAddress(address) ?? [],
    );
    return [
      {
        origin: { file, place: `line ${number}` },
        name: /\bname=(\S{1,255})/.exec(block)?.[1] ?? id,
        isAlive: alive === 'true',
        addresses: addresses.filter((one) => !one.startsWith('127.')),
      },
    ];
  });
}
