import { ascii, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { ping, type Timeline } from '../../test/build/scenario.js';
import type { SampleCapture } from './sample-capture.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';
import { type TalkEnds, TcpTalk } from './tcp-talk.js';

const { local, peer } = PUBLIC_SITE;
const ROUND_TRIP_SECONDS = 0.012;
const FIRST_PORT = 40_210;

interface Given {
  readonly t: Timeline;
  /** A new connection from the local host to a port of the peer. */
  connect(port: number, ends?: Partial<TalkEnds>): TcpTalk;
}

function beside(name: string, seconds: number, build: (given: Given) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    let clientPort = FIRST_PORT;
    build({
      t,
      connect(port, ends = {}) {
        clientPort += 14;
        const client = { address: local.address, port: clientPort };
        const server = { address: peer.address, port };
        return new TcpTalk(
          { client, server, roundTripSeconds: ROUND_TRIP_SECONDS, ...ends },
          (at, from, segment) => {
            const [source, destination] = from === 'client' ? [local, peer] : [peer, local];
            t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
          },
          { client: t.random.next(), server: t.random.next() },
        );
      },
    });
    return writePcap(t.frames());
  };
}

/** One page on a connection of its own. */
function fetchPage({ connect }: Given, at: number, waitSeconds = 0.0143, length = 1600): void {
  connect(80)
    .handshake(at)
    .request(at + 0.013, '/page')
    .response(at + 0.013 + waitSeconds, length)
    .close(at + 0.03 + waitSeconds);
}

/** Everyday sights that are no faults: a loss made good, a short pause, a long poll, an upload, a RST after FIN. */
function everyday(given: Given): void {
  const { connect } = given;
  for (let i = 0; i < 9; i += 1) fetchPage(given, 2 + i * 2.1, 0.013 + (i % 4) * 0.02);
  const lossy = connect(80).handshake(30).request(30.02, '/data');
  const part = ascii('.'.repeat(500));
  for (let i = 0; i < 24; i += 1) {
    const at = 30.05 + i * 0.02;
    lossy.segment(at, 'server', ['ACK'], part, { isLost: i === 17 });
    if (i === 17) lossy.repeat(at + 0.013, 'server', part, false);
    lossy.segment(at + (i === 17 ? 0.0131 : 0.0001), 'client', ['ACK']);
  }
  lossy.segment(30.9, 'client', ['ACK'], zeros(0), { window: 0 }).segment(31.3, 'client', ['ACK']);
  lossy.close(31.4).segment(31.42, 'client', ['RST', 'ACK']);
  const poll = connect(80).handshake(34);
  for (let i = 0; i < 4; i += 1) poll.request(34.02 + i * 4, '/events?since=7').response(38.005 + i * 4, 60);
  const upload = connect(80).handshake(51);
  upload.segment(51.02, 'client', ['ACK'], ascii('POST /upload HTTP/1.1\r\nHost: app.example\r\n\r\n'));
  for (let i = 0; i < 15; i += 1) upload.segment(51.1 + i * 0.2, 'client', ['ACK'], part);
  upload.segment(54.05, 'server', ['ACK']).response(54.06, 20).close(54.2);
}

/** Nobody answers on one port, while another one of the same host works. */
function synsUnanswered(given: Given): void {
  for (const at of [2, 9, 16]) fetchPage(given, at);
  given.connect(8443).syns([4, 5.02, 7.04, 11.2, 19.4]);
}

/** Every fifth connection starts late: one or two SYNs are lost on their way. */
function synsLost(given: Given): void {
  for (let i = 0; i < 20; i += 1) {
    const at = 2 + i * 4;
    const lost = i % 10 === 3 ? [at, at + 1.01] : i % 10 === 7 ? [at] : [];
    const late = lost.length === 2 ? 3.03 : lost.length === 1 ? 1.01 : 0;
    given
      .connect(80)
      .syns(lost)
      .handshake(at + late)
      .request(at + late + 0.013, '/page')
      .response(at + late + 0.03, 900)
      .close(at + late + 0.1);
  }
}

