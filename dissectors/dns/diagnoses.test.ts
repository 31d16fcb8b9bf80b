import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { DNS_RCODE, DNS_TYPE, type DnsResponse, dnsQuery, dnsResponse } from '../../test/build/dns.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import greDissector from '../gre/dissector.js';
import correlators from './correlator.js';
import error from './diagnoses/error.js';
import noAnswer from './diagnoses/no-answer.js';
import slow from './diagnoses/slow.js';
import timeout from './diagnoses/timeout.js';
import dissector from './dissector.js';

const parts = { dissectors: [dissector, greDissector], correlators };
const client = { address: '10.0.0.10', mac: '02:00:00:00:00:01', ttl: 64 };
const server = { address: '10.0.0.53', mac: '02:00:00:00:00:02', ttl: 64 };

interface Lookup {
  name?: string;
  /** Seconds to the answer; null: none. */
  seconds?: number | null;
  repeats?: readonly number[];
  type?: number;
  rcode?: number;
  addresses?: readonly string[];
  from?: string;
  to?: string;
  recursionDesired?: boolean;
}

/** Lookups two seconds apart, each from a port of its own. */
function lookups(list: readonly Lookup[], seconds = 2): Timeline {
  const t = timeline(1_700_000_000_000_000_000n);
  for (const [index, lookup] of list.entries()) {
    const question = {
      id: 100 + index,
      name: lookup.name ?? `n${index}.example`,
      type: lookup.type ?? DNS_TYPE.a,
      recursionDesired: lookup.recursionDesired ?? true,
    };
    const from = { ...client, address: lookup.from ?? client.address, port: 40_000 + index };
    const to = { ...server, address: lookup.to ?? server.address, port: 53 };
    const at = index * seconds;
    for (const later of [0, ...(lookup.repeats ?? [])]) t.sendUdp(at + later, from, to, dnsQuery(question));
    if (lookup.seconds === null) continue;
    const { rcode = 0, addresses = ['10.1.1.1'] } = lookup;
    const answer: DnsResponse = { ...question, rcode, addresses };
    t.sendUdp(at + (lookup.seconds ?? 0.002), to, from, dnsResponse(answer));
  }
  return t;
}

/** Lets the capture go on until then. */
function until(t: Timeline, seconds: number): readonly TestFrame[] {
  const ping = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  for (const at of t.beatsUntil(seconds)) {
    t.sendIp(at, client, { ...server, address: '10.0.0.1' }, IP_PROTOCOL.icmp, ping);
  }
  return t.frames();
}

/** Connections to that many servers, over more than a minute: a capture that nobody took for one purpose. */
function crowd(t: Timeline): Timeline {
  for (let index = 0; index < 30; index++) {
    // The client's own: what strangers do is of no account.
    const from = client;
    const to = { ...server, address: `10.5.0.${index + 1}` };
    const ends = { source: from.address, destination: to.address };
    const syn = tcp({ ...ends, sourcePort: 50_000, destinationPort: 443, flags: ['SYN'], sequence: 1 });
    t.sendIp(index * 3, from, to, IP_PROTOCOL.tcp, syn);
  }
  return t;
}

const times = (count: number, lookup: Lookup): Lookup[] => Array.from({ length: count }, () => lookup);

