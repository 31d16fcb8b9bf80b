import { describe, expect, it } from 'vitest';
import { splitHostPort } from './host-port.js';
import { readScionTopology } from './topology-shape.js';

/** The border router of the SCIONLab guide. */
const SECOND = {
  PathService: { 'ps17-ffaa_1_64-1': { Addrs: { IPv4: { Public: { Addr: '10.0.2.15', L4Port: 31_044 } } } } },
  ISD_AS: '17-ffaa:1:64',
  Overlay: 'UDP/IPv4',
  DiscoveryService: {},
  MTU: 1472,
  Core: false,
  ZookeeperService: { 1: { Addr: '127.0.0.1', L4Port: 2181 } },
  BorderRouters: {
    'br17-ffaa_1_64-1': {
      InternalAddrs: { IPv4: { PublicOverlay: { Addr: '10.0.2.15', OverlayPort: 31_042 } } },
      CtrlAddr: { IPv4: { Public: { Addr: '10.0.2.15', L4Port: 30_042 } } },
      Interfaces: {
        1: {
          Bandwidth: 1000,
          ISD_AS: '17-ffaa:0:1107',
          MTU: 1472,
          Overlay: 'UDP/IPv4',
          PublicOverlay: { Addr: '10.0.8.8', OverlayPort: 50_000 },
          RemoteOverlay: { Addr: '10.0.8.1', OverlayPort: 50_202 },
          LinkTo: 'PARENT',
        },
      },
    },
  },
};

const FIRST = {
  ISD_AS: '1-11',
  Core: true,
  BeaconServers: {},
  PathService: { 'ps1-11-1': { Public: [{ Addr: '127.0.0.5', L4Port: 30_001 }] } },
  BorderRouters: {
    'br1-11-1': {
      InternalAddrs: [{ Public: [{ Addr: '127.0.0.9', L4Port: 30_002 }] }],
      Interfaces: {
        2: {
          InternalAddrIdx: 0,
          Overlay: 'UDP/IPv4',
          Public: { Addr: '192.0.2.1', L4Port: 50_000 },
          Bind: { Addr: '10.0.0.1', L4Port: 50_000 },
          Remote: { Addr: '198.51.100.7', L4Port: 50_001 },
          ISD_AS: '2-21',
          LinkType: 'CORE',
          MTU: 1280,
        },
      },
    },
  },
};

const THIRD = {
  isd_as: '1-ff00:0:110',
  mtu: 1400,
  attributes: ['core'],
  dispatched_ports: '31000-32767',
  border_routers: {
    'br1-ff00_0_110-1': {
      internal_addr: '127.0.0.9:31002',
      interfaces: {
        1: {
          isd_as: '1-ff00:0:111',
          link_to: 'CHILD',
          mtu: 1280,
          underlay: { local: ':50000', remote: '[2001:DB8::7]:50001' },
          bfd: { detect_mult: 3, desired_min_tx_interval: '200ms', required_min_rx_interval: '1s' },
        },
        2: {
          isd_as: '1-ff00:0:112',
          link_to: 'peer',
          mtu: 1472,
          underlay: { public: '192.0.2.1:50002', bind: '10.0.0.1', remote: 'br.example.org:50003' },
          bfd: { disable: true },
        },
      },
    },
  },
  control_service: { 'cs1-ff00_0_110-1': { addr: '127.0.0.11:30252' } },
};

