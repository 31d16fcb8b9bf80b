import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../../dissectors/index.js';
import ikeLogs from '../../dissectors/isakmp/side-files/ike-log.js';
import topologies from '../../dissectors/scion/side-files/topology.js';
import containerStores from '../../dissectors/vxlan/side-files/container-store.js';
import policyTags from '../../dissectors/vxlan/side-files/policy-tags.js';
import { sideSummary } from './in-report.js';
import { nameOf } from './names.js';
import { Reading, readSideFiles } from './read-side-files.js';
import { SideFileError } from './side-file-error.js';
import type { SideKnowledge } from './side-knowledge.js';

const DIAGNOSES = [
  {
    id: 'dns.slow',
    thresholds: {
      slow: { value: 100, unit: 'ms', why: 'x', adjustable: true as const },
      fixed: { value: 3, unit: 'answers', why: 'x' },
    },
  },
  { id: 'dns.timeout', thresholds: {} },
];

const TOPOLOGY = '{"isd_as": "1-ff00:0:110", "border_routers": {}}';
const STORE = '{"h": {"ip": "10.255.82.67", "metadata": {"app_id": "1ee630fd-528a-4d80-97cd-dea170be759d"}}}';
const TAGS = '{"tags": [{"id": "a", "tag": "0003"}]}';
const LOG = '"net" #1: STATE_MAIN_I1: initiate';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-side-files-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const readers = catalogue.flatMap(({ sideFiles = [] }) => sideFiles);
const CATALOGUE = { readers, diagnoses: DIAGNOSES, tunnelKinds: ['vxlan'] };

async function read(content: string): Promise<SideKnowledge> {
  const reading = new Reading(CATALOGUE);
  await reading.take('f', content, null);
  return reading.knowledge;
}