function connectionsRefused({ t, connect }: Given): void {
  for (let i = 0; i < 6; i += 1) {
    const at = 3 + i * 5 + t.random.between(0, 0.1);
    connect(8443)
      .segment(at, 'client', ['SYN'])
      .segment(at + ROUND_TRIP_SECONDS / 2, 'server', ['RST', 'ACK'], zeros(0), { window: 0 });
  }
}

/** A server that ends each time while the request waits for its answer. */
function resetInRequest(given: Given): void {
  for (const at of [2, 12]) fetchPage(given, at);
  for (let i = 0; i < 5; i += 1) {
    const at = 4 + i * 4;
    given
      .connect(80)
      .handshake(at)
      .request(at + 0.013, '/report')
      .segment(at + 0.9, 'server', ['RST', 'ACK'], zeros(0), { window: 0 });
  }
}

/** One segment in eight is lost behind the capture point and sent again after 220 ms. */
function lossyTransfer({ connect }: Given): void {
  const talk = connect(9400).handshake(2).segment(2.02, 'client', ['PSH', 'ACK'], ascii('sync'));
  const part = ascii('.'.repeat(200));
  let at = 2.05;
  for (let i = 0; i < 120; i += 1) {
    const isLost = i % 8 === 5;
    talk.segment(at, 'server', ['ACK'], part, { isLost });
    if (isLost) {
      at += 0.22;
      talk.repeat(at, 'server', part, false);
    }
    talk.segment(at + 0.0131, 'client', ['ACK']);
    at += 0.0171;
  }
  talk.close(at + 0.1);
}

/** The client's application hangs for 9 s in the middle of a transfer. */
function receiverStops({ connect }: Given): void {
  const talk = connect(80).handshake(2).request(2.02, '/export');
  const part = ascii('.'.repeat(1000));
  for (let i = 0; i < 12; i += 1) {
    talk.segment(2.1 + i * 0.01, 'server', ['ACK'], part);
    talk.segment(2.101 + i * 0.01, 'client', ['ACK'], zeros(0), { window: i === 11 ? 0 : 400 - i * 30 });
  }
  for (const at of [2.5, 3.3, 4.9, 8.1]) {
    talk
      .repeat(at, 'server', ascii('.'), false)
      .segment(at + 0.0001, 'client', ['ACK'], zeros(0), { window: 0 });
  }
  talk.segment(11.3, 'client', ['ACK']);
  for (let i = 0; i < 12; i += 1) {
    talk.segment(11.31 + i * 0.01, 'server', ['ACK'], part).segment(11.311 + i * 0.01, 'client', ['ACK']);
  }
  talk.close(12);
}

/** Connections every second; for a while each handshake takes 0.4 s instead of 12 ms. */
function congestedPath({ connect }: Given): void {
  for (let i = 0; i < 24; i += 1) {
    const roundTripSeconds = i >= 12 && i < 17 ? 0.4 : ROUND_TRIP_SECONDS;
    connect(443, { roundTripSeconds })
      .handshake(2 + i)
      .close(2.6 + i);
  }
}

/** The peer vanishes in the middle of a session. */
function peerVanishes({ connect }: Given): void {
  const talk = connect(5432).handshake(2);
  for (let i = 0; i < 5; i += 1) {
    talk.segment(3 + i, 'client', ['PSH', 'ACK'], ascii('select '.repeat(90)));
    talk.segment(3.013 + i, 'server', ['PSH', 'ACK'], ascii('row '.repeat(30)));
    talk.segment(3.0131 + i, 'client', ['ACK']);
  }
  const last = ascii('commit '.repeat(20));
  talk.segment(9, 'client', ['PSH', 'ACK'], last, { isLost: true });
  for (const after of [0.2, 0.6, 1.4, 3, 6.2, 12.6, 25.4]) talk.repeat(9 + after, 'client', last);
}

/** Pages in 14 ms, but every third one in 1.6 s. */
function slowApplication(given: Given): void {
  for (let i = 0; i < 15; i += 1) fetchPage(given, 2 + i * 2.2, i % 3 === 2 ? 1.6 + i * 0.01 : 0.014);
}

