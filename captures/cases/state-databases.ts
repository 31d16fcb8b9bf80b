import { ascii, concat, u8, u16, u32, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { DHCP_TYPE, type Dhcp, dhcp } from '../../test/build/dhcp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';
import {
  CQL_READY,
  cql,
  cqlError,
  cqlStartup,
  ZK_PING,
  zkClose,
  zkConnectRequest,
  zkConnectResponse,
  zkReply,
  zkRequest,
} from '../../test/build/zookeeper.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';
import { TcpTalk } from './tcp-talk.js';

const { local, router } = PUBLIC_SITE;
const DATABASE: Endpoint = { ...router, address: '192.0.2.40', ttl: 64 };
const ROUND_TRIP_SECONDS = 0.0008;
const ZOOKEEPER = 2181;
const CASSANDRA = 9042;
const OPCODE_QUERY = 7;
/** Of an UNAVAILABLE error: consistency, replicas that are needed, replicas that are up. */
const QUORUM_OF_TWO_ONE_ALIVE = concat(u16(4), u32(2), u32(1));
/** tshark takes answers with small numbers for another protocol (SMPP). */
const FIRST_XID = 0x2001;
const CLOSE_XID = 0x2002;

interface Given {
  readonly t: Timeline;
  /** A new connection from the host that captures to the database. */
  connect(port: number): TcpTalk;
}

function agentCapture(name: string, seconds: number, build: (given: Given) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    let clientPort = 43_100;
    build({
      t,
      connect(port) {
        clientPort += 8;
        return new TcpTalk(
          {
            client: { address: local.address, port: clientPort },
            server: { address: DATABASE.address, port },
            roundTripSeconds: ROUND_TRIP_SECONDS,
          },
          (at, from, segment) => {
            const [source, destination] = from === 'client' ? [local, DATABASE] : [DATABASE, local];
            t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
          },
          { client: t.random.next(), server: t.random.next() },
        );
      },
    });
    return writePcap(t.frames());
  };
}

/** A four-letter word on a connection of its own; `answer` null: the server closes without one. */
function fourLetterWord({ connect }: Given, at: number, word: string, answer: string | null): void {
  const talk = connect(ZOOKEEPER)
    .handshake(at)
    .segment(at + 0.002, 'client', ['PSH', 'ACK'], ascii(`${word}\n`))
    .segment(at + 0.0024, 'server', ['ACK']);
  if (answer !== null) {
    talk.segment(at + 0.004, 'server', ['PSH', 'ACK'], ascii(answer)).segment(at + 0.0041, 'client', ['ACK']);
  }
  talk
    .segment(at + 0.005, 'server', ['FIN', 'ACK'])
    .segment(at + 0.0054, 'client', ['FIN', 'ACK'])
    .segment(at + 0.0058, 'server', ['ACK']);
}

/** A session with a timeout of 30 s and a ping every 10 s; pings from `silentFrom` on stay without answer. */
function session(given: Given, at: number, pings: number, silentFrom = pings): TcpTalk {
  const talk = given.connect(ZOOKEEPER).handshake(at);
  const ask = (seconds: number, question: Uint8Array, answer: Uint8Array | null): void => {
    talk.segment(seconds, 'client', ['PSH', 'ACK'], question);
    if (answer) {
      talk
        .segment(seconds + 0.0012, 'server', ['PSH', 'ACK'], answer)
        .segment(seconds + 0.0013, 'client', ['ACK']);
    } else talk.segment(seconds + 0.0004, 'server', ['ACK']);
  };
  ask(at + 0.01, zkConnectRequest(30_000), zkConnectResponse(30_000, 0x1009b61d370014n));
  ask(at + 0.02, zkRequest(FIRST_XID), zkReply(FIRST_XID));
  for (let index = 0; index < pings; index += 1) {
    ask(at + 10 * (index + 1), ZK_PING, index < silentFrom ? zkReply(-2) : null);
  }
  return talk;
}

