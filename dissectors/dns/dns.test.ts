import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { DNS_TYPE, dnsName, dnsOverTcp, dnsQuery, dnsResponse } from '../../test/build/dns.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { dnsServers } from './correlator.js';
import dissector, { type DnsTable, nameColumns } from './dissector.js';
import { nameOf } from './name.js';
import { ResponseTimes } from './response-times.js';

const START_NS = 1_700_000_000_000_000_000n;
const client = { address: '10.0.0.10', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const server = { address: '10.0.0.53', mac: '02:00:00:00:00:02', ttl: 64, port: 53 };
const parts = { dissectors: [dissector], correlators: [dnsServers] };

const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const table = slot.tables[0] as unknown as DnsTable;

/** Dissects a message that fills its view, so that a read outside of it throws. */
function dissect(message: Uint8Array, protocol: number = IP_PROTOCOL.udp, port = 53): number {
  slot.clearTables();
  const frame = new FrameContext(slot);
  frame.begin(new DataView(message.slice().buffer), 0, 0, message.length, false);
  frame.protocol = protocol;
  frame.sourcePort = 40_000;
  frame.destinationPort = port;
  frame.payloadLength = message.length;
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => () => {},
    innerEthernet: () => {},
    innerIp: () => {},
    innerEtherType: () => {},
  });
  bound(frame, 0, message.length);
  return table.rows.length;
}

const rowName = (): string => nameOf(table, nameColumns(table), 0);

