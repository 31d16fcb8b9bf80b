import { describe, expect, it } from 'vitest';
import { innerPing, VTEP_A, VTEP_B } from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE } from '../../captures/cases/sites.js';
import { protocolsOfCatalogue } from '../../src/correlate/known-protocols.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { readConfiguration } from '../../src/side-files/configuration.js';
import { NO_SIDE_KNOWLEDGE } from '../../src/side-files/side-knowledge.js';
import { ip } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { espExchange, ping, type Timeline, timeline } from '../../test/build/scenario.js';
import { espTunnelOf } from '../../test/build/scenario-ike.js';
import { catalogue, dissectors } from '../index.js';
import noTraffic from './diagnoses/no-traffic.js';

const { local, peer } = PUBLIC_SITE;
const A = local.address;
const B = peer.address;

const TERMS = {
  diagnoses: catalogue.flatMap((entry) => entry.diagnoses),
  tunnelKinds: protocolsOfCatalogue(catalogue).tunnelKinds(),
};

async function judge(expectation: unknown, build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = timeline(1_700_000_000_000_000_000n);
  build(t);
  const configuration = readConfiguration('config.json', { expect: [expectation] }, TERMS);
  const side = { ...NO_SIDE_KNOWLEDGE, configuration };
  const correlators = catalogue.flatMap((entry) => entry.correlators);
  const run = await runFrames(t.frames(), { dissectors, correlators }, undefined, side);
  return run.judge(noTraffic);
}

const pings = (t: Timeline): void => void ping(t, local, peer, { at: 1, count: 20, identifier: 7 });
const vxlan = (t: Timeline): void => innerPing(t, VTEP_A, VTEP_B, { at: 1, count: 20, identifier: 7 });

describe('expect.no-traffic', () => {
  it('is healthy with one such packet', async () => {
    expect(await judge({ from: A, to: B, protocol: 'icmp' }, pings)).toMatchObject([{ result: 'healthy' }]);
    expect(await judge({ to: '198.51.100.0/24', protocol: 'icmp' }, pings)).toMatchObject([
      { result: 'healthy' },
    ]);
    expect(await judge({ from: '10.255.82.0/24', protocol: 'icmp' }, vxlan)).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('needs the destination port, not the source port', async () => {
    const dns = (t: Timeline): void => {
      pings(t);
      for (let i = 0; i < 20; i += 1) {
        t.sendUdp(i, { ...local, port: 4789 }, { ...peer, port: 53 }, new Uint8Array(30));
      }
    };
    expect(await judge({ from: A, protocol: 'udp', port: 4789 }, dns)).toMatchObject([{ result: 'problem' }]);
    expect(await judge({ from: A, protocol: 'udp', port: 53 }, dns)).toMatchObject([{ result: 'healthy' }]);
  });

  it('is a problem where the host sends other packets only', async () => {
    expect(await judge({ from: A, to: B, protocol: 'tcp', port: 179 }, pings)).toMatchObject([
      { result: 'problem', direction: { from: A, to: B }, counts: { expected: 0, others: 20 } },
    ]);
  });

  it('knows every kind of tunnel that a protocol carries', async () => {
    const ipip = { tunnel: 'ipip', endpoints: [A, B] };
    expect((await judge(ipip, pings)).map(({ result }) => result)).toEqual(['problem', 'problem']);
    const carried = (t: Timeline): void => {
      pings(t);
      const packet = ip({
        source: '10.1.0.1',
        destination: '10.2.0.1',
        protocol: 17,
        payload: new Uint8Array(8),
      });
      t.sendIp(3, local, peer, 4, packet);
    };
    expect((await judge(ipip, carried)).map(({ result }) => result)).toEqual(['healthy', 'problem']);
    await expect(judge({ tunnel: 'carrier-pigeon', endpoints: [A, B] }, pings)).rejects.toThrow('expect.0');
  });

  it('is not judged where the capture sees nothing of the host', async () => {
    expect(await judge({ from: '203.0.113.9', protocol: 'tcp' }, pings)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('no packet from 203.0.113.9') },
    ]);
  });

  it('is not judged in a short capture', async () => {
    const short = (t: Timeline): void => void ping(t, local, peer, { at: 1, count: 4, identifier: 7 });
    expect(await judge({ from: A, protocol: 'tcp' }, short)).toMatchObject([
      { result: 'insufficient-data', neededSeconds: 10 },
    ]);
  });

  it('is not judged where only one port was captured', async () => {
    const onlyVxlan = await judge({ from: A, to: B, protocol: 'tcp', port: 179 }, (t) => {
      for (let i = 0; i < 20; i += 1)
        innerPing(t, VTEP_A, VTEP_B, { at: i, count: 4, identifier: i, intervalSeconds: 0.1 });
    });
    expect(onlyVxlan).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('port 4789') },
    ]);
  });

  it('judges the two directions of a tunnel by themselves', async () => {
    const tunnel = { tunnel: 'vxlan', endpoints: [A, B] };
    expect(await judge(tunnel, vxlan)).toMatchObject([{ result: 'healthy' }, { result: 'healthy' }]);
    const oneWay = await judge(tunnel, (t) => {
      innerPing(t, VTEP_A, VTEP_B, { at: 1, count: 20, identifier: 7, isAnswered: () => false });
      pings(t);
    });
    expect(oneWay).toMatchObject([
      { result: 'healthy' },
      { result: 'problem', direction: { from: B, to: A } },
    ]);
  });

  it('finds IPsec, native or in UDP', async () => {
    const esp = (t: Timeline): void => {
      const tunnel = espTunnelOf(
        { initiator: local, responder: peer },
        { toResponder: 0x1234_5678, toInitiator: 0x2345_6789 },
      );
      espExchange(t, tunnel, { at: 1, seconds: 20, intervalMs: 800 });
    };
    expect(await judge({ tunnel: 'ipsec', endpoints: [A, B] }, esp)).toMatchObject([
      { result: 'healthy' },
      { result: 'healthy' },
    ]);
    expect(await judge({ from: A, protocol: 'esp' }, esp)).toMatchObject([{ result: 'healthy' }]);
  });

  it('says nothing without a configuration', async () => {
    const t = timeline(1_700_000_000_000_000_000n);
    pings(t);
    const run = await runFrames(t.frames(), { dissectors });
    expect(run.judge(noTraffic)).toEqual([]);
  });
});
