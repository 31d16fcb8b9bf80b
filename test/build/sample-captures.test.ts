import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SAMPLE_CAPTURES } from '../../captures/cases/all.js';
import { expectationsOf, readmeOf } from '../../captures/cases/describe.js';
import { SAMPLE, sampleOf } from '../sampling.js';
import { MALFORMED, TSHARK_RUNS, tsharkFields, tsharkMissing } from './tshark.js';

const FOLDER = new URL('../../captures/', import.meta.url);
const SIZE_MAX = 96 * 1024;
const CAPTURES_IN_SAMPLE = 10;
const REMAKE = 'run `npx tsx captures/make.ts`';

/** Display filters of frames that tshark rightly complains about: they are what the capture is there to show. */
const MEANT_TO_BE_WRONG: Readonly<Record<string, string>> = {
  // A sending host with offload shows checksums that its network card fills in later.
  'capture-offload.pcap': 'tcp',
  'capture-offload-ethtool.pcap': 'tcp',
  'packet-checksum-offload-healthy.pcap': 'udp.checksum.status == 0',
  'packet-bad-checksum.pcap': 'udp.checksum.status == 0',
  'packet-corrupted.pcap': 'udp.checksum.status == 0',
  // IKE where ESP is expected: tshark reads the body as IKE and runs out of bytes.
  'natt-marker-missing.pcap': 'isakmp',
  // With a static key there is no opcode, and tshark reads one in random bytes.
  'openvpn-static-key-healthy.pcap': 'openvpn',
  'openvpn-static-key-one-way.pcap': 'openvpn',
  'openvpn-static-key-stops-ipv6.pcap': 'openvpn',
  'openvpn-static-key-tcp.pcap': 'openvpn',
  // Payloads without meaning on a port that tshark takes for HTTP.
  'underlay-port-bucket-loss.pcap': 'http',
};

describe('sample captures', () => {
  it.each(SAMPLE_CAPTURES)('$file is what its case writes', ({ file, write }) => {
    const bytes = write();
    expect(bytes.length).toBeLessThanOrEqual(SIZE_MAX);
    expect(Buffer.compare(bytes, write()), 'two runs differ').toBe(0);
    const url = new URL(file, FOLDER);
    expect(existsSync(url), REMAKE).toBe(true);
    expect(Buffer.compare(bytes, readFileSync(url)), REMAKE).toBe(0);
  });

  it('side files are what their cases say, and none stands there without one', () => {
    const described = SAMPLE_CAPTURES.flatMap(({ sideFiles = {} }) => Object.values(sideFiles).flat());
    for (const { file, content } of described) {
      expect(readFileSync(new URL(`side-files/${file}`, FOLDER), 'utf8'), REMAKE).toBe(content);
    }
    const names = new Set(described.map(({ file }) => file));
    expect(readdirSync(new URL('side-files/', FOLDER)).filter((name) => !names.has(name))).toEqual([]);
  });

  it('README.md and expect.json are current, and no capture stands there without a case', () => {
    expect(readFileSync(new URL('README.md', FOLDER), 'utf8'), REMAKE).toBe(readmeOf(SAMPLE_CAPTURES));
    expect(readFileSync(new URL('expect.json', FOLDER), 'utf8'), REMAKE).toBe(
      expectationsOf(SAMPLE_CAPTURES),
    );
    const described = new Set(SAMPLE_CAPTURES.map(({ file }) => file));
    const orphans = readdirSync(FOLDER).filter(
      (name) => /\.(pcap(ng)?|txt)$/.test(name) && !described.has(name),
    );
    expect(orphans).toEqual([]);
  });
});

describe.skipIf(tsharkMissing)(
  `sample captures as tshark dissects them (${tsharkMissing ?? 'installed'}; ${SAMPLE})`,
  TSHARK_RUNS,
  () => {
    const captures = SAMPLE_CAPTURES.filter(({ file }) => !file.endsWith('.txt'));
    it.each(sampleOf(captures, CAPTURES_IN_SAMPLE, 'tshark', ({ file }) => file))(
      '$file has no malformed packet and no wrong checksum',
      ({ file, write }) => {
        const meant = MEANT_TO_BE_WRONG[file];
        const filter = meant ? `(${MALFORMED}) && !(${meant})` : MALFORMED;
        // tshark ends with an error where the file ends inside a record.
        const bytes = file === 'capture-truncated.pcap' ? wholeRecords(write()) : write();
        expect(tsharkFields(bytes, ['frame.number', 'frame.protocols'], filter)).toEqual([]);
      },
    );
  },
);

/** A little-endian pcap file up to its last whole record. */
function wholeRecords(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let end = 24;
  while (end + 16 <= file.length && end + 16 + view.getUint32(end + 8, true) <= file.length) {
    end += 16 + view.getUint32(end + 8, true);
  }
  return file.subarray(0, end);
}
