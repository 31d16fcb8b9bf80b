import type { Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  innerConnection,
  innerPing,
  innerSyns,
  onCellA,
  VTEP_A,
  VTEP_B,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

const WRONG = { send: { udpChecksum: 0xffff } };
const NONE = { send: { udpChecksum: 'none' } } as const;
const LEFT_TO_THE_CARD = { send: { udpChecksum: 'offload' } } as const;
const WEB_PORT = 8080;

/** The kernel leaves the sum out of what it forwards, and computes a wrong one for the host's own connections. */
function wrongOuterSum(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 20, identifier: 0x3101, ...NONE });
  for (const [index, at] of [3.4, 6.1].entries()) {
    innerSyns(t, APP_A, APP_B, { at, clientPort: 58_060 + index, serverPort: WEB_PORT, ...WRONG });
  }
}

/** Sums of the pseudo-header one way, none or right ones the other: a capture on a host with offload. */
function offload(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 8, identifier: 0x3102, ...LEFT_TO_THE_CARD, reply: NONE });
  for (let index = 0; index < 4; index += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 2.4 + index * 2,
      clientPort: 58_070 + index,
      serverPort: WEB_PORT,
      ...LEFT_TO_THE_CARD,
      reply: { send: {} },
    });
  }
}

/** Ten pings a second; the request of every 40th is damaged on its way and gets no reply. */
function damagedOnThePath(t: Timeline): void {
  for (let index = 0; index < 280; index += 1) {
    const isDamaged = index % 40 === 31;
    const damaged = { send: { udpChecksum: 1 + (t.random.next() & 0x7fff) } };
    innerPing(t, VTEP_A, VTEP_B, {
      at: 2 + index / 10,
      count: 1,
      identifier: 0x3103 + index,
      ...(isDamaged ? damaged : {}),
      isAnswered: () => !isDamaged,
      reply: { send: {} },
    });
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'packet-bad-checksum.pcap',
    shows:
      'connections in VXLAN datagrams with a wrong UDP checksum stay unanswered, pings in datagrams without one are answered',
    must: ['packet.bad-checksum'],
    healthy: false,
    allow: ['tcp.syn-unanswered'],
    write: onCellA('packet-bad-checksum', 25, wrongOuterSum),
  },
  {
    file: 'packet-corrupted.pcap',
    shows:
      'seven of 280 VXLAN requests are damaged on the way: their checksums are wrong by chance, all others right',
    must: ['packet.corrupted'],
    healthy: false,
    allow: ['underlay.ping-loss', 'vxlan.loss'],
    write: onCellA('packet-corrupted', 34, damagedOnThePath),
  },
  {
    file: 'packet-checksum-offload-healthy.pcap',
    shows: 'VXLAN captured on a host that leaves UDP checksums to its network card',
    must: [],
    healthy: true,
    write: onCellA('packet-checksum-offload-healthy', 14, offload),
  },
];