describe('DNS messages', () => {
  it('reads header and question', () => {
    //                 id   flags QD   AN   NS   AR   3 w w w 7 e x a m p l e 3 o r g 0     A    IN
    const query = hex('beef 0100 0001 0000 0000 0000 03777777 076578616d706c65 036f7267 00 0001 0001');
    expect(dissect(query)).toBe(1);
    expect([table.id[0], table.flags[0], table.type[0], table.nameLength[0]]).toEqual([0xbeef, 0x100, 1, 17]);
    expect(rowName()).toBe('www.example.org');
  });

  it('compares names without regard to case, and escapes what is not printable', () => {
    dissect(dnsQuery({ id: 1, name: 'WwW.eXample.ORG' }));
    const hash = table.nameHash[0];
    expect(rowName()).toBe('www.example.org');
    dissect(dnsQuery({ id: 1, name: 'www.example.org' }));
    expect(table.nameHash[0]).toBe(hash);
    dissect(concat(dnsQuery({ id: 1, name: '' }).subarray(0, 12), hex('04 2e5c1bc3 00 0001 0001')));
    expect(rowName()).toBe('\\.\\\\\\027\\195');
    dissect(dnsQuery({ id: 1, name: '' }));
    expect(rowName()).toBe('.');
  });

  it('keeps the first 64 bytes of a name, and tells longer ones apart', () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}`;
    dissect(dnsQuery({ id: 1, name: `${long}.x` }));
    const hash = table.nameHash[0];
    expect(rowName()).toBe(`${'a'.repeat(60)}.bb…`);
    dissect(dnsQuery({ id: 1, name: `${long}.y` }));
    expect(table.nameHash[0]).not.toBe(hash);
  });

  it('reads the upper bits of the response code', () => {
    const response = dnsResponse({ id: 1, name: 'a.example' });
    expect(dissect(concat(response, hex('00 0029 04d0 01 00 0000 0000')))).toBe(1);
    expect(table.extendedRcode[0]).toBe(1);
    dissect(concat(response, hex('00 0029 04d0 00 00 0000 0000')));
    expect(table.extendedRcode[0]).toBe(0);
  });

  it('takes nothing on the ports of multicast DNS and LLMNR, nor an operation that does not exist', () => {
    const query = dnsQuery({ id: 1, name: 'a.example' });
    expect(dissect(query, IP_PROTOCOL.udp, 5353)).toBe(0);
    expect(dissect(query, IP_PROTOCOL.udp, 5355)).toBe(0);
    expect(dissect(concat(hex('0001 7900'), zeros(20)))).toBe(0);
    expect(slot.unreadableHeaders.rows.length).toBe(1);
  });

  it('notes a unreadableHeader wherever header or question is cut', () => {
    const query = dnsQuery({ id: 1, name: 'www.example.org' });
    for (let length = 0; length < query.length; length++) {
      expect(dissect(query.subarray(0, length)), `${length}`).toBe(length < 12 ? 0 : 1);
      expect(slot.unreadableHeaders.rows.length, `${length}`).toBe(1);
      if (length >= 12) expect(table.nameLength[0]).toBe(0);
    }
  });

  it('reads any bytes without leaving them', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(IP_PROTOCOL.udp, IP_PROTOCOL.tcp),
        (bytes, protocol) => {
          if (dissect(bytes, protocol) > 0) rowName();
        },
      ),
      { numRuns: 1000 },
    );
  });
});

interface Exchange {
  at: number;
  id: number;
  name: string;
  seconds?: number | null;
  rcode?: number;
  addresses?: readonly string[];
  type?: number;
  port?: number;
}

function exchange(t: Timeline, { at, id, name, seconds = 0.002, port = 40_000, ...rest }: Exchange): void {
  const from = { ...client, port };
  t.sendUdp(at, from, server, dnsQuery({ id, name, ...rest }));
  if (seconds === null) return;
  t.sendUdp(at + seconds, server, from, dnsResponse({ id, name, addresses: ['10.1.1.1'], ...rest }));
}

describe('DNS servers', () => {
  it('matches questions and answers by id, name and type', async () => {
    const t = timeline(START_NS);
    exchange(t, { at: 0, id: 1, name: 'a.example', seconds: 0.25 });
    exchange(t, { at: 0.001, id: 1, name: 'a.example', seconds: 0.001, type: DNS_TYPE.aaaa });
    exchange(t, { at: 0.1, id: 2, name: 'b.example', seconds: null });
    exchange(t, { at: 1, id: 3, name: 'c.example', rcode: 2, addresses: [], port: 40_001 });
    const [session, ...others] = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    expect(others).toEqual([]);
    expect(session).toMatchObject({
      address: server.address,
      questions: 4,
      answered: 3,
      slow: [{ name: 'a.example', type: 1, responseNs: 250_000_000 }],
      waiting: [{ name: 'b.example', tries: 1 }],
      failures: [{ kind: 'server-failure', name: 'c.example', count: 1 }],
      clients: [{ address: client.address, questions: 4, answered: 3 }],
    });
    expect([...session.resolved]).toEqual(['a.example']);
    expect(session.responseTimes.count).toBe(3);
  });

  it('takes a question that is asked again as one, from its first try', async () => {
    const t = timeline(START_NS);
    t.sendUdp(0, client, server, dnsQuery({ id: 1, name: 'a.example' }));
    exchange(t, { at: 5, id: 1, name: 'a.example' });
    const [session] = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    expect(session).toMatchObject({ questions: 1, answered: 1, repeated: 1, slow: [{ tries: 2 }] });
    expect(session.slow[0].responseNs).toBe(5_002_000_000);
  });

  it('leaves out questions without recursion desired, multicast, and notifications', async () => {
    const t = timeline(START_NS);
    const query = dnsQuery({ id: 1, name: 'a.example', recursionDesired: false });
    t.sendUdp(0, client, server, query);
    t.sendUdp(1, client, { ...server, address: '224.0.0.251' }, dnsQuery({ id: 2, name: 'b.example' }));
    const notify = dnsQuery({ id: 3, name: 'c.example' });
    notify[2] |= 0x20;
    t.sendUdp(2, client, server, notify);
    expect((await runFrames(t.frames(), parts)).sessions(dnsServers)).toEqual([]);
  });

  it('reads messages over TCP, however they are cut into segments', async () => {
    const t = timeline(START_NS);
    const to = {
      source: client.address,
      destination: server.address,
      sourcePort: 40_000,
      destinationPort: 53,
    };
    const from = {
      source: server.address,
      destination: client.address,
      sourcePort: 53,
      destinationPort: 40_000,
    };
    const query = dnsOverTcp(dnsQuery({ id: 9, name: 'a.example' }));
    const answer = dnsOverTcp(dnsResponse({ id: 9, name: 'a.example', addresses: ['10.1.1.1'] }));
    t.sendIp(0, client, server, IP_PROTOCOL.tcp, tcp({ ...to, flags: ['SYN'], sequence: 99 }));
    t.sendIp(
      0.001,
      server,
      client,
      IP_PROTOCOL.tcp,
      tcp({ ...from, flags: ['SYN', 'ACK'], sequence: 499, acknowledgment: 100 }),
    );
    const pieces = [query.subarray(0, 1), query.subarray(1, 20), query.subarray(20)];
    let sequence = 100;
    for (const [index, payload] of pieces.entries()) {
      t.sendIp(
        0.01 + index / 100,
        client,
        server,
        IP_PROTOCOL.tcp,
        tcp({ ...to, flags: ['ACK'], sequence, payload }),
      );
      sequence += payload.length;
    }
    t.sendIp(
      0.1,
      server,
      client,
      IP_PROTOCOL.tcp,
      tcp({ ...from, flags: ['ACK'], sequence: 500, payload: answer }),
    );
    const [session] = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    expect(session).toMatchObject({
      questions: 1,
      answered: 1,
      first: { frame: 5 },
      lastAnswer: { frame: 6 },
    });
  });

  it('counts a fragmented answer once, from its first fragment', async () => {
    const t = timeline(START_NS);
    t.sendUdp(0, client, server, dnsQuery({ id: 1, name: 'a.example' }));
    const addresses = Array.from({ length: 120 }, (_, index) => `10.1.1.${index}`);
    const datagram = udp({
      source: server.address,
      destination: client.address,
      sourcePort: 53,
      destinationPort: 40_000,
      payload: dnsResponse({ id: 1, name: 'a.example', addresses }),
    });
    const ends = { source: server.address, destination: client.address };
    const packet = ipv4({ ...ends, protocol: IP_PROTOCOL.udp, payload: datagram, identification: 7 });
    for (const [index, piece] of fragmentIpv4(packet, 1500).entries()) {
      t.send(0.01 + index / 1000, server, client, ETHER_TYPE.ipv4, piece);
    }
    const [session] = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    expect(session).toMatchObject({ questions: 1, answered: 1, lastAnswer: { frame: 2 } });
  });

  it('gives the same sessions for any chunk size', async () => {
    const t = timeline(START_NS);
    for (let index = 0; index < 30; index++) {
      const seconds = index % 7 === 0 ? null : 0.001 * index;
      exchange(t, {
        at: index,
        id: index,
        name: `n${index % 5}.example`,
        port: 40_000 + (index % 11),
        seconds,
      });
    }
    const whole = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    for (const framesPerChunk of [1, 7]) {
      const cut = (await runFrames(t.frames(), parts, framesPerChunk)).sessions(dnsServers);
      expect(cut).toEqual(whole);
    }
  });

  it('matches error answers that leave the question out', async () => {
    const t = timeline(START_NS);
    t.sendUdp(0, client, server, dnsQuery({ id: 1, name: 'a.example' }));
    t.sendUdp(0.01, server, client, concat(hex('0001 8182'), zeros(8)));
    const [session] = (await runFrames(t.frames(), parts)).sessions(dnsServers);
    expect(session).toMatchObject({ answered: 1, failures: [{ kind: 'server-failure', name: 'a.example' }] });
  });
});

describe('response times', () => {
  it('gives quantiles within 10 %, whatever the scale', () => {
    const times = new ResponseTimes();
    expect(times.quantile(0.5)).toBeNaN();
    for (let index = 1; index <= 1000; index++) times.add(index * 1e6);
    expect(times.quantile(0.5) / 500e6).toBeCloseTo(1, 0.9);
    expect(times.quantile(0.95)).toBeGreaterThan(940e6);
    expect(times.quantile(1)).toBe(1e9);
    times.add(Number.NaN);
    expect(times.count).toBe(1000);
  });
});

it('writes names as the wire has them', () => {
  expect(dnsName('a.bc')).toEqual(hex('01 61 02 6263 00'));
});
