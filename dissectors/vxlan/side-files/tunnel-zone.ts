import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

export interface ZoneMember {
  readonly origin: Origin;
  readonly host: string;
  readonly address: string;
  /** Name of the host in `list host`; null where that list does not have it, or was not given. */
  readonly hostName: string | null;
  /** What `list host` says; null where that list was not given. A host that is missing from it does not live. */
  readonly isAlive: boolean | null;
}

export interface TunnelZone {
  readonly file: string;
  readonly zone: string;
  readonly members: readonly ZoneMember[];
}

const MEMBER = /^\s*zone (\S{1,64}) host (\S{1,64}) address ([0-9a-fA-F.:]{2,45})$/;
const HOST = /^\s*host (\S{1,64}) name (\S{1,255}) alive (true|false)\b/;

/** Output of midonet-cli: `tunnel-zone ZONE list member` (the tunnel endpoints) and `list host` (which agents live). */
export default defineSideFileReader<TunnelZone>({
  kind: 'tunnel zone',
  text: { words: { outputOf: ['midonet-cli'] }, read: readTunnelZones },
  statements: ({ members }) => members.length,
  names: { rank: 'host', nameOf: hostName },
  usedBy: ['vxlan.unknown-vtep', 'midonet.host-down'],
});

/** Empty where no member is listed. */
function readTunnelZones({ file, lines }: TextFile): TunnelZone[] {
  const hosts = new Map(
    lines.flatMap(({ text }) => {
      const [, host, name, alive] = HOST.exec(text) ?? [];
      return host === undefined ? [] : [[host, { name, isAlive: alive === 'true' }] as const];
    }),
  );
  const zones = new Map<string, ZoneMember[]>();
  for (const { text, number } of lines) {
    const [, zone, host, written] = MEMBER.exec(text) ?? [];
    const address = canonicalAddress(written ?? '');
    if (zone === undefined || address === null) continue;
    const known = hosts.get(host);
    const members = zones.get(zone) ?? [];
    zones.set(zone, members);
    members.push({
      origin: { file, place: `line ${number}` },
      host,
      address,
      hostName: known?.name ?? null,
      isAlive: hosts.size === 0 ? null : (known?.isAlive ?? false),
    });
  }
  return [...zones].map(([zone, members]) => ({ file, zone, members }));
}

function hostName(address: string, zones: readonly TunnelZone[]): string | null {
  const member = zones.flatMap(({ members }) => members).find((one) => one.address === address);
  return member === undefined ? null : (member.hostName ?? member.host);
}
