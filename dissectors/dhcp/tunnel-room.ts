/** An encapsulation and the bytes that it adds to an inner IP packet, counted against the MTU of the underlay. */
interface Encapsulation {
  readonly name: string;
  readonly bytes: number;
}

/** RFC 7348 (20 + 8 + 8 + 14), RFC 8926 without options, RFC 2784 and 2890, RFC 2003; the documents of the products. */
const ENCAPSULATIONS: readonly Encapsulation[] = [
  { name: 'IP in IP', bytes: 20 },
  { name: 'GRE', bytes: 24 },
  { name: 'GRE with key', bytes: 28 },
  { name: 'GRE with Ethernet', bytes: 38 },
  { name: 'GRE with Ethernet and key', bytes: 42 },
  { name: 'VXLAN or Geneve over IPv4', bytes: 50 },
  { name: 'WireGuard over IPv4', bytes: 60 },
  { name: 'VXLAN over IPv6', bytes: 70 },
  { name: 'WireGuard over IPv6', bytes: 80 },
];

/** MTUs of networks that carry tunnels: Ethernet, Google Cloud, jumbo frames. */
const UNDERLAY_MTUS: readonly number[] = [1500, 1460, 9000, 8896];

/** MidoNet reckons 46 bytes for GRE and sets one byte less than that leaves; packets carry 42. */
const MIDONET_GRE: ReadonlySet<number> = new Set([1454, 1455, 8954, 8955]);

/** For which tunnels an interface MTU leaves exactly the room: `VXLAN or Geneve over IPv4 (50 bytes) in 1500`. */
export function roomWords(mtu: number): string | null {
  const fitting = UNDERLAY_MTUS.flatMap((underlay) =>
    ENCAPSULATIONS.filter(({ bytes }) => underlay - bytes === mtu).map(
      ({ name, bytes }) => `${name} (${bytes} bytes) in ${underlay}`,
    ),
  );
  if (MIDONET_GRE.has(mtu)) fitting.push(`GRE as MidoNet reckons it in ${mtu > 2000 ? 9000 : 1500}`);
  return fitting.length === 0 ? null : fitting.join(', or ');
}

/** Tunnels that do not fit into Ethernet with this interface MTU: what carries them must have a larger MTU, or drop packets. */
export function tooNarrowFor(mtu: number): string[] {
  return ENCAPSULATIONS.filter(({ bytes }) => mtu + bytes > UNDERLAY_MTUS[0]).map(({ name }) => name);
}
