import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import bgpConfigurations from '../dissectors/bgp/side-files/bgp-configuration.js';
import hostLinks from '../dissectors/host/side-files/ip-link.js';
import { catalogue } from '../dissectors/index.js';
import ikeLogs from '../dissectors/isakmp/side-files/ike-log.js';
import ntpqTables, { systemPeer } from '../dissectors/ntp/side-files/ntpq.js';
import topologies from '../dissectors/scion/side-files/topology.js';
import containerStores from '../dissectors/vxlan/side-files/container-store.js';
import datapaths from '../dissectors/vxlan/side-files/datapath.js';
import datapathFlows from '../dissectors/vxlan/side-files/datapath-flows.js';
import { policyTagsOf } from '../dissectors/vxlan/side-files/policy-tags.js';
import tunnelZones from '../dissectors/vxlan/side-files/tunnel-zone.js';
import { Reading } from '../src/side-files/read-side-files.js';
import type { SideKnowledge } from '../src/side-files/side-knowledge.js';
import tcpdumpSummaries from '../src/side-files/tcpdump-summary.js';

/* The outputs that the troubleshooting guides show, read from the guides themselves. */

const folder = resolve(import.meta.dirname, '../../shared/guides');

function guide(number: string): string {
  const name = readdirSync(folder).find((file) => file.startsWith(number)) ?? '';
  return readFileSync(join(folder, name), 'utf8');
}

const readers = catalogue.flatMap(({ sideFiles = [] }) => sideFiles);

async function read(content: string): Promise<SideKnowledge> {
  const reading = new Reading({ readers, diagnoses: [], tunnelKinds: [] });
  await reading.take('guide', content, null);
  return reading.knowledge;
}

/** The code block that holds `text`. */
function blockWith(content: string, text: string): string {
  const block = content.split(/^```.*$/m).find((part) => part.includes(text));
  expect(block, `block with ${text}`).toBeDefined();
  return block ?? '';
}

describe.skipIf(!existsSync(folder))('outputs in the guides (skipped where ../shared is missing)', () => {
  it('SCIONLab: topology behind a prompt, ip a, and the end of tcpdump', async () => {
    const text = guide('000');
    const scion = await read(blockWith(text, '"BorderRouters"'));
    expect(scion.of(topologies)).toMatchObject([
      {
        isdAs: '17-ffaa:1:64',
        mtu: 1472,
        links: [{ local: { host: '10.0.8.8', port: 50_000 }, remote: { host: '10.0.8.1', port: 50_202 } }],
      },
    ]);
    const links = (await read(blockWith(text, 'enp0s3'))).of(hostLinks);
    expect(links.map(({ name, addresses }) => [name, addresses[0]?.address])).toEqual([
      ['lo', '127.0.0.1'],
      ['enp0s3', '10.0.2.15'],
      ['tun0', '10.0.8.8'],
    ]);
    const summary = await read(blockWith(text, 'packets captured'));
    expect(summary.of(tcpdumpSummaries)).toMatchObject([{ captured: 32, received: 32, dropped: 0 }]);
  });

  it('Cloud Foundry: the VXLAN device, tags and stores', async () => {
    const text = guide('001');
    expect((await read(blockWith(text, 'vxlan id 1'))).of(hostLinks)).toMatchObject([
      { name: 'silk-vtep', mtu: 1410, tunnel: { key: 1, local: '10.0.32.15', hasGroupPolicy: true } },
    ]);
    const group = '1ee630fd-528a-4d80-97cd-dea170be759d';
    const tags = policyTagsOf(await read(blockWith(text, '"tags"')));
    expect(tags?.byTag.get(3)?.group).toBe(group);
    expect((await read(blockWith(text, '53069156'))).of(containerStores)).toMatchObject([
      { address: '10.255.82.67', policyGroup: group },
    ]);
    expect((await read(blockWith(text, '9bce657c'))).of(containerStores)).toHaveLength(2);
  });

  it('openswan: the SPIs of the last line', async () => {
    const sas = (await read(guide('003'))).of(ikeLogs).flatMap((log) => log.sas);
    expect(sas.length).toBeGreaterThan(0);
    for (const sa of sas)
      expect(sa).toMatchObject({ outboundSpi: 0xaa6f_a19a, inboundSpi: 0xa2f3_b68d, nat: null });
  });

  it('MidoNet: zones, counters, flows and BGP, all in one paste', async () => {
    const side = await read(guide('004'));
    expect(side.of(tunnelZones)[0]?.members.map(({ address, isAlive }) => [address, isAlive])).toEqual([
      ['192.168.0.1', true],
      ['192.168.0.2', false],
      ['192.168.0.3', true],
      ['192.168.0.4', true],
    ]);
    const ports = side.of(datapaths).flatMap((datapath) => datapath.ports);
    expect(ports.find(({ name }) => name === 'tngre-overlay')).toMatchObject({
      receivedPackets: 508_157_678,
      sentPackets: 398_704_120,
    });
    expect(ports.find(({ number }) => number === 5)).toMatchObject({
      name: 'tap19ccc069-f1',
      sentPackets: 54_640,
    });
    expect(side.of(datapathFlows)[0]).toMatchObject({
      tunnel: { key: 4360, source: '10.11.0.16', destination: '10.11.0.15' },
      destinationPort: 56_975,
    });
    expect(side.of(bgpConfigurations)).toMatchObject([
      {
        as: 65_535,
        neighbours: [{ address: '192.168.107.30', remoteAs: 65_534, keepaliveSeconds: 5, holdSeconds: 15 }],
      },
    ]);
    for (const table of side.of(ntpqTables)) expect(systemPeer(table)?.remote ?? '').not.toBe('');
  });
});
