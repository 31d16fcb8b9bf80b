import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import ipLink, { type HostLink } from '../dissectors/host/side-files/ip-link.js';
import { catalogue } from '../dissectors/index.js';
import { type FlowIdentity, KnownProtocols, protocolsOfCatalogue } from '../src/correlate/known-protocols.js';
import { CollectedKnowledge } from '../src/side-files/side-knowledge.js';
import { statedPorts } from '../src/side-files/stated-ports.js';
import { PROTOCOL_ESP, PROTOCOL_GRE, PROTOCOL_TCP, PROTOCOL_UDP } from '../src/wire/ip.js';

const root = resolve(import.meta.dirname, '..');
const protocols = protocolsOfCatalogue(catalogue);
const udp = (portOfA: number, portOfB: number): FlowIdentity => ({
  protocol: PROTOCOL_UDP,
  portOfA,
  portOfB,
});
const tcp = (portOfA: number, portOfB: number): FlowIdentity => ({
  protocol: PROTOCOL_TCP,
  portOfA,
  portOfB,
});
const overIp = (protocol: number): FlowIdentity => ({ protocol, portOfA: 0, portOfB: 0 });

describe('what the catalogue knows of protocols', () => {
  it('tells tunnels and their control from other flows', () => {
    for (const port of [500, 4500, 1194, 4789, 4790, 8472, 6677, 6081, 1701, 2152, 6635, 51_820])
      expect(protocols.isTunnel(udp(40_000, port)), `UDP ${port}`).toBe(true);
    for (const number of [4, 41, 47, 50, 51, 97, 115, 137])
      expect(protocols.isTunnel(overIp(number)), `IP protocol ${number}`).toBe(true);
    expect(protocols.isTunnel(tcp(40_000, 1194))).toBe(true);
    for (const port of [53, 123, 3784, 50_000]) expect(protocols.isTunnel(udp(port, port))).toBe(false);
    expect(protocols.isTunnel(tcp(40_000, 4789))).toBe(false);
  });

  it('takes the word of the content where the ports tell nothing', () => {
    for (const recognisedAs of ['openvpn', 'vxlan', 'scion', 'isakmp'])
      expect(protocols.isTunnel({ ...udp(40_000, 9999), recognisedAs }), recognisedAs).toBe(true);
    expect(protocols.carries({ ...udp(40_000, 9999), recognisedAs: 'isakmp' }, 'ipsec')).toBe(false);
    expect(protocols.isTunnel({ ...udp(40_000, 9999), recognisedAs: null })).toBe(false);
  });

  it('takes further ports from what the operator gives beside the captures', () => {
    const link: HostLink = {
      origin: { file: 'links.txt', place: 'line 1' },
      name: 'vx0',
      flags: [],
      mtu: 1450,
      mac: null,
      addresses: [],
      tunnel: {
        kind: 'vxlan',
        key: 7,
        local: null,
        remote: null,
        destinationPort: 14_789,
        hasGroupPolicy: false,
      },
    };
    const side = new CollectedKnowledge().add(ipLink, [link]);
    expect(statedPorts(side)).toEqual([{ tunnel: 'vxlan', port: 14_789 }]);
    const known = protocols.withPorts(statedPorts(side));
    expect(protocols.isTunnel(udp(40_000, 14_789))).toBe(false);
    expect(known.carries(udp(40_000, 14_789), 'vxlan')).toBe(true);
    expect(known.carries(udp(40_000, 4789), 'vxlan')).toBe(true);
    expect(known.carries(udp(40_000, 4790), 'vxlan')).toBe(true);
    expect(known.portsOf('vxlan-gpe')).toEqual(protocols.portsOf('vxlan-gpe'));
    const refused = { ...udp(40_000, 14_789), refused: 'port' } as const;
    expect(known.judgeOf(refused)).toBe('vxlan.port-mismatch');
    // Nothing new, and a kind that runs right behind IP.
    expect(protocols.withPorts([{ tunnel: 'vxlan', port: 8472 }])).toBe(protocols);
    expect(protocols.withPorts([{ tunnel: 'ipip', port: 9999 }]).isTunnel(udp(1, 9999))).toBe(false);
  });

  it('has one answer to what a kind of tunnel looks like', () => {
    expect(protocols.carries(udp(40_000, 4500), 'ipsec')).toBe(true);
    expect(protocols.carries(overIp(PROTOCOL_ESP), 'ipsec')).toBe(true);
    expect(protocols.carriesReadable(overIp(PROTOCOL_ESP))).toBe(false);
    expect(protocols.carriesReadable(overIp(PROTOCOL_GRE))).toBe(true);
    expect(protocols.concernsTunnel(udp(49_152, 3784))).toBe(true);
    const ports = protocols.classesOf('vxlan').flatMap((one) => one.ports);
    expect([...ports].sort((a, b) => a - b)).toEqual([4789, 4790, 6677, 8472]);
    expect(protocols.classesOf('scion')).toEqual([{ protocol: PROTOCOL_UDP, ports: [] }]);
  });

  it('gives a refusal to one judge, by the side on which the port stands', () => {
    const judge = (flow: FlowIdentity): string | null => protocols.judgeOf({ ...flow, refused: 'port' });
    expect(judge(udp(40_000, 500))).toBe('ike.port-unreachable');
    expect(judge(udp(500, 40_000))).toBeNull();
    expect(judge(udp(4500, 1024))).toBeNull();
    expect(judge(udp(1194, 40_000))).toBe('openvpn.port-unreachable');
    for (const port of [4789, 4790, 8472, 6677]) {
      expect(judge(udp(40_000, port))).toBe('vxlan.port-mismatch');
      expect(judge(udp(port, 40_000))).toBeNull();
    }
    expect(judge({ ...udp(40_000, 9999), recognisedAs: 'vxlan' })).toBe('vxlan.port-mismatch');
    expect(judge(udp(40_000, 6081))).toBeNull();
    expect(judge(overIp(PROTOCOL_ESP))).toBeNull();
    expect(judge(overIp(PROTOCOL_GRE))).toBe('gre.proto-unreachable');
    expect(protocols.judgeOf({ ...overIp(PROTOCOL_ESP), refused: 'protocol' })).toBe('esp.proto-unreachable');
  });

  it('names judges that exist, in the folder that declares them or one of the same tunnel', () => {
    const ids = new Set(catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id)));
    const judges = catalogue.flatMap(({ roles = [] }) => roles.flatMap(({ refusals }) => refusals?.by ?? []));
    expect(judges.length).toBeGreaterThan(4);
    expect(judges.filter((id) => !ids.has(id))).toEqual([]);
  });

  it('lets a folder of its own go before a mention elsewhere', () => {
    const mention = {
      protocol: 'other',
      title: 'Others',
      roles: [{ protocol: 'mine', name: 'Old', udpPorts: [7] }],
    };
    const own = { protocol: 'mine', title: 'Mine', roles: [{ name: 'New', carries: 'mine' }] };
    const carriedBy = { udpPort: [8] };
    for (const order of [
      [mention, { ...own, dissector: { carriedBy } }],
      [{ ...own, dissector: { carriedBy } }, mention],
    ]) {
      const known = new KnownProtocols(order);
      expect(known.named('mine')?.name).toBe('New');
      expect(known.portsOf('mine')).toEqual([8]);
      expect(known.isTunnel(udp(40_000, 7))).toBe(false);
    }
  });
});

describe('ports of tunnels', () => {
  it('stand in the folder of their protocol alone', () => {
    const declaring =
      /(^|\/)(roles|layout)\.ts$|\/dissector\.ts$|^src\/wire\/transport\.ts$|^src\/correlate\/capture-filter\.ts$/;
    const port = /(?<![\w.])(1701|2152|3784|4500|4789|4790|6081|6635|6677|8472|1194|51_?820)(?![\w.])/;
    const files = ['src', 'dissectors'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((file) => `${folder}/${file}`)
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !declaring.test(file)),
    );
    const offenders = files.filter((file) => port.test(codeOf(readFileSync(join(root, file), 'utf8'))));
    expect(files.length).toBeGreaterThan(300);
    expect(offenders).toEqual([]);
  });
});

/** Without comments and the text of strings, which may name ports. */
function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, "''");
}
