import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Report } from '../report/report.js';
import type { PartRequest } from './part-options.js';
import { partRequest } from './part-options.js';
import { analyze } from './run-analysis.js';

const folder = resolve(import.meta.dirname, '../../captures');
const file = (name: string): string => join(folder, name);

function part(options: Readonly<Record<string, string>>): PartRequest {
  const request = partRequest(options);
  if (request === undefined) throw new Error('no part');
  return request;
}

function look(name: string, options: Readonly<Record<string, string>>): Promise<Report> {
  return analyze([file(name)], { threads: 0, part: part(options) });
}

function idsOf({ findings }: Report): string[] {
  return findings.map(({ id }) => id);
}

describe('a part of the input', () => {
  it('a host inside VXLAN is found by its own address, at every layer', async () => {
    const report = await look('vxlan-no-return.pcap', { filter: 'host 10.255.82.67' });
    expect(report.part?.frames).toBeGreaterThan(0);
    expect(report.part?.leftOut.byFilter).toBeGreaterThan(0);
    expect(report.tunnels.map(({ kind }) => kind)).toContain('vxlan');
    const other = await look('vxlan-no-return.pcap', { filter: 'not host 10.255.82.67' });
    expect((other.part?.frames ?? 0) + (report.part?.frames ?? 0)).toBe(75);
  });

  it.each([
    ['esp-one-way.pcap', 'src host 192.0.2.1'],
    ['esp-healthy.pcap', 'src host 192.0.2.1'],
    ['dns-healthy.pcap', 'dst port 53'],
    ['gre-healthy.pcap', 'src net 192.0.2.0/24'],
    ['keepalive-healthy.pcap', 'src host 192.0.2.1'],
    ['ike-v1-healthy.pcap', 'src host 192.0.2.1'],
    ['frag-healthy.pcap', 'udp port 500 or udp port 4500'],
    ['bgp-healthy.pcap', 'src host 192.0.2.1'],
    ['openvpn-healthy.pcap', 'src host 192.0.2.1'],
  ])('%s: no alarm because %s left the other side out', async (name, filter) => {
    const whole = await analyze([file(name)], { threads: 0 });
    const known = new Set(idsOf(whole));
    const report = await look(name, { filter });
    const loud = report.findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
    expect(loud.filter((id) => !known.has(id))).toEqual([]);
    if (name === 'esp-one-way.pcap') expect(loud).toEqual([]);
    expect(report.tunnels.filter(({ state }) => state === 'one-way' && filter.startsWith('src'))).toEqual([]);
  });

  it('a tunnel that is silent stays so where only it is looked at', async () => {
    const report = await look('vxlan-no-return.pcap', { tunnel: 'vxlan-1' });
    expect(idsOf(report)).toContain('vxlan.no-return');
    expect(report.part).toMatchObject({ tunnel: 'vxlan-1', leftOut: { byTime: 0 } });
  });

  it('times: from the start, from the end, and as dates', async () => {
    const whole = await analyze([file('esp-one-way.pcap')], { threads: 0 });
    const first = whole.captures[0].firstTime ?? '';
    const begun = await look('esp-one-way.pcap', { from: '+30s' });
    expect(begun.part?.from?.slice(0, 19)).toBe(
      new Date(Date.parse(first) + 30_000).toISOString().slice(0, 19),
    );
    expect(begun.part?.leftOut.byTime).toBeGreaterThan(0);
    const ended = await look('esp-one-way.pcap', { from: '-5m', to: '-2s' });
    expect(ended.part?.leftOut.byTime).toBe(6);
    const dated = await look('esp-one-way.pcap', { to: ended.part?.to ?? '' });
    expect(dated.part?.frames).toBe(ended.part?.frames);
    expect(idsOf(dated)).toEqual(idsOf(ended));
  });

  it('a pipe is kept where its end must be known first', async () => {
    const stream = createReadStream(file('esp-one-way.pcap'));
    const report = await analyze([{ name: 'pipe', stream }], { threads: 0, part: part({ to: '-2s' }) });
    const again = await look('esp-one-way.pcap', { to: '-2s' });
    expect(report.part).toEqual(again.part);
    expect(report.findings).toEqual(again.findings);
  });

  it('is the same for any chunk size', async () => {
    const request = part({ filter: 'esp or icmp', from: '+1s' });
    const one = await analyze([file('esp-one-way.pcap')], { threads: 0, part: request });
    const other = await analyze([file('esp-one-way.pcap')], { threads: 0, part: request, chunkBytes: 4096 });
    expect(other).toEqual(one);
  });

  it.each([
    [{ filter: 'host 10.0.0' }, "--filter 'host 10.0.0': character 6: '10.0.0' is no IPv4 or IPv6 address"],
    [{ tunnel: 'gre-9' }, '--tunnel gre-9: no tunnel of the report has that id; there are ipsec-1'],
    [{ from: '-1s', to: '+1s' }, 'lies behind --to'],
  ])('%j is refused in one line', async (options, words) => {
    await expect(look('esp-one-way.pcap', options)).rejects.toThrow(words);
  });

  it('a time that is none is refused', () => {
    expect(() => part({ from: 'yesterday' })).toThrow('--from needs a time such as');
  });
});
