import { random } from '../../test/build/bytes.js';
import type { NetworkFault } from './fleet-network.js';

/** From `since` on nothing reaches the host. */
export function deafHost(host: number, since: number): NetworkFault {
  return { name: 'deaf', loses: ({ to, seconds }) => to.index === host && seconds >= since };
}

/** A part of all packets between two racks is lost, whichever way. */
export function lossyLink(racks: readonly [number, number], share: number, since: number): NetworkFault {
  const numbers = random(11);
  return {
    name: 'link',
    loses: ({ from, to, seconds }) =>
      seconds >= since &&
      racks.includes(from.rack) &&
      racks.includes(to.rack) &&
      from.rack !== to.rack &&
      numbers.between(0, 1) < share,
  };
}

/** One member of a bundle from one rack to another takes packets and delivers none. */
export function badBucket(
  fromRack: number,
  toRack: number,
  buckets: number,
  bucket: number,
  since: number,
): NetworkFault {
  return {
    name: 'bucket',
    loses: ({ from, to, sourcePort, seconds }) =>
      seconds >= since &&
      from.rack === fromRack &&
      to.rack === toRack &&
      sourcePort !== null &&
      sourcePort % buckets === bucket,
  };
}

export function filteredNetwork(vni: number, since: number): NetworkFault {
  return { name: 'vni', loses: (packet) => packet.vni === vni && packet.seconds >= since };
}

/** What is larger than the MTU of the underlay, from the host whose containers do not know of the tunnel. */
export function tooLarge(mtu: number): NetworkFault {
  return { name: 'mtu', loses: ({ size }) => size > mtu };
}
