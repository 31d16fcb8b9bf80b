import { addTo } from '../../src/correlate/group-by.js';
import type { KnownProtocols } from '../../src/correlate/known-protocols.js';
import { innerWays } from '../../src/diagnose/carried-tunnel.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { type Carrier, carriersOf } from '../overlay/shared/carriers.js';
import type { AnnouncedMtu } from './session.js';

/** MTUs of networks that carry tunnels: Ethernet, Google Cloud, jumbo frames. */
const UNDERLAY_MTUS: readonly number[] = [1500, 1460, 9000, 8896];

/** MidoNet reckons 46 bytes for GRE and sets one byte less than that leaves; packets carry 42. */
const MIDONET_GRE: ReadonlySet<number> = new Set([1454, 1455, 8954, 8955]);

/** For which tunnels an interface MTU leaves exactly the room: `Geneve or VXLAN over IPv4 (50 bytes) in 1500`. */
export function roomWords(protocols: KnownProtocols, mtu: number): string | null {
  const fitting = UNDERLAY_MTUS.flatMap((underlay) =>
    encapsulations(protocols)
      .filter(({ bytes }) => underlay - bytes === mtu)
      .map(({ name, bytes }) => `${name} (${bytes} bytes) in ${underlay}`),
  );
  if (MIDONET_GRE.has(mtu)) fitting.push(`GRE as MidoNet reckons it in ${mtu > 2000 ? 9000 : 1500}`);
  return fitting.length === 0 ? null : fitting.join(', or ');
}

/** Tunnels that do not fit into Ethernet with this interface MTU: what carries them must have a larger MTU, or drop packets. */
export function tooNarrowFor(protocols: KnownProtocols, mtu: number): string[] {
  return encapsulations(protocols)
    .filter(({ bytes }) => mtu + bytes > UNDERLAY_MTUS[0])
    .map(({ name }) => name);
}

/** Usual forms of tunnels with the bytes that they add, fewest first; those that add as much in the same form together. */
function encapsulations(protocols: KnownProtocols): { readonly name: string; readonly bytes: number }[] {
  const names = new Map<string, string[]>();
  const usual = protocols
    .overheads()
    .filter(({ overhead }) => !overhead.isRare)
    .sort((a, b) => a.overhead.bytes - b.overhead.bytes);
  for (const { name, overhead } of usual) {
    const key = `${overhead.bytes} ${overhead.form}`;
    addTo(names, key, name);
  }
  return [...names].map(([key, together]) => {
    const [bytes, ...form] = key.split(' ');
    return { name: `${together.join(' or ')} ${form.join(' ')}`.trimEnd(), bytes: Number(bytes) };
  });
}

/** A tunnel that carries hosts to which the server gave an address, and is seen not to take packets of the announced MTU. */
export function narrowCarrier(evidence: Evidence, { addresses, mtu, segment }: AnnouncedMtu): Carrier | null {
  const given = new Set(addresses);
  const narrow = carriersOf(evidence).find((carrier) => {
    const { direction, directions, overhead, reportedMtu, stack } = carrier;
    const { fragmented, largestInner } = direction;
    if (carrier.segment !== segment || overhead === 0 || largestInner > mtu) return false;
    const isCut = fragmented !== null && mtu + overhead >= fragmented.smallestOuter;
    if (!isCut && !(reportedMtu > 0 && mtu + overhead > reportedMtu)) return false;
    return innerWays(evidence.quality, stack).some(
      ({ from, outerDirection }) => given.has(from) && directions[outerDirection] === direction,
    );
  });
  return narrow ?? null;
}
