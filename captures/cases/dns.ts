import { writePcap } from '../../test/build/capture-file.js';
import { DNS_RCODE, DNS_TYPE, type DnsResponse, dnsQuery, dnsResponse } from '../../test/build/dns.js';
import type { Endpoint } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';

const { local } = PUBLIC_SITE;
const RESOLVER: Endpoint = { ...PUBLIC_SITE.router, address: '192.0.2.53', ttl: 64 };

interface Lookup {
  at: number;
  name: string;
  seconds?: number;
  type?: number;
  /** Times of further tries after the first. */
  repeats?: readonly number[];
  answer?: Partial<DnsResponse> | null;
}

/** Lookups from one client to one resolver, each from a port of its own. */
function dnsCapture(name: string, seconds: number, lookups: readonly Lookup[]): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    for (const lookup of lookups) {
      const id = t.random.next() & 0xffff;
      const client = { ...local, port: 32_768 + (t.random.next() & 0x3fff) };
      const server = { ...RESOLVER, port: 53 };
      const question = { id, name: lookup.name, type: lookup.type ?? DNS_TYPE.a };
      for (const later of [0, ...(lookup.repeats ?? [])]) {
        t.sendUdp(lookup.at + later, client, server, dnsQuery(question));
      }
      if (lookup.answer === null) continue;
      const answer = dnsResponse({ ...question, addresses: ['198.51.100.80'], ...lookup.answer });
      t.sendUdp(lookup.at + (lookup.seconds ?? 0.0018) + t.random.between(0, 0.0004), server, client, answer);
    }
    return writePcap(t.frames());
  };
}

interface Pair {
  readonly at: number;
  /** Seconds after which the second of the two is asked again; the first try is lost before the server. */
  readonly lostFor?: number;
  /** The server never answers the second one. */
  readonly isDropped?: boolean;
}

/** A and AAAA of each name from one port, 60 µs apart. */
function pairCapture(name: string, seconds: number, pairs: readonly Pair[]): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    const server = { ...RESOLVER, port: 53 };
    pairs.forEach(({ at, lostFor, isDropped = false }, index) => {
      const client = { ...local, port: 32_768 + (t.random.next() & 0x3fff) };
      const id = t.random.next() & 0x7fff;
      const a = { id, name: `svc${index % 7}.example.org`, type: DNS_TYPE.a };
      const aaaa = { ...a, id: id + 1, type: DNS_TYPE.aaaa };
      t.sendUdp(at, client, server, dnsQuery(a));
      t.sendUdp(at + 0.00006, client, server, dnsQuery(aaaa));
      t.sendUdp(at + 0.0018, server, client, dnsResponse({ ...a, addresses: ['198.51.100.80'] }));
      if (lostFor !== undefined) t.sendUdp(at + lostFor, client, server, dnsQuery(aaaa));
      if (!isDropped) t.sendUdp(at + (lostFor ?? 0) + 0.002, server, client, dnsResponse(aaaa));
    });
    return writePcap(t.frames());
  };
}

/** The race is lost in four of 60 lookups. */
const RACED: readonly Pair[] = Array.from({ length: 60 }, (_, index) => ({
  at: 1 + index * 1.9,
  ...(index % 15 === 8 ? { lostFor: 5.005 } : {}),
}));

/** A server that drops every question for IPv6 addresses; the client asks twice. */
const WITHOUT_AAAA: readonly Pair[] = Array.from({ length: 20 }, (_, index) => ({
  at: 1 + index * 6,
  isDropped: true,
  lostFor: 2.5,
}));

function names(count: number, lookup: (index: number) => Partial<Lookup>): Lookup[] {
  return Array.from({ length: count }, (_, index) => ({
    at: 2 + index * 2.5,
    name: `www${index}.example.org`,
    ...lookup(index),
  }));
}

/** A client in Kubernetes: three search domains before the name itself, IPv4 and IPv6. */
const SEARCH_SERIES: readonly Lookup[] = [
  'default.svc.cluster.local',
  'svc.cluster.local',
  'cluster.local',
  '',
]
  .map((domain) => (domain === '' ? 'api.example.net' : `api.example.net.${domain}`))
  .flatMap((name, index) => {
    const at = 12 + index * 0.004;
    const isLast = name === 'api.example.net';
    const answer = isLast ? {} : { rcode: DNS_RCODE.noSuchName, addresses: [] };
    const empty = isLast ? { addresses: [] } : answer;
    return [
      { at, name, answer },
      { at: at + 0.0005, name, type: DNS_TYPE.aaaa, answer: empty },
    ];
  });

const SERVER_FAILURE = { rcode: DNS_RCODE.serverFailure, addresses: [] };

export const captures: readonly SampleCapture[] = [
  {
    file: 'dns-healthy.pcap',
    shows:
      'lookups answered in 2 ms, one of them with a search list (NXDOMAIN before the answer), one repeated',
    must: [],
    healthy: true,
    write: dnsCapture('dns-healthy', 30, [
      ...names(8, (index) => (index === 3 ? { repeats: [0.02], seconds: 0.03 } : {})),
      ...SEARCH_SERIES,
    ]),
  },
  {
    file: 'dns-slow.pcap',
    shows: 'a resolver that answers after about 1.6 s',
    must: ['dns.slow'],
    healthy: false,
    write: dnsCapture(
      'dns-slow',
      30,
      names(8, (index) => ({ seconds: 1.5 + (index % 3) * 0.1 })),
    ),
  },
  {
    file: 'dns-pair-race.pcap',
    shows:
      'A and AAAA asked at once: in four of 60 lookups the second question is lost and asked again after 5 s',
    must: ['dns.pair-race'],
    healthy: false,
    allow: ['dns.slow'],
    write: pairCapture('dns-pair-race', 120, RACED),
  },
  {
    file: 'dns-aaaa-dropped.pcap',
    shows: 'a server that leaves every question for an IPv6 address without answer',
    must: [],
    healthy: false,
    allow: ['dns.timeout'],
    write: pairCapture('dns-aaaa-dropped', 130, WITHOUT_AAAA),
  },
  {
    file: 'dns-timeout.pcap',
    shows: 'a resolver that answers four questions and then none, each asked three times',
    must: ['dns.timeout'],
    healthy: false,
    write: dnsCapture(
      'dns-timeout',
      55,
      names(10, (index) => (index < 4 ? {} : { at: 12 + (index - 4) * 5, answer: null, repeats: [1, 3] })),
    ),
  },
  {
    file: 'dns-error.pcap',
    shows: 'a resolver that answers SERVFAIL to all but two names',
    must: ['dns.error'],
    healthy: false,
    write: dnsCapture(
      'dns-error',
      30,
      names(8, (index) => (index < 2 ? {} : { answer: SERVER_FAILURE })),
    ),
  },
  {
    file: 'dns-no-answer.pcap',
    shows: 'an internal route without instances: answers without error and without address',
    must: ['dns.no-answer'],
    healthy: false,
    write: dnsCapture(
      'dns-no-answer',
      30,
      names(6, () => ({ name: 'backend.apps.internal', answer: { addresses: [] } })),
    ),
  },
];
