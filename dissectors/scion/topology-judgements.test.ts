import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, type Timeline, timeline } from '../../test/build/scenario.js';
import type { HostLink } from '../host/side-files/ip-link.js';
import { dissectors } from '../index.js';
import type { ScionLink, ScionTopology } from './topology.js';
import {
  endpointJudgements,
  type IsdAsObservation,
  isdAsJudgements,
  isSameIsdAs,
  tunAddressJudgements,
} from './topology-judgements.js';

/* The link of the SCIONLab guide: 10.0.8.8:50000 here, 10.0.8.1:50202 at the attachment point. */
const LINK: ScionLink = {
  origin: { file: 'topology.json', place: 'BorderRouters.br.Interfaces.1' },
  borderRouter: 'br',
  interfaceId: '1',
  local: { host: '10.0.8.8', port: 50_000 },
  bind: null,
  remote: { host: '10.0.8.1', port: 50_202 },
  neighbour: '17-ffaa:0:1107',
  linkTo: 'parent',
  mtu: 1472,
  bfd: null,
};
const topologyOf = (...links: ScionLink[]): ScionTopology => ({
  file: 'topology.json',
  generation: 2,
  isdAs: '17-ffaa:1:64',
  isCore: false,
  mtu: 1472,
  links,
  services: [],
});

const here: Endpoint = { mac: '02:00:00:00:00:01', address: '10.0.8.8', ttl: 64 };
const there: Endpoint = { mac: '02:00:00:00:00:02', address: '10.0.8.1', ttl: 64 };

/** Keepalives of 81 bytes, one a second each way. */
function keepalives(
  t: Timeline,
  local: Endpoint,
  remote: Endpoint,
  ports: [number, number],
  isTwoWay = true,
): void {
  for (let i = 0; i < 11; i += 1) {
    t.sendUdp(44.3 + i, { ...local, port: ports[0] }, { ...remote, port: ports[1] }, new Uint8Array(81));
    if (isTwoWay)
      t.sendUdp(44.7 + i, { ...remote, port: ports[1] }, { ...local, port: ports[0] }, new Uint8Array(81));
  }
}

async function qualityOf(build: (t: Timeline) => void) {
  const t = timeline(1_500_000_000_000_000_000n);
  build(t);
  return (await runFrames(t.frames(), { dissectors })).evidence.quality;
}

async function endpoints(build: (t: Timeline) => void, ...links: ScionLink[]): Promise<Judgement[]> {
  return [
    ...endpointJudgements([topologyOf(...(links.length === 0 ? [LINK] : links))], await qualityOf(build)),
  ];
}