describe('readSideFiles', () => {
  it('joins all files and lists them', async () => {
    const side = await readSideFiles(
      {
        topology: [file('topology.json', TOPOLOGY)],
        tags: [file('tags.json', TAGS)],
        store: [file('store.json', STORE), file('store-b.json', STORE.replace('.67', '.68'))],
        log: [file('pluto.log', LOG)],
        config: file('config.json', '{"names": {"10.255.82.68": "frontend"}, "local": ["192.0.2.1"]}'),
      },
      CATALOGUE,
    );
    expect(side.files.map(({ file: name, kinds }) => [name, ...kinds])).toEqual([
      ['config.json', 'configuration'],
      ['topology.json', 'SCION topology'],
      ['tags.json', 'policy tags'],
      ['store.json', 'container store'],
      ['store-b.json', 'container store'],
      ['pluto.log', 'IKE log'],
    ]);
    expect(side.of(containerStores).map(({ address }) => address)).toEqual(['10.255.82.67', '10.255.82.68']);
    expect(nameOf(side, '10.255.82.67')).toBe('app 1ee630fd');
    expect(nameOf(side, '10.255.82.68')).toBe('frontend');
    expect(nameOf(side, '10.255.82.69')).toBeNull();
  });

  it('tells the kind by content', async () => {
    expect((await read(TOPOLOGY)).of(topologies)).toHaveLength(1);
    expect((await read(STORE)).of(containerStores)).toHaveLength(1);
    expect((await read(`${TAGS}\n`)).of(policyTags)[0]?.byTag.size).toBe(1);
    expect((await read(`$ cat store.json\n${STORE}\n$ `)).of(containerStores)).toHaveLength(1);
    expect((await read(LOG)).of(ikeLogs)).toHaveLength(1);
  });

  it('finds several kinds in a pasted terminal', async () => {
    const side = await read(`${LOG}\n1 packets captured\n0 packets dropped by kernel\nrouter bgp 65000`);
    expect(side.files[0].kinds).toEqual(['tcpdump summary', 'BGP configuration', 'IKE log']);
  });

  it.each([
    ['config', 'no JSON at all', 'holds no JSON; expected a configuration'],
    ['config', STORE, 'holds a container store, not a configuration; give it with --store'],
    ['config', '{"treshold": {}}', "has the unknown key 'treshold'; known: thresholds"],
    ['config', '{"thresholds": {"dns.slo": {}}}', "no diagnosis is called 'dns.slo'; known: dns.slow"],
    ['config', '{"thresholds": {"dns.slow": {"slwo": 3}}}', "dns.slow has no threshold 'slwo'; known: slow"],
    [
      'config',
      '{"thresholds": {"dns.slow": {"fixed": 3}}}',
      "dns.slow cannot have another 'fixed': that one is fixed; known: slow",
    ],
    ['config', '{"thresholds": {"dns.timeout": {"x": 3}}}', 'none of its thresholds can be set'],
    [
      'config',
      '{"thresholds": {"dns.slow": {"slow": "3"}}}',
      'thresholds.dns.slow.slow: expected number, received string',
    ],
    ['config', '{"thresholds": {"dns.slow": {"slow": 0}}}', 'thresholds.dns.slow.slow'],
    ['config', '{"names": {"sg1": "x"}}', "'sg1' is neither an address nor a network"],
    ['config', '{"local": ["x"]}', 'local.0: expected an IPv4 or IPv6 address'],
    ['config', '{"expect": [{"protocol": "udp", "port": 4789}]}', 'expect.0: name from or to'],
    [
      'config',
      '{"expect": [{"protocol": "esp", "to": "192.0.2.1", "port": 1}]}',
      'expect.0.port: esp has no ports',
    ],
    ['config', '{"expect": [{"protocol": "foo", "to": "192.0.2.1"}]}', 'expect.0.protocol'],
    ['config', '{"expect": [{"tunnel": "vxlan", "endpoints": ["192.0.2.1"]}]}', 'expect.0.endpoints'],
    ['config', '[]', 'is no usable configuration'],
  ])('--%s %s: one line that names file and field', async (option, content, message) => {
    const path = file('given', content);
    const paths = option === 'config' ? { config: path } : { [option]: [path] };
    const failure: unknown = await readSideFiles(paths, CATALOGUE).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SideFileError);
    if (!(failure instanceof SideFileError)) return;
    expect(failure.message).toContain(message);
    expect(failure.message.startsWith(`${path}: `)).toBe(true);
    expect(failure.message).not.toContain('\n');
  });

  it.each([
    ['topology', STORE, 'container store', 'holds no SCION topology; read as what it is'],
    ['store', LOG, 'IKE log', 'holds no container store; read as what it is'],
    ['store', '{"h": {"ip": 7}}', null, 'h.ip: expected string, received number'],
    ['tags', '{"tags": 3}', null, 'tags: expected array, received number'],
    ['tags', 'no JSON at all', null, '(it begins "no JSON at all"); expected policy tags'],
    ['topology', '{"isd_as": "1-ff00:0:110",\n "border_routers": }', null, 'no valid JSON at line 2'],
    ['topology', '{"isd_as": "1-ff00:0:110", ', null, 'was not read: no valid JSON'],
    ['log', '\n# nothing of use\n', null, 'holds nothing that is known (it begins "# nothing of use")'],
    ['log', '{"level": "info"}', null, 'holds nothing that is known (it begins "{"level": "info"}")'],
    ['log', '', null, 'is empty'],
  ])('--%s %s: read as %s, with a warning', async (option, content, kind, warning) => {
    const side = await readSideFiles({ [option]: [file('given', content)] }, CATALOGUE);
    expect(side.files).toMatchObject([{ file: 'given', kinds: kind === null ? [] : [kind] }]);
    expect(side.files[0].warning).toContain(warning);
  });

  it('says in the report what is recognised, and what would be of use', async () => {
    const side = await readSideFiles({ log: [file('poem.txt', 'Roses are red')] }, CATALOGUE);
    const checked = [
      {
        id: 'esp.spi-mismatch',
        result: 'insufficient-data' as const,
        subjects: { problem: 0, healthy: 0, insufficient: 1 },
      },
    ];
    const [{ warning = '' }] = sideSummary(side, { tunnels: [], findings: [], checked }).sideFiles ?? [];
    expect(warning).toMatch(/^holds nothing that is known \(it begins "Roses are red"\); recognised: a/);
    expect(warning).toMatch(
      /; of use here: a log of pluto or charon, the output of ipsec auto --up, or swanctl --initiate$/,
    );
  });

  it('says what cannot be read', async () => {
    await expect(readSideFiles({ log: [join(folder, 'none')] }, CATALOGUE)).rejects.toThrow(
      'cannot be read: it does not exist',
    );
    await expect(readSideFiles({ log: [folder] }, CATALOGUE)).rejects.toThrow('is a directory');
  });

  it('never fails on text but by its own error', async () => {
    const words = fc.constantFrom(
      '"net" #1: ',
      'Port #1 "a" Gre Stats{',
      '1: a: <UP> mtu 1',
      'router bgp 1',
      '\u001b[31m',
      '{',
      '}',
      '$ ',
      'ESP=>0x1 <0x2',
      '\n',
      'Flow:',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(words, fc.string()), { maxLength: 30 }), async (pieces) => {
        try {
          expect((await read(pieces.join(''))).files).toHaveLength(1);
        } catch (error) {
          expect(error).toBeInstanceOf(SideFileError);
        }
      }),
    );
  });

  it('takes no long over a hostile line', async () => {
    const started = performance.now();
    for (const unit of ['"a" ', '[1] ', '0:', 'NATD=', 'CHILD_SA a{1} ', '-1 ', 'a@b:~']) {
      try {
        await read(unit.repeat(200_000));
      } catch (error) {
        expect(error).toBeInstanceOf(SideFileError);
      }
    }
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('the readers of the catalogue', () => {
  it('say which diagnoses use what they read', () => {
    const ids = new Set(catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id)));
    const named = readers.flatMap(({ usedBy = [] }) => usedBy);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((id) => !ids.has(id))).toEqual([]);
  });

  it('share no option', () => {
    const options = readers.flatMap(({ json }) => json?.option ?? []);
    expect(options.sort()).toEqual(['store', 'tags', 'topology']);
  });
});
