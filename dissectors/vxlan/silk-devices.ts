import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { type Origin, originText } from '../../src/side-files/origin.js';
import { silkAddressOf } from '../eth/shared/silk-mac.js';
import hostLinks from '../host/side-files/ip-link.js';
import neighbours from '../host/side-files/neighbours.js';
import { GATEWAY } from './silk.js';

/* The interfaces and neighbours of silk as a cell or a container prints them: names, MAC addresses and gateway encode the container. */

/** `s-010255211040` on the cell, `c-010255211040` in the container. */
const NAME = /^([sc])-(\d{3})(\d{3})(\d{3})(\d{3})$/;

interface NamedLink {
  readonly isHostSide: boolean;
  readonly container: string;
}

function namedLink(name: string): NamedLink | null {
  const [, side, ...parts] = NAME.exec(name) ?? [];
  if (side === undefined || parts.some((part) => Number(part) > 255)) return null;
  return { isHostSide: side === 's', container: parts.map(Number).join('.') };
}

/** `silk.mac-mismatch` by `ip addr`, `arp -a` and `ip neigh`. */
export function* silkByOutputs(evidence: Evidence): Generator<Judgement> {
  for (const { name, mac, addresses, origin } of evidence.side.of(hostLinks)) {
    const link = namedLink(name);
    if (link === null) continue;
    const subject = { kind: 'pair', device: name, address: link.container };
    const wrong = wordsOfLink(link, mac, addresses);
    if (wrong === null) yield { result: 'healthy', subject };
    else yield problemOf(evidence, subject, `The interface ${name} (${originText(origin)}) ${wrong}`);
  }
  for (const { address, mac, device, origin } of evidence.side.of(neighbours)) {
    const link = namedLink(device);
    if (link === null || mac === null) continue;
    const subject = { kind: 'pair', device, neighbour: address, address: link.container };
    const silk = silkAddressOf(mac);
    // On the cell the neighbour is the container, in the container it is the host side.
    const isRight = silk !== null && silk.isHostSide !== link.isHostSide && silk.address === link.container;
    const isOwn = address === (link.isHostSide ? link.container : GATEWAY);
    if (isRight && isOwn) yield { result: 'healthy', subject };
    else if (isOwn) {
      const due = `${link.isHostSide ? 'ee:ee' : 'aa:aa'} and the address of the container`;
      yield problemOf(
        evidence,
        subject,
        `The entry for ${address} on ${device} (${originText(origin)}) has the MAC address ${mac}; it should be ${due}`,
      );
    }
  }
}

function wordsOfLink(
  { isHostSide, container }: NamedLink,
  mac: string | null,
  addresses: readonly { readonly address: string; readonly peer: string | null }[],
): string | null {
  const silk = mac === null ? null : silkAddressOf(mac);
  if (mac !== null && (silk === null || silk.isHostSide !== isHostSide || silk.address !== container))
    return `has the MAC address ${mac}; it should be ${isHostSide ? 'aa:aa' : 'ee:ee'} and ${container} in hexadecimal`;
  const ipv4 = addresses.filter(({ address }) => !address.includes(':'));
  if (ipv4.length === 0) return null;
  if (!isHostSide)
    return ipv4.some(({ address }) => address === container)
      ? null
      : `has the address ${ipv4[0].address}, and its name says ${container}`;
  const [own] = ipv4;
  if (own.address !== GATEWAY)
    return `has the address ${own.address}; the host side of every container has ${GATEWAY}`;
  return own.peer === null || own.peer === container
    ? null
    : `leads to ${own.peer}, and its name says ${container}`;
}

function problemOf(
  evidence: Evidence,
  subject: { readonly kind: string; readonly origin?: Origin },
  explanation: string,
): Judgement {
  return statedProblem(evidence, {
    subject,
    explanation: `${explanation}. silk-cni set the link up wrongly.`,
    where: 'sender',
    counts: { places: 1, conforming: 0 },
    displayFilter: 'arp',
  });
}
