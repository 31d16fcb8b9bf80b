import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { originText } from '../../src/side-files/origin.js';
import { type Peering, speakerOf } from './peerings.js';
import type { BgpOpen } from './session.js';
import bgpConfigurations, { type BgpNeighbour, type BgpSpeaker } from './side-files/bgp-configuration.js';

/** One side of a peering whose configuration is given. */
export interface ConfiguredSide {
  readonly speaker: BgpSpeaker;
  readonly neighbour: BgpNeighbour;
  /** Address of the side whose configuration it is. */
  readonly own: string;
  readonly ownOpen: BgpOpen | null;
  readonly neighbourOpen: BgpOpen | null;
  /** A password is configured, and SYNs of this side are in the capture without a signature. */
  readonly lacksPassword: boolean;
}

/** Configurations that have one end of the peering as a neighbour: they are those of the other end. */
export function configuredSides({ side }: Evidence, peering: Peering): ConfiguredSide[] {
  return side.of(bgpConfigurations).flatMap((speaker) =>
    speaker.neighbours.flatMap((neighbour): ConfiguredSide[] => {
      const { address } = neighbour;
      if (address !== peering.a && address !== peering.b) return [];
      const own = address === peering.a ? peering.b : peering.a;
      return [
        {
          speaker,
          neighbour,
          own,
          ownOpen: openOf(peering, own),
          neighbourOpen: openOf(peering, address),
          lacksPassword: neighbour.hasPassword && sendsUnsigned(peering, own),
        },
      ];
    }),
  );
}

/** ` The configuration (…) has …`, for findings about a session that does not come up; empty where none is given. */
export function configurationWords(evidence: Evidence, peering: Peering): string {
  return configuredSides(evidence, peering)
    .map(({ speaker, neighbour, own }) => {
      const as =
        neighbour.remoteAs === null ? '' : `, its neighbour ${neighbour.address} in AS ${neighbour.remoteAs}`;
      const connect = neighbour.connectSeconds;
      const retry = connect === null ? '' : `; it tries to connect every ${connect} s`;
      return ` By ${originText(neighbour.origin)} ${own} is in AS ${speaker.as}${as}${retry}.`;
    })
    .join('');
}

function openOf({ connections }: Peering, address: string): BgpOpen | null {
  for (const connection of connections) {
    const open = speakerOf(connection, address)?.open;
    if (open) return open;
  }
  return null;
}

function sendsUnsigned({ connections }: Peering, address: string): boolean {
  const syns = connections.flatMap(({ client }) =>
    client.address === address && client.syn ? [client.syn] : [],
  );
  return syns.length > 0 && syns.every(({ authentication }) => authentication === 0);
}