describe('endpoints of the links', () => {
  it('are healthy where addresses and ports agree', async () => {
    expect(await endpoints((t) => keepalives(t, here, there, [50_000, 50_202]))).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it("warn of another port while both directions live, as in the guide's own capture", async () => {
    const [judgement] = await endpoints((t) => keepalives(t, here, there, [50_000, 50_015]));
    expect(judgement).toMatchObject({
      result: 'problem',
      severity: 'warning',
      pair: ['10.0.8.8', '10.0.8.1'],
      counts: { sent: 11, received: 11 },
    });
    expect(judgement).toHaveProperty('explanation', expect.stringContaining('50015'));
    expect(judgement).toHaveProperty('explanation', expect.stringContaining('50202'));
  });

  it('are not in error where the router itself sends by another topology', async () => {
    expect(await endpoints((t) => keepalives(t, here, there, [50_000, 50_015], false))).toMatchObject([
      { result: 'problem', severity: 'warning', fault: 'remark', counts: { sent: 11, received: 0 } },
    ]);
  });

  it('are in error where the neighbour has another address', async () => {
    const [judgement] = await endpoints((t) =>
      keepalives(t, here, { ...there, address: '10.0.8.2' }, [50_000, 50_202]),
    );
    expect(judgement).toMatchObject({ result: 'problem', severity: 'error' });
    expect(judgement).toHaveProperty('explanation', expect.stringContaining('10.0.8.2'));
  });

  it('tell another local address', async () => {
    const [judgement] = await endpoints((t) =>
      keepalives(t, { ...here, address: '10.0.8.9' }, there, [50_000, 50_202]),
    );
    expect(judgement).toMatchObject({
      result: 'problem',
      severity: 'warning',
      pair: ['10.0.8.9', '10.0.8.1'],
    });
  });

  it('take the address that a router behind a NAT binds to', async () => {
    const natted = { ...LINK, bind: '192.168.1.5' };
    expect(
      await endpoints(
        (t) => keepalives(t, { ...here, address: '192.168.1.5' }, there, [50_000, 50_202]),
        natted,
      ),
    ).toMatchObject([{ result: 'healthy' }]);
  });

  it('take any local address for a wildcard', async () => {
    const wild = { ...LINK, local: { host: null, port: 50_000 } };
    expect(await endpoints((t) => keepalives(t, here, there, [50_000, 50_202]), wild)).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('do not take the neighbour of another link on the same port for a stranger', async () => {
    const second = { ...LINK, interfaceId: '2', remote: { host: '10.0.8.7', port: 50_300 } };
    const judgements = await endpoints((t) => keepalives(t, here, there, [50_000, 50_202]), LINK, second);
    expect(judgements.map(({ result }) => result)).toEqual(['healthy', 'insufficient-data']);
  });

  it('say what to capture where nothing of the link is there', async () => {
    const other = (t: Timeline): void => {
      t.sendUdp(1, { ...here, port: 5353 }, { ...there, port: 53 }, new Uint8Array(30));
    };
    expect(await endpoints(other)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('10.0.8.8:50000') },
    ]);
  });
});

describe('address of the tunnel interface', () => {
  const tun = (address: string): HostLink => ({
    origin: { file: 'ip-addr.txt', place: 'line 11' },
    name: 'tun0',
    flags: ['UP'],
    mtu: 1500,
    mac: null,
    addresses: [{ address, prefix: 24, peer: null }],
    tunnel: null,
  });

  async function judge(links: readonly HostLink[], local = here): Promise<Judgement[]> {
    const quality = await qualityOf((t) => keepalives(t, local, there, [50_000, 50_202]));
    return [...tunAddressJudgements([topologyOf(LINK)], links, quality)];
  }

  it('is healthy where a link has it', async () => {
    expect(await judge([tun('10.0.8.8')])).toMatchObject([{ result: 'healthy' }]);
  });

  it('is an error where the topology has another one and packets of it are there', async () => {
    expect(await judge([tun('10.0.8.9')], { ...here, address: '10.0.8.9' })).toMatchObject([
      { result: 'problem', severity: 'error', counts: { packets: 22 }, displayFilter: 'ip.addr == 10.0.8.9' },
    ]);
  });

  it('is not judged without packets of it, nor without a tunnel', async () => {
    expect(await judge([tun('10.0.8.9')])).toMatchObject([{ result: 'insufficient-data' }]);
    expect(await judge([{ ...tun('10.0.8.9'), name: 'eth0' }])).toEqual([]);
  });

  it('may be another VPN where the address of the link is on another interface', async () => {
    const eth0 = { ...tun('10.0.8.8'), name: 'eth0' };
    expect(await judge([tun('10.9.9.9'), eth0])).toMatchObject([{ result: 'healthy' }]);
  });
});

describe('ISD-AS of the packets', () => {
  const at = { frame: 1, timeNs: 0, segment: 0 };
  const transmission = (changes: Partial<IsdAsObservation>): IsdAsObservation => ({
    from: '10.0.8.8',
    to: '10.0.8.1',
    source: '17-ffaa:1:64',
    destination: '17-ffaa:0:1107',
    isOfLink: true,
    packets: 5,
    first: at,
    last: at,
    ...changes,
  });
  const judge = (one: Partial<IsdAsObservation>, link = LINK): Judgement[] => [
    ...isdAsJudgements([topologyOf(link)], [transmission(one)]),
  ];

  it('is healthy where it is that of the topology', () => {
    expect(judge({})).toMatchObject([{ result: 'healthy' }]);
    expect(
      judge({ from: '10.0.8.1', to: '10.0.8.8', source: '17-ffaa:0:1107', destination: '17-ffaa:1:64' }),
    ).toMatchObject([{ result: 'healthy' }]);
  });

  it('is an error where the router is of another AS, or the neighbour is', () => {
    expect(judge({ source: '17-ffaa:1:65' })).toMatchObject([{ result: 'problem', severity: 'error' }]);
    expect(judge({ destination: '17-ffaa:0:1108' })).toMatchObject([{ result: 'problem' }]);
  });

  it.each([
    ['the own configuration is another one', { isdAs: '17-ffaa:1:64' }, {}, '10.0.8.8'],
    ['the neighbour names another AS as its own', {}, { isdAs: '17-ffaa:0:1108' }, '10.0.8.1'],
  ])('names the direction of whoever is wrong, whichever end comes first: %s', (_, ours, theirs, sender) => {
    const here = { host: '10.0.8.8', isdAs: '17-ffaa:1:64', ...ours };
    const there = { host: '10.0.8.1', isdAs: '17-ffaa:0:1107', ...theirs };
    const way = (from: typeof here, to: typeof here, destination: string): IsdAsObservation =>
      transmission({ from: from.host, to: to.host, source: from.isdAs, destination });
    const both = [way(here, there, '17-ffaa:0:1107'), way(there, here, here.isdAs)];
    const topology = { ...topologyOf(LINK), isdAs: sender === here.host ? '17-ffaa:1:99' : here.isdAs };
    for (const seen of [both, both.toReversed()]) {
      expect([...isdAsJudgements([topology], seen)]).toMatchObject([
        { result: 'problem', direction: { from: sender } },
      ]);
    }
  });

  it('lets traffic end anywhere beyond the link, but begin here where nobody is behind', () => {
    const far = { isOfLink: false, destination: '19-ffaa:0:1301' };
    expect(judge(far)).toMatchObject([{ result: 'healthy' }]);
    expect(judge({ ...far, source: '17-ffaa:1:65' })).toMatchObject([{ result: 'problem' }]);
    expect(judge({ ...far, source: '17-ffaa:1:65' }, { ...LINK, linkTo: 'child' })).toEqual([]);
  });

  it('is not judged elsewhere than on the link', () => {
    expect(judge({ to: '10.0.8.3' })).toEqual([]);
  });

  it.each([
    ['17-ffaa:1:64', '17-ffaa_1_64', true],
    ['1-64512', '1-0:0:fc00', true],
    ['1-64512', '2-64512', false],
    ['1-ff00:0:110', '1-ff00:0:111', false],
    ['x', 'x', false],
  ])('%s and %s are the same: %s', (a, b, same) => expect(isSameIsdAs(a, b)).toBe(same));
});