describe('topology.json', () => {
  it('reads the generation with PublicOverlay', () => {
    const topology = readScionTopology('topology.json', SECOND);
    expect(topology).toMatchObject({ generation: 2, isdAs: '17-ffaa:1:64', mtu: 1472, isCore: false });
    expect(topology.links).toEqual([
      {
        origin: { file: 'topology.json', place: 'BorderRouters.br17-ffaa_1_64-1.Interfaces.1' },
        borderRouter: 'br17-ffaa_1_64-1',
        interfaceId: '1',
        local: { host: '10.0.8.8', port: 50_000 },
        bind: null,
        remote: { host: '10.0.8.1', port: 50_202 },
        neighbour: '17-ffaa:0:1107',
        linkTo: 'parent',
        mtu: 1472,
        bfd: null,
      },
    ]);
    expect(topology.services).toMatchObject([
      { name: 'ps17-ffaa_1_64-1', address: '10.0.2.15', port: 31_044 },
      { name: '1', address: '127.0.0.1', port: 2181 },
    ]);
  });

  it('reads the generation with lists of addresses', () => {
    const topology = readScionTopology('t', FIRST);
    expect(topology).toMatchObject({ generation: 1, isdAs: '1-11', isCore: true });
    expect(topology.links).toMatchObject([
      {
        local: { host: '192.0.2.1', port: 50_000 },
        bind: '10.0.0.1',
        remote: { host: '198.51.100.7', port: 50_001 },
        neighbour: '2-21',
        linkTo: 'core',
        mtu: 1280,
      },
    ]);
    expect(topology.services).toMatchObject([{ address: '127.0.0.5', port: 30_001 }]);
  });

  it('reads the generation in lower snake case', () => {
    const topology = readScionTopology('t', THIRD);
    expect(topology).toMatchObject({ generation: 3, isdAs: '1-ff00:0:110', mtu: 1400, isCore: true });
    expect(topology.links).toMatchObject([
      {
        local: { host: null, port: 50_000 },
        remote: { host: '2001:db8::7', port: 50_001 },
        linkTo: 'child',
        bfd: { isDisabled: false, detectMultiplier: 3, desiredMinTxMs: 200, requiredMinRxMs: 1000 },
      },
      {
        local: { host: '192.0.2.1', port: 50_002 },
        bind: '10.0.0.1',
        remote: { host: 'br.example.org', port: 50_003 },
        bfd: { isDisabled: true, detectMultiplier: null },
      },
    ]);
    expect(topology.services).toMatchObject([{ address: '127.0.0.11', port: 30_252 }]);
  });

  it('takes the ISD-AS as file names write it', () => {
    expect(readScionTopology('t', { ...SECOND, ISD_AS: '17-ffaa_1_64' }).isdAs).toBe('17-ffaa:1:64');
  });

  it.each([
    [
      {
        isd_as: '1-ff00:0:110',
        border_routers: { b: { interfaces: { 1: { isd_as: '1-1', underlay: {} } } } },
      },
      'border_routers.b.interfaces.1.underlay.remote',
    ],
    [{ ISD_AS: 17, BorderRouters: {} }, 'ISD_AS: expected string, received number'],
    [
      {
        isd_as: '1-ff00:0:110',
        border_routers: { b: { interfaces: { 1: { isd_as: '1-1', underlay: { remote: 'x:99999' } } } } },
      },
      "expected ADDRESS:PORT, not 'x:99999'",
    ],
    [{ nothing: true }, 'neither BorderRouters nor border_routers'],
  ])('names the field of %j', (value, message) => {
    expect(() => readScionTopology('topology.json', value)).toThrow(message);
    expect(() => readScionTopology('topology.json', value)).toThrow(/^topology\.json: /);
  });
});

describe('ADDRESS:PORT', () => {
  it.each([
    ['192.0.2.1:50000', { host: '192.0.2.1', port: 50_000 }],
    ['[2001:db8::1]:50000', { host: '2001:db8::1', port: 50_000 }],
    ['2001:db8::1', { host: '2001:db8::1', port: null }],
    [':50000', { host: null, port: 50_000 }],
    ['host.example:1', { host: 'host.example', port: 1 }],
    ['host.example', null],
    ['192.0.2.1:70000', null],
    ['', null],
  ])('%s', (text, endpoint) => expect(splitHostPort(text)).toEqual(endpoint));
});