/** Small answers pass, full segments never do; pings of the same hosts go on. */
function largeSegmentsVanish({ t, connect }: Given): void {
  ping(t, local, peer, { at: 2.3, count: 25, identifier: 0x51c4 });
  for (let i = 0; i < 2; i += 1) {
    const at = 4 + i * 11;
    const full = ascii('.'.repeat(1460));
    const talk = connect(443)
      .handshake(at)
      .segment(at + 0.02, 'client', ['PSH', 'ACK'], ascii('hello '.repeat(40)));
    talk
      .segment(at + 0.04, 'server', ['PSH', 'ACK'], ascii('short '.repeat(20)))
      .segment(at + 0.041, 'client', ['ACK']);
    talk.segment(at + 0.05, 'server', ['ACK'], full, { isLost: true });
    for (const after of [0.22, 0.66, 1.54, 3.3, 6.8]) talk.repeat(at + 0.05 + after, 'server', full);
  }
}

/** The same, captured behind the place where they are lost: only the short end of the data arrives, again and again. */
function largeSegmentsNeverArrive({ t, connect }: Given): void {
  ping(t, local, peer, { at: 2.3, count: 25, identifier: 0x51c5 });
  for (let i = 0; i < 2; i += 1) {
    const at = 4 + i * 11;
    const end = ascii('.'.repeat(700));
    const talk = connect(443)
      .handshake(at)
      .segment(at + 0.02, 'client', ['PSH', 'ACK'], ascii('hello '.repeat(40)))
      .skip('server', 1460)
      .segment(at + 0.05, 'server', ['PSH', 'ACK'], end, { isLost: true })
      .segment(at + 0.051, 'client', ['ACK']);
    for (const after of [0.22, 0.66, 1.54, 3.3, 6.8])
      talk.repeat(at + 0.05 + after, 'server', end).segment(at + 0.051 + after, 'client', ['ACK']);
  }
}

/** Of every answer the second of three full segments never arrives, however often the receiver asks for it. */
function middleNeverArrives({ t, connect }: Given): void {
  ping(t, local, peer, { at: 2.3, count: 25, identifier: 0x51c6 });
  const part = ascii('.'.repeat(1400));
  for (let i = 0; i < 3; i += 1) {
    const at = 4 + i * 9;
    const talk = connect(443)
      .handshake(at)
      .segment(at + 0.02, 'client', ['PSH', 'ACK'], ascii('hello '.repeat(40)))
      .segment(at + 0.05, 'server', ['ACK'], part)
      .segment(at + 0.051, 'client', ['ACK'])
      .skip('server', 1400)
      .segment(at + 0.052, 'server', ['PSH', 'ACK'], part, { isLost: true });
    for (const after of [0.053, 0.3, 0.7, 1.5, 3.1, 6.3]) talk.segment(at + after, 'client', ['ACK']);
  }
}