function cassandraSession(given: Given, at: number): TcpTalk {
  return given
    .connect(CASSANDRA)
    .handshake(at)
    .segment(at + 0.002, 'client', ['PSH', 'ACK'], cqlStartup())
    .segment(at + 0.003, 'server', ['PSH', 'ACK'], CQL_READY)
    .segment(at + 0.0031, 'client', ['ACK']);
}

function healthy(given: Given): void {
  fourLetterWord(given, 2, 'ruok', 'imok');
  fourLetterWord(given, 3, 'stat', 'Zookeeper version: 3.4.5--1, built on 01/01/2013\nMode: follower\n');
  fourLetterWord(given, 4, 'ruok', 'ruok is not executed because it is not in the whitelist.\n');
  const talk = session(given, 5, 3);
  talk
    .segment(36, 'client', ['PSH', 'ACK'], zkClose(CLOSE_XID))
    .segment(36.001, 'server', ['PSH', 'ACK'], zkReply(CLOSE_XID));
  talk.segment(36.0011, 'client', ['ACK']).close(36.01);
  cassandraSession(given, 6).close(30);
}

/** ZooKeeper refuses connections, Cassandra does not answer. */
function unreachable({ t, connect }: Given): void {
  for (let index = 0; index < 5; index += 1) {
    const at = 3 + index * 4 + t.random.between(0, 0.2);
    connect(ZOOKEEPER)
      .segment(at, 'client', ['SYN'])
      .segment(at + ROUND_TRIP_SECONDS / 2, 'server', ['RST', 'ACK'], zeros(0), { window: 0 });
  }
  connect(CASSANDRA).syns([4, 5.02, 7.04, 11.2, 19.4]);
}

function notOk(given: Given): void {
  fourLetterWord(given, 2, 'ruok', 'imok');
  fourLetterWord(given, 12, 'ruok', 'This ZooKeeper instance is not currently serving requests\n');
  fourLetterWord(given, 22, 'ruok', null);
}

/** A server that stops answering pings, and then has no session for the client that comes back. */
function sessionExpired(given: Given): void {
  session(given, 2, 6, 2);
  given
    .connect(ZOOKEEPER)
    .handshake(64)
    .segment(64.01, 'client', ['PSH', 'ACK'], zkConnectRequest(30_000, 0x1009b61d370014n))
    .segment(64.02, 'server', ['PSH', 'ACK'], zkConnectResponse(0, 0n))
    .segment(64.0201, 'client', ['ACK'])
    .close(64.1);
}

function cassandraErrors(given: Given): void {
  const talk = cassandraSession(given, 3);
  // A statement, the consistency QUORUM, and no flags.
  const query = cql(OPCODE_QUERY, concat(u32(10), ascii('SELECT 1;\n'), u16(4), u8(0)));
  for (let index = 0; index < 5; index += 1) {
    talk
      .segment(5 + index * 2, 'client', ['PSH', 'ACK'], query)
      .segment(
        5.4 + index * 2,
        'server',
        ['PSH', 'ACK'],
        cqlError(0x1000, 'Cannot achieve consistency level', QUORUM_OF_TWO_ONE_ALIVE),
      )
      .segment(5.4001 + index * 2, 'client', ['ACK']);
  }
}

const NOBODY: Endpoint = { mac: '02:16:3e:00:00:21', address: '0.0.0.0', ttl: 64 };
const EVERYBODY: Endpoint = { mac: 'ff:ff:ff:ff:ff:ff', address: '255.255.255.255', ttl: 64 };
const DHCP_SERVER: Endpoint = { mac: '02:16:3e:00:00:01', address: '10.20.0.2', ttl: 64 };
const VM: Endpoint = { mac: NOBODY.mac, address: '10.20.0.31', ttl: 64 };

/** The tap of a virtual machine. */
function tapCapture(name: string, seconds: number, build: (t: Timeline, say: Say) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    const say: Say = (at, from, message) => {
      const [source, destination] = from === 'client' ? [NOBODY, EVERYBODY] : [DHCP_SERVER, EVERYBODY];
      const [own, other] = from === 'client' ? [68, 67] : [67, 68];
      const payload = dhcp({ transaction: 0x3903_f326, clientMac: VM.mac, ...message });
      t.sendUdp(at, { ...source, port: own }, { ...destination, port: other }, payload);
    };
    build(t, say);
    return writePcap(t.frames());
  };
}

