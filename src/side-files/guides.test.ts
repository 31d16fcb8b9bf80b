import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemPeer } from './ntpq.js';
import { readInto } from './read-side-files.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from './side-knowledge.js';

/* The outputs that the troubleshooting guides show, read from the guides themselves. */

const folder = resolve(import.meta.dirname, '../../../shared/guides');

function guide(number: string): string {
  const name = readdirSync(folder).find((file) => file.startsWith(number)) ?? '';
  return readFileSync(join(folder, name), 'utf8');
}

function read(content: string): SideKnowledge {
  const knowledge = { ...NO_SIDE_KNOWLEDGE };
  readInto(knowledge, 'guide', content, null, []);
  return knowledge;
}

/** The code block that holds `text`. */
function blockWith(content: string, text: string): string {
  const block = content.split(/^```.*$/m).find((part) => part.includes(text));
  expect(block, `block with ${text}`).toBeDefined();
  return block ?? '';
}

describe.skipIf(!existsSync(folder))('outputs in the guides (skipped where ../shared is missing)', () => {
  it('SCIONLab: topology behind a prompt, ip a, and the end of tcpdump', () => {
    const text = guide('000');
    const { scion } = read(blockWith(text, '"BorderRouters"'));
    expect(scion).toMatchObject([
      {
        isdAs: '17-ffaa:1:64',
        mtu: 1472,
        links: [{ local: { host: '10.0.8.8', port: 50_000 }, remote: { host: '10.0.8.1', port: 50_202 } }],
      },
    ]);
    const { links } = read(blockWith(text, 'enp0s3'));
    expect(links.map(({ name, addresses }) => [name, addresses[0]?.address])).toEqual([
      ['lo', '127.0.0.1'],
      ['enp0s3', '10.0.2.15'],
      ['tun0', '10.0.8.8'],
    ]);
    expect(read(blockWith(text, 'packets captured')).captureTallies).toMatchObject([
      { captured: 32, received: 32, dropped: 0 },
    ]);
  });

  it('Cloud Foundry: the VXLAN device, tags and stores', () => {
    const text = guide('001');
    expect(read(blockWith(text, 'vxlan id 1')).links).toMatchObject([
      { name: 'silk-vtep', mtu: 1410, tunnel: { key: 1, local: '10.0.32.15', hasGroupPolicy: true } },
    ]);
    const group = '1ee630fd-528a-4d80-97cd-dea170be759d';
    expect(read(blockWith(text, '"tags"')).policyTags?.byTag.get(3)?.group).toBe(group);
    expect(read(blockWith(text, '53069156')).containers).toMatchObject([
      { address: '10.255.82.67', policyGroup: group },
    ]);
    expect(read(blockWith(text, '9bce657c')).containers).toHaveLength(2);
  });

  it('openswan: the SPIs of the last line', () => {
    const sas = read(guide('003')).ikeLogs.flatMap((log) => log.sas);
    expect(sas.length).toBeGreaterThan(0);
    for (const sa of sas)
      expect(sa).toMatchObject({ outboundSpi: 0xaa6f_a19a, inboundSpi: 0xa2f3_b68d, nat: null });
  });

  it('MidoNet: zones, counters, flows and BGP, all in one paste', () => {
    const side = read(guide('004'));
    expect(side.tunnelZones[0]?.members.map(({ address, isAlive }) => [address, isAlive])).toEqual([
      ['192.168.0.1', true],
      ['192.168.0.2', false],
      ['192.168.0.3', true],
      ['192.168.0.4', true],
    ]);
    const ports = side.datapaths.flatMap((datapath) => datapath.ports);
    expect(ports.find(({ name }) => name === 'tngre-overlay')).toMatchObject({
      receivedPackets: 508_157_678,
      sentPackets: 398_704_120,
    });
    expect(ports.find(({ number }) => number === 5)).toMatchObject({
      name: 'tap19ccc069-f1',
      sentPackets: 54_640,
    });
    expect(side.datapathFlows[0]).toMatchObject({
      tunnel: { key: 4360, source: '10.11.0.16', destination: '10.11.0.15' },
      destinationPort: 56_975,
      outputs: [21],
    });
    expect(side.bgp).toMatchObject([
      {
        as: 65_535,
        neighbours: [{ address: '192.168.107.30', remoteAs: 65_534, keepaliveSeconds: 5, holdSeconds: 15 }],
      },
    ]);
    for (const table of side.ntpq) expect(systemPeer(table)?.remote ?? '').not.toBe('');
  });
});
