import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Finding } from '../../src/report/report.js';

const captures = resolve(import.meta.dirname, '../../captures');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-host-filter-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function findingsWith(capture: string, listing: string): Promise<readonly Finding[]> {
  const log = join(folder, 'iptables.txt');
  writeFileSync(log, listing);
  const { findings } = await analyze([join(captures, capture)], { sideFiles: { log: [log] }, threads: 0 });
  return findings;
}

const dropping = (match: string) => `-P INPUT ACCEPT\n-A INPUT ${match} -j DROP\n`;

describe('a rule that drops what packets show unanswered', () => {
  it.each([
    ['host-filter-vxlan.pcap', 'vxlan.no-return', '-p udp -m udp --dport 4789', '-p udp --dport 4789'],
    ['ike-no-response.pcap', 'ike.no-response', '-p udp -m udp --dport 500', '-p udp --dport 500'],
    ['ike-4500-blocked.pcap', 'ike.natt-4500-blocked', '-p udp -m udp --dport 4500', '-p udp --dport 4500'],
    ['openvpn-no-response.pcap', 'openvpn.no-response', '-p udp -m udp --dport 1194', '-p udp --dport 1194'],
    ['gre-no-return.pcap', 'gre.no-return', '-p gre', '-p gre'],
    ['esp-one-way.pcap', 'esp.one-way-spi', '-p esp', '-p esp'],
  ])('%s: %s leads with the rule as its cause', async (capture, id, match, command) => {
    const findings = await findingsWith(capture, dropping(match));
    const leader = findings.find((one) => one.id === id);
    expect(leader?.causedBy).toBeUndefined();
    expect(leader?.causes[0]).toMatch(/^The rule ".*" \(iptables\.txt, line 2\) in chain INPUT drops /);
    expect(leader?.nextSteps[0]).toContain(`iptables -I INPUT ${command} -j ACCEPT`);
    const stated = findings.filter((one) => one.id === 'underlay.host-filter');
    expect(stated.map(({ restatementOf }) => restatementOf)).toEqual([leader?.key]);
  });

  it('leaves no other cause where it counted the packets', async () => {
    const counted =
      'Chain INPUT (policy ACCEPT 0 packets, 0 bytes)\n pkts bytes target     prot opt in     out     source               destination\n' +
      '   18  1764 DROP       udp  --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:4789\n';
    const [leader] = await findingsWith('host-filter-vxlan.pcap', counted);
    expect(leader).toMatchObject({ id: 'vxlan.no-return', confidence: 'high', where: 'receiver' });
    expect(leader.causes).toHaveLength(1);
  });

  it('speaks for itself where it concerns another port than the packets show unanswered', async () => {
    const findings = await findingsWith('ike-no-response.pcap', dropping('-p udp -m udp --dport 4789'));
    const ike = findings.find(({ id }) => id === 'ike.no-response');
    expect(ike?.causes.join()).not.toContain('iptables.txt');
    expect(findings.find(({ id }) => id === 'underlay.host-filter')).toMatchObject({ severity: 'info' });
  });
});