type Say = (at: number, from: 'client' | 'server', message: Pick<Dhcp, 'type'> & Partial<Dhcp>) => void;

const PARAMETERS = [1, 3, 6, 15, 26, 121];

/** An address with an MTU of 1450; the machine opens a connection with the MSS of 1410. */
function announcedMtu(t: Timeline, say: Say): void {
  const lease = { yourAddress: VM.address, server: DHCP_SERVER.address, interfaceMtu: 1450 };
  say(3, 'client', { type: DHCP_TYPE.discover, parameters: PARAMETERS });
  say(3.002, 'server', { type: DHCP_TYPE.offer, ...lease });
  say(3.01, 'client', { type: DHCP_TYPE.request, parameters: PARAMETERS });
  say(3.012, 'server', { type: DHCP_TYPE.ack, ...lease });
  const server: Endpoint = { mac: DHCP_SERVER.mac, address: '10.20.0.9', ttl: 63 };
  new TcpTalk(
    {
      client: { address: VM.address, port: 40_100, mss: 1410 },
      server: { address: server.address, port: 7000, mss: 1410 },
      roundTripSeconds: 0.001,
    },
    (at, from, segment) => {
      const [source, destination] = from === 'client' ? [VM, server] : [server, VM];
      t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    },
    { client: t.random.next(), server: t.random.next() },
  )
    .handshake(5)
    .segment(5.01, 'client', ['PSH', 'ACK'], ascii('hello'))
    .segment(5.011, 'server', ['ACK'])
    .close(5.1);
}

function noOffer(_t: Timeline, say: Say): void {
  for (const at of [3, 7.2, 15.1, 30.8])
    say(at, 'client', { type: DHCP_TYPE.discover, parameters: PARAMETERS });
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'zk-healthy.pcap',
    shows:
      'ruok and imok, a word outside the whitelist, a ZooKeeper session with pings, and a Cassandra connection',
    must: [],
    healthy: true,
    write: agentCapture('zk-healthy', 42, healthy),
  },
  {
    file: 'nsdb-unreachable.pcap',
    shows: 'ZooKeeper refuses five attempts to connect, Cassandra leaves the SYNs without answer',
    must: ['nsdb.unreachable'],
    healthy: false,
    allow: ['tcp.refused', 'tcp.syn-unanswered'],
    write: agentCapture('nsdb-unreachable', 30, unreachable),
  },
  {
    file: 'zk-not-ok.pcap',
    shows: 'ruok is answered by imok, then by "not currently serving", then by a closed connection',
    must: ['zk.not-ok'],
    healthy: false,
    write: agentCapture('zk-not-ok', 30, notOk),
  },
  {
    file: 'zk-session-expired.pcap',
    shows: 'pings of a session stay unanswered for 40 s; the client comes back and gets no session',
    must: ['zk.session-expired'],
    healthy: false,
    write: agentCapture('zk-session-expired', 70, sessionExpired),
  },
  {
    file: 'cassandra-error.pcap',
    shows: 'five queries answered by "unavailable"',
    must: ['cassandra.error'],
    healthy: false,
    write: agentCapture('cassandra-error', 20, cassandraErrors),
  },
  {
    file: 'dhcp-mtu.pcap',
    shows: 'DHCP announces an interface MTU of 1450 bytes, and the host keeps to it',
    must: ['dhcp.mtu'],
    healthy: true,
    write: tapCapture('dhcp-mtu', 2, announcedMtu),
  },
  {
    file: 'dhcp-no-offer.pcap',
    shows: 'four DISCOVERs of a host in 28 s, and no server',
    must: ['dhcp.no-offer'],
    healthy: false,
    write: tapCapture('dhcp-no-offer', 50, noOffer),
  },
];
