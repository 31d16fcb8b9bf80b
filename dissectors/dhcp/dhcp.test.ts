import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocolsOfCatalogue } from '../../src/correlate/known-protocols.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { concat, zeros } from '../../test/build/bytes.js';
import { DHCP_TYPE, type Dhcp, dhcp } from '../../test/build/dhcp.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, type Timeline, timeline } from '../../test/build/scenario.js';
import { mssOption, tcp } from '../../test/build/tcp.js';
import greCorrelators from '../gre/correlator.js';
import greDissector from '../gre/dissector.js';
import { catalogue } from '../index.js';
import ipCorrelators from '../ip/correlator.js';
import ipDissector from '../ip/dissector.js';
import { tcpConnections, tcpServices } from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import { dhcpLinks } from './correlator.js';
import mtu from './diagnoses/mtu.js';
import noOffer from './diagnoses/no-offer.js';
import dhcpDissector from './dissector.js';
import { roomWords } from './tunnel-room.js';

const START_NS = 1_700_000_000_000_000_000n;
const MAC = '02:16:3e:00:00:21';
const nobody: Endpoint = { mac: MAC, address: '0.0.0.0', ttl: 64 };
const everybody: Endpoint = { mac: 'ff:ff:ff:ff:ff:ff', address: '255.255.255.255', ttl: 64 };
const server: Endpoint = { mac: '02:16:3e:00:00:01', address: '10.20.0.2', ttl: 64 };
const host: Endpoint = { mac: MAC, address: '10.20.0.31', ttl: 64 };
const cellA: Endpoint = { mac: '02:16:3e:00:00:a1', address: '198.51.100.1', ttl: 64 };
const cellB: Endpoint = { mac: '02:16:3e:00:00:b1', address: '198.51.100.2', ttl: 64 };
const protocols = protocolsOfCatalogue(catalogue);
const parts = {
  dissectors: [dhcpDissector, greDissector, ipDissector, tcpDissector],
  correlators: [dhcpLinks, ...greCorrelators, ...ipCorrelators, tcpConnections, tcpServices],
};

type Message = Pick<Dhcp, 'type'> & Partial<Dhcp> & { at: number; from?: Endpoint };

function say(t: Timeline, { at, from, ...message }: Message): void {
  const isReply = message.type !== DHCP_TYPE.discover && message.type !== DHCP_TYPE.request;
  const source = from ?? (isReply ? server : nobody);
  const [own, peer] = isReply ? [67, 68] : [68, 67];
  const payload = dhcp({ transaction: 7, clientMac: MAC, ...message });
  t.sendUdp(at, { ...source, port: own }, { ...everybody, port: peer }, payload);
}

function run(messages: readonly Message[], more: (t: Timeline) => void = () => {}): Promise<CaptureRun> {
  const t = timeline(START_NS);
  for (const message of messages) say(t, message);
  more(t);
  return runFrames(t.frames(), parts);
}

function runPayload(payload: Uint8Array): Promise<CaptureRun> {
  const t = timeline(START_NS);
  t.sendUdp(0, { ...server, port: 67 }, { ...everybody, port: 68 }, payload);
  return runFrames(t.frames(), parts);
}

const LEASE = { yourAddress: host.address, server: server.address };
const results = (judgements: readonly Judgement[]): string[] => judgements.map(({ result }) => result);

describe('DHCP messages', () => {
  const offer = dhcp({ type: DHCP_TYPE.offer, transaction: 7, clientMac: MAC, ...LEASE, interfaceMtu: 1450 });

  it('are read with their options', async () => {
    const [link] = (await runPayload(offer)).sessions(dhcpLinks);
    expect(link).toMatchObject({ messages: 1, answers: 1, withoutMtu: 0 });
    expect(link.clients).toMatchObject([{ mac: MAC, answers: 1 }]);
    expect(link.announced).toMatchObject([{ server: '10.20.0.2', mtu: 1450, messages: 1, addresses: [] }]);
  });

  it('may be cut anywhere', async () => {
    for (let length = 0; length < offer.length; length++) {
      const { evidence, sessions } = await runPayload(offer.slice(0, length));
      const announced = sessions(dhcpLinks).flatMap((link) => link.announced);
      if (length < 240) expect(evidence.quality.malformedHeaders, `${length}`).toBe(1);
      expect(announced.length, `${length}`).toBeLessThanOrEqual(1);
    }
  });

  it('end where an option says that it is longer than what is there', async () => {
    const broken = concat(offer.slice(0, 240), Uint8Array.of(53, 1, 2, 26, 200, 5, 170));
    const [link] = (await runPayload(broken)).sessions(dhcpLinks);
    expect(link).toMatchObject({ answers: 1, withoutMtu: 1, announced: [] });
  });

  it('are left out without the magic number', async () => {
    expect((await runPayload(zeros(300))).sessions(dhcpLinks)).toEqual([]);
  });

  it('may be any bytes behind the fixed part', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        const { sessions } = await runPayload(concat(offer.slice(0, 240), bytes));
        expect(sessions(dhcpLinks)).toHaveLength(1);
      }),
      { numRuns: 50 },
    );
  });
});

function syn(t: Timeline, at: number, mss: number): void {
  const peer = { ...server, address: '10.20.0.9' };
  const segment = tcp({
    source: host.address,
    destination: peer.address,
    sourcePort: 40_000,
    destinationPort: 80,
    sequence: 1,
    flags: ['SYN'],
    options: mssOption(mss),
  });
  t.sendIp(at, host, peer, IP_PROTOCOL.tcp, segment);
}