/** Short answers arrive, long ones never: the client gives up, and the server's number stands behind all that it sent. */
function longAnswersNeverArrive({ t, connect }: Given): void {
  ping(t, local, peer, { at: 2.3, count: 25, identifier: 0x51c7 });
  for (let i = 0; i < 8; i += 1) {
    const at = 4 + i * 3;
    const talk = connect(443)
      .handshake(at)
      .segment(at + 0.02, 'client', ['PSH', 'ACK'], ascii('hello '.repeat(40)));
    if (i % 2 === 0) {
      talk
        .segment(at + 0.05, 'server', ['PSH', 'ACK'], ascii('.'.repeat(300)))
        .segment(at + 0.051, 'client', ['ACK']);
      talk.close(at + 0.1);
    } else {
      talk.segment(at + 0.032, 'server', ['ACK']).segment(at + 2.5, 'client', ['FIN', 'ACK']);
      talk.skip('server', 12_000).segment(at + 2.54, 'server', ['ACK']);
    }
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'tcp-healthy.pcap',
    shows:
      'web pages, one lost segment, a pause of 0.4 s, a long poll, an upload, a RST after FIN: nothing wrong',
    must: ['latency.breakdown'],
    healthy: true,
    write: beside('tcp-healthy', 58, everyday),
  },
  {
    file: 'tcp-syn-unanswered.pcap',
    shows: 'a SYN to one port of a server is repeated four times without answer, another port works',
    must: ['tcp.syn-unanswered'],
    healthy: false,
    write: beside('tcp-syn-unanswered', 30, synsUnanswered),
  },
  {
    file: 'tcp-late-starts.pcap',
    shows: 'four of 20 connections start 1 or 3 s late because SYNs are lost; all succeed',
    must: ['tcp.syn-unanswered'],
    healthy: false,
    allow: ['latency.breakdown'],
    write: beside('tcp-late-starts', 90, synsLost),
  },
  {
    file: 'tcp-refused.pcap',
    shows: 'six attempts to connect, each answered by RST',
    must: ['tcp.refused'],
    healthy: false,
    write: beside('tcp-refused', 40, connectionsRefused),
  },
  {
    file: 'tcp-reset.pcap',
    shows: 'five of seven connections are reset by the server while it owes an answer',
    must: ['tcp.reset'],
    healthy: false,
    write: beside('tcp-reset', 30, resetInRequest),
  },
  {
    file: 'tcp-retransmissions.pcap',
    shows: 'at the sender: one of eight segments is sent again after 220 ms',
    must: ['tcp.retransmissions'],
    healthy: false,
    write: beside('tcp-retransmissions', 12, lossyTransfer),
  },
  {
    file: 'tcp-zero-window.pcap',
    shows: 'a client closes its receive window for 9 s, the server probes it',
    must: ['tcp.zero-window'],
    healthy: false,
    write: beside('tcp-zero-window', 14, receiverStops),
  },
  {
    file: 'tcp-high-rtt.pcap',
    shows: 'of 24 handshakes five in a row take 0.4 s, the others 12 ms',
    must: ['tcp.high-rtt'],
    healthy: false,
    write: beside('tcp-high-rtt', 30, congestedPath),
  },
  {
    file: 'tcp-half-open.pcap',
    shows: 'a server vanishes, the client repeats its last request for 25 s',
    must: ['tcp.half-open'],
    healthy: false,
    allow: ['tcp.retransmissions'],
    write: beside('tcp-half-open', 40, peerVanishes),
  },
  {
    file: 'app-slow-response.pcap',
    shows: 'a web server answers every third request after 1.6 s, the others after 14 ms',
    must: ['app.slow-response', 'latency.breakdown'],
    healthy: false,
    write: beside('app-slow-response', 40, slowApplication),
  },
  {
    file: 'mtu-blackhole.pcap',
    shows:
      'full segments of two connections are repeated five times without acknowledgment, small packets pass',
    must: ['mtu.blackhole'],
    healthy: false,
    allow: ['tcp.retransmissions'],
    write: beside('mtu-blackhole', 32, largeSegmentsVanish),
  },
  {
    file: 'mtu-blackhole-receiver.pcap',
    shows:
      'the same, captured at the receiver: the full segment never arrives, the end of the data does again and again',
    must: ['mtu.blackhole'],
    healthy: false,
    allow: ['tcp.retransmissions'],
    write: beside('mtu-blackhole-receiver', 32, largeSegmentsNeverArrive),
  },
  {
    file: 'tcp-data-missing.pcap',
    shows:
      'in three connections a segment never arrives, while those of the same size before and behind it do',
    must: ['tcp.data-missing'],
    healthy: false,
    write: beside('tcp-data-missing', 32, middleNeverArrives),
  },
  {
    file: 'tcp-answers-missing.pcap',
    shows:
      'of long answers nothing arrives, and the number of the server stands behind them; short ones pass',
    must: ['tcp.data-missing'],
    healthy: false,
    write: beside('tcp-answers-missing', 32, longAnswersNeverArrive),
  },
];
