import { groupBy } from '../correlate/group-by.js';
import type { BlindSpot, FleetCell } from '../report/fleet-report.js';

/** Hosts that are named, the ones with the most open questions first. */
const LISTED_MAX = 20;

/**
 * Tunnel ends at which nobody captured, with what a capture there would settle: whether what left for it arrives, and
 * whether what did not come from it was sent.
 */
export function blindSpots(cells: readonly FleetCell[], places: ReadonlyMap<string, number>): BlindSpot[] {
  const open = cells.flatMap((cell) => [
    ...(places.has(cell.to)
      ? []
      : [{ address: cell.to, peer: cell.from, packets: cell.sent ?? 0, isSent: true }]),
    ...(places.has(cell.from)
      ? []
      : [{ address: cell.from, peer: cell.to, packets: cell.arrived ?? 0, isSent: false }]),
  ]);
  const spots = [...groupBy(open, ({ address }) => address)].map(([address, own]) => {
    const peers = new Set(own.map(({ peer }) => peer));
    const silent = [...peers].filter((peer) => {
      const ofPeer = own.filter((one) => one.peer === peer);
      return (
        ofPeer.some(({ isSent, packets }) => isSent && packets > 0) &&
        !ofPeer.some(({ isSent, packets }) => !isSent && packets > 0)
      );
    });
    const packets = own.reduce((sum, one) => sum + one.packets, 0);
    return { address, peers: peers.size, silent: silent.length, packets };
  });
  spots.sort((x, y) => y.silent - x.silent || y.packets - x.packets || (x.address < y.address ? -1 : 1));
  return spots.slice(0, LISTED_MAX).map(({ address, peers, silent, packets }) => ({
    address,
    peers,
    packets,
    reason:
      silent > 0
        ? `nothing comes from it to ${silent} of ${peers} captured hosts; whether it hears them is open`
        : `${peers} captured hosts speak with it; whether all that leaves for it arrives is open`,
    nextStep: `on ${address}: tcpdump -i any -s 200 -w ${address.replaceAll(':', '-')}.pcap -C 100 -W 10`,
  }));
}