describe('dhcp.mtu', () => {
  const lease = [
    { at: 1, type: DHCP_TYPE.offer, ...LEASE, interfaceMtu: 1450 },
    { at: 2, type: DHCP_TYPE.ack, ...LEASE, interfaceMtu: 1450 },
  ];

  it('tells the value and what fits', async () => {
    const [judgement] = (await run(lease)).judge(mtu);
    expect(judgement).toMatchObject({
      result: 'problem',
      severity: 'info',
      counts: { mtu: 1450, hosts: 1, larger: 0 },
    });
    expect(judgement.result === 'problem' && judgement.explanation).toContain(
      'Geneve or VXLAN over IPv4 (50 bytes) in 1500',
    );
  });

  it('names hosts that do not keep to it', async () => {
    const [loud] = (await run(lease, (t) => syn(t, 5, 1460))).judge(mtu);
    expect(loud).toMatchObject({ counts: { larger: 1 } });
    expect(loud.result === 'problem' && loud.explanation).toContain(
      '1460 bytes belongs to an MTU of 1500, not 1450',
    );
    const [quiet] = (await run(lease, (t) => syn(t, 5, 1410))).judge(mtu);
    expect(quiet).toMatchObject({ counts: { larger: 0 } });
    // What it said before it had the address does not count.
    const [before] = (await run(lease, (t) => syn(t, 0.5, 1460))).judge(mtu);
    expect(before).toMatchObject({ counts: { larger: 0 } });
  });

  it('speaks of 1500 where the tunnel that carries the hosts cuts packets of that size', async () => {
    const usual = { at: 1, type: DHCP_TYPE.ack, ...LEASE, interfaceMtu: 1500 };
    const through = (dataLength: number) => (t: Timeline) => {
      const payload = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(dataLength) });
      const packet = ip({
        source: host.address,
        destination: '10.20.0.9',
        protocol: IP_PROTOCOL.icmp,
        payload,
      });
      t.sendIp(4, cellA, cellB, IP_PROTOCOL.gre, gre({ protocolType: 0x800, key: 5, payload: packet }), {
        mtu: 1500,
      });
    };
    const [cut] = (await run([usual], through(1472))).judge(mtu);
    expect(cut).toMatchObject({ result: 'problem', severity: 'info', counts: { mtu: 1500, overhead: 28 } });
    expect(cut.result === 'problem' && cut.explanation).toContain(
      'GRE 5 from 198.51.100.1 to 198.51.100.2 adds 28 bytes',
    );
    expect(results((await run([usual], through(600))).judge(mtu))).toEqual(['healthy']);
  });

  it('has nothing to say without the option, nor about 1500', async () => {
    expect((await run([{ at: 1, type: DHCP_TYPE.ack, ...LEASE }])).judge(mtu)).toEqual([]);
    const usual = await run([{ at: 1, type: DHCP_TYPE.ack, ...LEASE, interfaceMtu: 1500 }]);
    expect(results(usual.judge(mtu))).toEqual(['healthy']);
  });

  it.each([
    [1450, /Geneve or VXLAN over IPv4/],
    [1410, /in 1460/],
    [1458, /GRE with Ethernet and key/],
    [1455, /MidoNet/],
    [8950, /in 9000/],
  ])('knows the room that %i bytes leave', (bytes, words) => {
    expect(roomWords(protocols, bytes)).toMatch(words);
  });

  it('knows of no tunnel for odd values', () => {
    expect(roomWords(protocols, 1399)).toBeNull();
  });
});

describe('dhcp.no-offer', () => {
  const discovers = (times: readonly number[], from = nobody): Message[] =>
    times.map((at) => ({ at, type: DHCP_TYPE.discover, from }));
  const longer = (t: Timeline): void =>
    t.beatsUntil(60).forEach((at) => {
      say(t, { at, type: DHCP_TYPE.request, clientMac: '02:16:3e:00:00:99' });
    });

  it('needs three questions and ten seconds', async () => {
    const judged = async (messages: readonly Message[]): Promise<string[]> =>
      results((await run(messages, longer)).judge(noOffer));
    expect(await judged(discovers([1, 4, 9]))).toEqual(['problem']);
    expect(await judged(discovers([1, 4]))).toEqual(['insufficient-data']);
    expect(await judged(discovers([1, 2, 3]))).toEqual(['insufficient-data']);
    expect(await judged([...discovers([1, 4, 9]), { at: 10, type: DHCP_TYPE.offer, ...LEASE }])).toEqual([
      'healthy',
    ]);
  });

  it('waits for the end of the capture', async () => {
    expect(results((await run(discovers([1, 4, 9]))).judge(noOffer))).toEqual(['insufficient-data']);
  });

  it('does not take a host that has an address for one that needs one', async () => {
    const searching = discovers([1, 5, 10, 15], { ...host });
    expect((await run(searching, longer)).judge(noOffer)).toEqual([]);
  });

  it('is information where other traffic goes on and no server is heard', async () => {
    const [alone] = (await run(discovers([1, 4, 9]), longer)).judge(noOffer);
    expect(alone).toMatchObject({ severity: 'warning' });
    const busy = await run(discovers([1, 4, 9]), (t) => {
      longer(t);
      syn(t, 20, 1460);
    });
    expect(busy.judge(noOffer)[0]).toMatchObject({ severity: 'info', confidence: 'low' });
  });
});
