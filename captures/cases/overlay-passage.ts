import type { Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  CELL_B,
  type Container,
  innerConnection,
  innerPing,
  innerSyns,
  onCellA,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

/*
 * Tunnels that let some packets pass and others not, whichever way these go.
 */

export const OTHER_B: Container = { cell: CELL_B, address: '10.255.144.71', ttl: 63 };

/** Containers of cell A ping one of cell B and are answered; no connection comes about. `hosts`: that they try to reach. */
export function onlyPings(t: Timeline, hosts: readonly Container[] = [APP_B, OTHER_B]): void {
  innerPing(t, APP_A, APP_B, { at: 2, count: 28, identifier: 0x2f31 });
  for (const [index, host] of hosts.entries()) {
    innerSyns(t, APP_A, host, { at: 4 + index * 3, clientPort: 58_100 + index, serverPort: 8080 });
    innerSyns(t, APP_A, host, { at: 13 + index * 2, clientPort: 58_110 + index, serverPort: 5432 });
  }
}

/** As `onlyPings`, but connections came about until then. */
export function noMoreConnections(t: Timeline): void {
  innerConnection(t, APP_A, APP_B, { at: 2.2, clientPort: 58_099, serverPort: 8080 });
  onlyPings(t, [APP_B]);
}

/** When somebody asks, in seconds of one of `CYCLES`. */
export interface Asking {
  /** Cell A, in vain where the way is closed; cell B; cell A again. */
  readonly outside: number;
  readonly inside: number;
  readonly again: number;
}

const ASKING: Asking = { outside: 2, inside: 9, again: 13 };
const CYCLE_SECONDS = 60;

/**
 * Cell A pings, then cell B, then cell A again, with pauses between. `isClosed`: in which cycles the way is closed until
 * B has sent.
 */
export function openedFromInside(
  t: Timeline,
  cycles: number,
  isClosed: (cycle: number) => boolean = () => true,
  { outside, inside, again }: Asking = ASKING,
): void {
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const at = cycle * CYCLE_SECONDS;
    const identifier = 0x3000 + cycle * 3;
    innerPing(t, APP_A, APP_B, {
      at: at + outside,
      count: 5,
      identifier,
      isAnswered: () => !isClosed(cycle),
    });
    innerPing(t, APP_B, APP_A, { at: at + inside, count: 3, identifier: identifier + 1 });
    innerPing(t, APP_A, APP_B, { at: at + again, count: 4, identifier: identifier + 2 });
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'overlay-only-icmp-passes.pcap',
    shows:
      'pings through VXLAN are answered all the time, and no connection to either of two hosts comes about',
    must: ['overlay.only-icmp-passes'],
    healthy: false,
    write: onCellA('overlay-only-icmp-passes', 34, onlyPings),
  },
  {
    file: 'overlay-opens-from-inside.pcap',
    shows:
      'pings from one end of VXLAN get no answer until the other end has sent, and again after each pause (stateful filter)',
    must: ['overlay.opens-from-inside'],
    healthy: false,
    allow: ['underlay.ping-loss', 'vxlan.loss'],
    write: onCellA('overlay-opens-from-inside', 150, (t) => openedFromInside(t, 3)),
  },
  {
    file: 'overlay-idle-healthy.pcap',
    shows: 'a tunnel that rests for most of a minute, and works each time from either end',
    must: [],
    healthy: true,
    write: onCellA('overlay-idle-healthy', 150, (t) => openedFromInside(t, 3, () => false)),
  },
];
