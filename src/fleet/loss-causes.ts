import { deadNetworks } from './dead-networks.js';
import { deadPaths } from './dead-paths.js';
import { largePackets } from './large-packets.js';
import { lossySites } from './lossy-sites.js';
import type { LossCause, ObservedDirection } from './observed-traffic.js';
import { silentEnds } from './silent-ends.js';

/** The most sweeping cause first: each rule looks at what those before it left unexplained. */
const RULES = [silentEnds, largePackets, deadNetworks, deadPaths, lossySites];

/**
 * What the losses of a fleet have in common. Flows whose losses a cause accounts for are marked with it.
 * @param directions outside tunnels, each between the two points that are nearest to its ends
 */
export function lossCauses(directions: readonly ObservedDirection[]): LossCause[] {
  const causes: LossCause[] = [];
  for (const rule of RULES) causes.push(...rule(directions));
  return causes;
}
