import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { ScionTopology } from '../topology.js';

/** `topology.json` of a SCION AS, of any generation. */
export default defineSideFileReader<ScionTopology>({
  kind: 'SCION topology',
  json: {
    words: 'a SCION topology',
    option: 'topology',
    recognises: isScionTopology,
    async read(file, value) {
      const { readScionTopology } = await import('../topology-shape.js');
      return [readScionTopology(file, value)];
    },
  },
  statements: ({ links, services }) => links.length + services.length,
  names: { rank: 'network', nameOf: isdAsName },
  commands: ['topology.json'],
  usedBy: [
    'scion.endpoint-mismatch',
    'scion.ia-mismatch',
    'scion.tun-address-mismatch',
    'scion.keepalive-missing',
    'scion.pcb-silence',
    'scion.registration-silence',
  ],
});

function isScionTopology(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return ('ISD_AS' in value && 'BorderRouters' in value) || ('isd_as' in value && 'border_routers' in value);
}

/** The ISD-AS at the end of a link: the neighbour's, or the own one. */
function isdAsName(address: string, topologies: readonly ScionTopology[]): string | null {
  for (const { isdAs, links, services } of topologies) {
    const link = links.find(({ local, remote }) => local.host === address || remote.host === address);
    if (link?.remote.host === address) return link.neighbour;
    if (link !== undefined || services.some((one) => one.address === address)) return isdAs;
  }
  return null;
}
