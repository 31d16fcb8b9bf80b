import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SAMPLE, sampleOf } from '../../test/sampling.js';
import type { Report } from '../report/report.js';
import { addressBytes } from '../wire/address-bytes.js';
import { rewriterFor, runAnonymize } from './anonymize.js';
import { analyze } from './run-analysis.js';

const captures = resolve(import.meta.dirname, '../../captures');
const folder = mkdtempSync(join(tmpdir(), 'capan-anonymize-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = 'a key of the test';
const IN_SAMPLE = 4;

/**
 * What is not kept: contents of SCION, ZooKeeper and Cassandra, what VPP writes around packets, drops and damage of the file,
 * bodies of HTTP, packets of protocols that nobody reads, the random bytes of OpenVPN with a static key.
 */
const NOT_KEPT =
  /^(scion|time-capture-clock|vpp|zk|cassandra|app-slow|capture-(kernel-drops|truncated|undissected)|bgp-route-flap|tcp-dropped|underlay-wrong-source|silk-unknown|openvpn-(tls-auth|static-key))/;

async function anonymized(name: string): Promise<string> {
  const output = join(folder, `${name}.pcapng`);
  const terminal = { color: false, columns: null, write: async () => {}, message: () => {}, progress: null };
  const options = { captures: [join(captures, name)], output, key: KEY, quiet: true };
  await runAnonymize(options, terminal, new AbortController().signal);
  return output;
}

/** The report without words, under the names of the key. */
function shapeOf({ findings, tunnels }: Report, rename: (address: string) => string): string[] {
  return [
    ...findings.map(({ id, severity, confidence, evidence, counts }) =>
      [severity, id, confidence, evidence.map(({ frame }) => frame).join(','), JSON.stringify(counts)].join(
        ' ',
      ),
    ),
    ...tunnels.map(({ kind, state, endpoints, directions }) =>
      [
        kind,
        state,
        endpoints.map(rename).sort().join(),
        directions
          .map(({ packets }) => packets)
          .sort()
          .join(),
      ].join(' '),
    ),
  ].sort();
}

function renamedBy(key: string): (address: string) => string {
  const { names } = rewriterFor(key);
  return (address) => {
    const bytes = addressBytes(address);
    return bytes === null || bytes.length !== 4 ? address : [...names.address(bytes)].join('.');
  };
}

describe('anonymize', () => {
  const names = readdirSync(captures).filter((name) => /\.pcap(ng)?$/.test(name) && !NOT_KEPT.test(name));

  it.each(sampleOf(names, IN_SAMPLE, 'anonymize'))(
    `%s: the report is the same up to the names (${SAMPLE})`,
    async (name) => {
      const before = await analyze([join(captures, name)], { threads: 0 });
      const after = await analyze([await anonymized(name)], { threads: 0 });
      const rename = renamedBy(KEY);
      const isIpv6 = before.tunnels.some(({ endpoints }) => endpoints.some((end) => end.includes(':')));
      const same = (address: string): string => (isIpv6 ? '' : address);
      expect(shapeOf(after, same)).toEqual(shapeOf(before, (address) => (isIpv6 ? '' : rename(address))));
    },
  );

  it.each(['dhcp-mtu.pcap', 'vxlan-no-return.pcap', 'mtu-frag-needed.pcap', 'scion-current-healthy.pcap'])(
    '%s: no address of a host is left',
    async (name) => {
      const report = await analyze([join(captures, name)], { threads: 0 });
      const bytes = readFileSync(await anonymized(name));
      const rename = renamedBy(KEY);
      const hosts = new Set(report.tunnels.flatMap(({ endpoints }) => endpoints).concat('192.0.2.1'));
      for (const host of hosts) {
        const old = addressBytes(host);
        if (old === null || rename(host) === host) continue;
        expect(bytes.includes(Buffer.from(old)), host).toBe(false);
      }
    },
  );

  it('names of hosts are gone', async () => {
    const original = readFileSync(join(captures, 'dns-healthy.pcap')).toString('latin1');
    const bytes = readFileSync(await anonymized('dns-healthy.pcap')).toString('latin1');
    expect(original).toContain('example');
    expect(bytes).not.toContain('example');
  });
});
