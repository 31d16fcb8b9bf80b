import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { canonicalNetwork } from '../../src/side-files/networks.js';
import hostLinks from '../host/side-files/ip-link.js';

/** A network that small holds no overlay, but the two ends of a link. */
const PREFIX_MAX = 30;

/** IPv4 networks of overlays as configured (`--config`), or as tunnel devices have them (`ip addr`; silk names its own). */
export function overlayNetworks({ side }: Pick<Evidence, 'side'>): string[] {
  const ofDevices = side
    .of(hostLinks)
    .filter(
      ({ name, tunnel }) => tunnel?.kind === 'vxlan' || tunnel?.kind === 'geneve' || name === 'silk-vtep',
    )
    .flatMap(({ addresses }) => addresses)
    .filter(({ address, prefix }) => !address.includes(':') && prefix <= PREFIX_MAX)
    .flatMap(({ address, prefix }) => canonicalNetwork(`${address}/${prefix}`) ?? []);
  return [...(side.configuration?.overlayNetworks ?? []), ...ofDevices];
}
