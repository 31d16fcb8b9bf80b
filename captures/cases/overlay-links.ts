import { IP_PROTOCOL } from '../../test/build/ip.js';
import type { Timeline } from '../../test/build/scenario.js';
import { type Tcp, tcp } from '../../test/build/tcp.js';
import { APP_A, APP_B, onCellA, sendInner } from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

/** Range of outer source ports that one link of several gets. */
const LOST_FROM = 51_000;
const LOST_TO = 54_000;

/** Spread over the range of ports, each once. */
export function outerPortOf(index: number): number {
  return 49_200 + ((index * 37) % 101) * 150;
}

/** Connections of which `isLost` loses the first SYN; it is sent again after a second, from another outer port. */
export function connections(
  t: Timeline,
  count: number,
  isLost: (outerPort: number, index: number) => boolean,
): void {
  for (let i = 0; i < count; i += 1) {
    const there = {
      source: APP_A.address,
      destination: APP_B.address,
      sourcePort: 40_300 + i,
      destinationPort: 8080,
    };
    const back = {
      source: APP_B.address,
      destination: APP_A.address,
      sourcePort: 8080,
      destinationPort: 40_300 + i,
    };
    const outerPort = outerPortOf(i);
    let at = 2 + i * 0.3;
    const send = (segment: Tcp, from = APP_A, to = APP_B, port = outerPort): void => {
      sendInner(t, at, from, to, IP_PROTOCOL.tcp, tcp(segment), { outerPort: port });
    };
    send({ ...there, sequence: 1000, flags: ['SYN'] });
    const isFirstLost = isLost(outerPort, i);
    const second = isFirstLost ? 49_200 : outerPort;
    if (isFirstLost) {
      at += 1;
      send({ ...there, sequence: 1000, flags: ['SYN'] }, APP_A, APP_B, second);
    }
    at += 0.001;
    send({ ...back, sequence: 7000, acknowledgment: 1001, flags: ['SYN', 'ACK'] }, APP_B, APP_A);
    at += 0.001;
    send(
      { ...there, sequence: 1001, acknowledgment: 7001, flags: ['ACK', 'PSH'], payload: t.random.bytes(60) },
      APP_A,
      APP_B,
      second,
    );
    at += 0.001;
    send(
      { ...back, sequence: 7001, acknowledgment: 1061, flags: ['ACK', 'PSH'], payload: t.random.bytes(90) },
      APP_B,
      APP_A,
    );
  }
}

export const isInBucket = (outerPort: number): boolean => outerPort >= LOST_FROM && outerPort <= LOST_TO;

export const captures: readonly SampleCapture[] = [
  {
    file: 'underlay-port-bucket-loss.pcap',
    shows:
      'connections through VXLAN come up a second late where the outer source port of their SYN lies in one range',
    must: ['underlay.port-bucket-loss'],
    healthy: false,
    allow: ['latency.breakdown', 'tcp.syn-unanswered'],
    write: onCellA('underlay-port-bucket-loss', 24, (t) => connections(t, 60, isInBucket)),
  },
];