async function judge(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<Judgement[]> {
  return (await runFrames(frames, parts)).judge(diagnosis);
}

async function results(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<string[]> {
  return (await judge(diagnosis, frames)).map((one) =>
    one.result === 'problem' ? String(one.severity) : one.result,
  );
}

async function problem(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<Problem> {
  const [first] = await judge(diagnosis, frames);
  if (first?.result !== 'problem') throw new Error(`not a problem: ${JSON.stringify(first)}`);
  return first;
}

describe('dns.slow', () => {
  it('is a warning in a small capture where half of the answers take over a second', async () => {
    const found = await problem(slow, lookups(times(6, { seconds: 1.5 })).frames());
    expect(found).toMatchObject({ severity: 'warning', counts: { questions: 6, answered: 6, slow: 6 } });
    expect(found.first.timeNs).toBe(0);
    expect(found.evidence.length).toBeLessThanOrEqual(10);
  });

  it('is information among many servers, and for lesser delays', async () => {
    expect(await results(slow, crowd(lookups(times(6, { seconds: 1.5 }))).frames())).toEqual(['info']);
    expect(await results(slow, lookups(times(6, { seconds: 0.15 })).frames())).toEqual(['info']);
  });

  it('is a warning among many servers too where most answers take over two seconds', async () => {
    const mix = [...times(9, { seconds: 2.2 }), ...times(6, {})];
    expect(await results(slow, crowd(lookups(mix)).frames())).toEqual(['warning']);
    const fewer = [...times(7, { seconds: 2.2 }), ...times(8, {})];
    expect(await results(slow, crowd(lookups(fewer)).frames())).toEqual(['info']);
    const shorter = [...times(9, { seconds: 1.8 }), ...times(6, {})];
    expect(await results(slow, crowd(lookups(shorter)).frames())).toEqual(['info']);
  });

  it('expects more of a resolver on the host', async () => {
    expect(await results(slow, lookups(times(6, { seconds: 0.07 })).frames())).toEqual(['healthy']);
    const near = lookups(times(6, { seconds: 0.07, to: '169.254.0.2' }));
    expect(await results(slow, near.frames())).toEqual(['warning']);
  });

  it('stays silent on two slow answers, and on a few among many', async () => {
    const two = [...times(2, { seconds: 2 }), ...times(3, {})];
    expect(await results(slow, lookups(two).frames())).toEqual(['healthy']);
    const few = [...times(4, { seconds: 2 }), ...times(96, {})];
    expect(await results(slow, lookups(few).frames())).toEqual(['healthy']);
  });
});

describe('dns.timeout', () => {
  it('fires where the server answers no more, with its last answer', async () => {
    const list = [...times(3, {}), ...times(3, { seconds: null, repeats: [1] })];
    const found = await problem(timeout, until(lookups(list), 20));
    expect(found).toMatchObject({
      severity: 'warning',
      ongoingAtEnd: true,
      counts: { questions: 6, answered: 3, unanswered: 3, tries: 6, undecided: 0, clients: 1 },
      lastGood: { frame: 6 },
    });
    expect(found.first.timeNs).toBe(6e9);
  });

  it('is information where the server answers most questions, and in a large capture', async () => {
    const list = [...times(10, {}), { seconds: null }];
    expect(await results(timeout, until(lookups(list), 40))).toEqual(['info']);
    const silent = crowd(lookups(times(4, { seconds: null })));
    expect(await results(timeout, until(silent, 100))).toEqual(['info']);
  });

  it('is a warning where three clients fail at a server that answered before', async () => {
    const failing = ['10.0.1.1', '10.0.1.2', '10.0.1.3'].flatMap((from) => times(3, { from, seconds: null }));
    const t = crowd(lookups([{}, ...failing]));
    expect(await results(timeout, until(t, 100))).toEqual(['warning']);
  });

  it('stays silent where the client asks anew and is answered', async () => {
    const t = lookups([{ name: 'a.example', seconds: null }, ...times(2, {}), { name: 'a.example' }]);
    expect(await results(timeout, until(t, 30))).toEqual(['healthy']);
  });

  it('waits for five seconds or three tries', async () => {
    expect(await results(timeout, lookups([{ seconds: null }]).frames())).toEqual(['insufficient-data']);
    const tries = lookups([{ seconds: null, repeats: [0.5, 1] }]);
    expect(await results(timeout, until(tries, 1.5))).toEqual(['insufficient-data']);
    expect(await results(timeout, until(tries, 4))).toEqual(['warning']);
  });

  it('grants no more time because the client asks again', async () => {
    const asked = lookups([{ seconds: null, repeats: [5] }]);
    expect(await results(timeout, until(asked, 6))).toEqual(['info']);
  });

  it('does not apply to name servers that ask each other', async () => {
    const t = lookups(times(4, { seconds: null, recursionDesired: false }));
    expect(await results(timeout, until(t, 30))).toEqual([]);
  });

  it('judges mirrored traffic as on its link', async () => {
    const t = timeline(1_700_000_000_000_000_000n);
    for (let index = 0; index < 4; index++) {
      const inner = lookups([{ seconds: null }]).frames()[0].bytes;
      const mirrored = gre({ protocolType: 0x88be, payload: inner });
      t.sendIp(index, { ...client, address: '192.0.2.1' }, { ...server, address: '192.0.2.2' }, 47, mirrored);
    }
    expect(await results(timeout, until(t, 30))).toEqual(['warning']);
  });
});

describe('dns.error', () => {
  const failure = { rcode: DNS_RCODE.serverFailure, addresses: [] };
  const unknown = { rcode: DNS_RCODE.noSuchName, addresses: [] };

  it('is a warning where half of the answers are SERVFAIL or REFUSED', async () => {
    const found = await problem(error, lookups([{}, ...times(3, failure)]).frames());
    expect(found).toMatchObject({
      severity: 'warning',
      counts: { answered: 4, serverFailures: 3, names: 3 },
    });
    const refused = lookups(times(3, { rcode: DNS_RCODE.refused, addresses: [] }));
    expect(await results(error, refused.frames())).toEqual(['warning']);
  });

  it('is information for a single failure, and for names that do not exist', async () => {
    expect(await results(error, lookups([...times(3, {}), failure]).frames())).toEqual(['info']);
    expect(await results(error, lookups(times(5, unknown)).frames())).toEqual(['info']);
  });

  it('stays silent on a search list that ends well, and names the last candidate of one that does not', async () => {
    const series = ['api.example.default.svc.cluster.local', 'api.example.cluster.local'];
    const candidates = series.map((name) => ({ name, ...unknown }));
    const found = await results(error, lookups([...candidates, { name: 'api.example' }]).frames());
    expect(found).toEqual(['healthy']);
    const bad = await problem(error, lookups([...candidates, { name: 'api.example', ...unknown }]).frames());
    expect(bad.counts).toMatchObject({ noSuchName: 3, names: 1 });
    expect(bad.explanation).toContain('api.example A');
  });

  it('stays silent on reverse lookups, and on names resolved later', async () => {
    const reverse = { name: '5.1.168.192.in-addr.arpa', type: DNS_TYPE.ptr, ...unknown };
    expect(await results(error, lookups([reverse]).frames())).toEqual(['healthy']);
    const healed = lookups([{ name: 'a.example', ...failure }, { name: 'a.example' }]);
    expect(await results(error, healed.frames())).toEqual(['healthy']);
  });
});

describe('dns.no-answer', () => {
  const empty = { name: 'route.apps.internal', addresses: [] };

  it('fires on a name without address', async () => {
    const found = await problem(noAnswer, lookups(times(4, empty)).frames());
    expect(found).toMatchObject({ severity: 'warning', counts: { answered: 4, empty: 4, names: 1 } });
    expect(await results(noAnswer, lookups([...times(4, empty), {}]).frames())).toEqual(['info']);
  });

  it('stays silent where only the IPv6 address is missing, or only the IPv4 one', async () => {
    const v6 = { ...empty, type: DNS_TYPE.aaaa };
    expect(await results(noAnswer, lookups(times(4, v6)).frames())).toEqual(['healthy']);
    const other = { name: empty.name, type: DNS_TYPE.aaaa, addresses: ['10.1.1.1'] };
    expect(await results(noAnswer, lookups([empty, other]).frames())).toEqual(['healthy']);
  });
});

describe('display filters of DNS', () => {
  it('name the server, by family', async () => {
    const v4 = await problem(slow, lookups(times(6, { seconds: 1.5 })).frames());
    expect(v4.displayFilter).toBe('dns && ip.addr == 10.0.0.53');
    const t = timeline(1_700_000_000_000_000_000n);
    const [from, to] = [
      { ...client, address: '2001:db8::10', port: 40_000 },
      { ...server, address: '2001:db8::53', port: 53 },
    ];
    for (let id = 0; id < 4; id++) {
      t.sendUdp(id * 5, from, to, dnsQuery({ id, name: 'a.example' }));
      t.sendUdp(id * 5 + 2, to, from, dnsResponse({ id, name: 'a.example', addresses: ['10.1.1.1'] }));
    }
    expect((await problem(slow, t.frames())).displayFilter).toBe('dns && ipv6.addr == 2001:db8::53');
  });
});
