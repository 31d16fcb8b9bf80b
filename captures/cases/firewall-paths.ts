import { writePcap } from '../../test/build/capture-file.js';
import { type Firewall, tcpEnds } from '../../test/build/tcp-ends.js';
import type { SamplePath } from './pairs.js';

/** TCP through something that changes packets on purpose: nothing is wrong with it. */
export const FIREWALL_PATHS: readonly SamplePath[] = [
  {
    name: 'changed',
    shows: 'a router clamps the MSS of TCP connections to 1,360 bytes and clears DSCP',
    must: [],
    healthy: true,
    points: ['a', 'b'],
    write: () => behindFirewall({ seed: 61, clampedMss: 1360, trafficClass: [0xb8, 0] }),
  },
  {
    name: 'renumbered',
    shows: 'a firewall translates addresses and rewrites TCP sequence numbers',
    must: ['underlay.nat-in-path'],
    healthy: true,
    points: ['a', 'b'],
    write: () => behindFirewall({ seed: 62, renumbers: true, nat: true }),
  },
];

function behindFirewall(firewall: Firewall): Uint8Array[] {
  const { a, b } = tcpEnds(firewall);
  return [writePcap(a), writePcap(b)];
}
