import { isWithin, prefixLength } from './networks.js';
import type { SideKnowledge } from './side-knowledge.js';

/** First digits of a GUID: enough to tell apps apart, short enough to stand beside an address. */
const GUID_DIGITS = 8;

/**
 * What to print beside an address: the operator's own name, the app of a container, the ISD-AS at the end of a SCION
 * link, the host of a tunnel zone, or the interface. Null where no side file knows it.
 */
export function nameOf(side: SideKnowledge, address: string): string | null {
  return (
    configuredName(side, address) ??
    containerName(side, address) ??
    scionName(side, address) ??
    zoneName(side, address) ??
    gatewayName(side, address) ??
    interfaceName(side, address)
  );
}

function configuredName({ configuration }: SideKnowledge, address: string): string | null {
  const fitting = configuration?.names.filter(({ of }) => isWithin(address, of)) ?? [];
  return fitting.sort((a, b) => prefixLength(b.of) - prefixLength(a.of))[0]?.name ?? null;
}

function containerName({ containers }: SideKnowledge, address: string): string | null {
  const container = containers.find((one) => one.address === address);
  if (container === undefined) return null;
  return container.app === null
    ? `container ${container.handle}`
    : `app ${container.app.slice(0, GUID_DIGITS)}`;
}

function scionName({ scion }: SideKnowledge, address: string): string | null {
  for (const { isdAs, links, services } of scion) {
    const link = links.find(({ local, remote }) => local.host === address || remote.host === address);
    if (link?.remote.host === address) return link.neighbour;
    if (link !== undefined || services.some((one) => one.address === address)) return isdAs;
  }
  return null;
}

function zoneName({ tunnelZones }: SideKnowledge, address: string): string | null {
  const member = tunnelZones.flatMap(({ members }) => members).find((one) => one.address === address);
  return member === undefined ? null : (member.hostName ?? member.host);
}

/** The peer of a connection that a log names. */
function gatewayName({ ikeLogs }: SideKnowledge, address: string): string | null {
  for (const { events, sas } of ikeLogs) {
    const said = [...events, ...sas].find(({ peer, connection }) => peer === address && connection !== null);
    if (said !== undefined) return `peer of ${said.connection}`;
  }
  return null;
}

/** Where the interfaces of several hosts are given, an interface alone would not say whose it is. */
function interfaceName({ links }: SideKnowledge, address: string): string | null {
  const link = links.find(({ addresses }) => addresses.some((one) => one.address === address));
  if (link === undefined) return null;
  const isOneHost = links.every(({ origin }) => origin.file === link.origin.file);
  return isOneHost ? link.name : `${link.name} of ${link.origin.file}`;
}
