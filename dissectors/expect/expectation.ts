import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { ExpectedProtocol, ExpectedTunnel } from '../../src/side-files/configuration.js';
import type { Origin } from '../../src/side-files/origin.js';
import { PROTOCOL_ESP, PROTOCOL_UDP } from '../../src/wire/ip.js';

const PROTOCOL_TCP = 6;
const PROTOCOL_GRE = 47;

/** Packets of one class; a tunnel may be any of several. */
export interface ExpectedClass {
  /** IP protocol number. */
  readonly protocol: number;
  /** Ports, of which either end may have one; empty: any. */
  readonly ports: readonly number[];
}

/** Packets that must go one way. */
export interface Expectation {
  readonly origin: Origin;
  readonly name: string | null;
  /** Address or network; null: any. */
  readonly from: string | null;
  readonly to: string | null;
  readonly classes: readonly ExpectedClass[];
  /** True where the port must be the destination's; of a tunnel either end may have it. */
  readonly isDestinationPort: boolean;
  /** "udp port 4789". */
  readonly words: string;
}

const PROTOCOL_NUMBERS: Readonly<Record<ExpectedProtocol, number>> = {
  icmp: 1,
  ipip: 4,
  tcp: PROTOCOL_TCP,
  udp: PROTOCOL_UDP,
  gre: PROTOCOL_GRE,
  esp: PROTOCOL_ESP,
  ah: 51,
  icmpv6: 58,
  sctp: 132,
};

const TUNNEL_CLASSES: Readonly<Record<ExpectedTunnel, readonly ExpectedClass[]>> = {
  vxlan: [{ protocol: PROTOCOL_UDP, ports: [4789, 8472, 6677, 4790] }],
  geneve: [{ protocol: PROTOCOL_UDP, ports: [6081] }],
  gre: [{ protocol: PROTOCOL_GRE, ports: [] }],
  ipsec: [
    { protocol: PROTOCOL_ESP, ports: [] },
    { protocol: PROTOCOL_UDP, ports: [4500] },
  ],
  openvpn: [
    { protocol: PROTOCOL_UDP, ports: [1194] },
    { protocol: PROTOCOL_TCP, ports: [1194] },
  ],
  wireguard: [{ protocol: PROTOCOL_UDP, ports: [51_820] }],
  scion: [{ protocol: PROTOCOL_UDP, ports: [] }],
};

/** What the configuration expects, each direction of a tunnel by itself. */
export function expectationsOf({ side }: Pick<Evidence, 'side'>): Expectation[] {
  const { configuration } = side;
  if (configuration === null) return [];
  const traffic = configuration.expectedTraffic.map(
    ({ origin, name, from, to, protocol, port }): Expectation => ({
      origin,
      name,
      from,
      to,
      classes: [{ protocol: PROTOCOL_NUMBERS[protocol], ports: port === null ? [] : [port] }],
      isDestinationPort: true,
      words: port === null ? protocol : `${protocol} port ${port}`,
    }),
  );
  const tunnels = configuration.expectedTunnels.flatMap(({ origin, name, tunnel, endpoints, port }) => {
    const classes = TUNNEL_CLASSES[tunnel].map((one) =>
      port === null || one.protocol === PROTOCOL_GRE || one.protocol === PROTOCOL_ESP
        ? one
        : { ...one, ports: [port] },
    );
    const words = port === null ? tunnel : `${tunnel} on port ${port}`;
    const [a, b] = endpoints;
    return [
      { origin, name, from: a, to: b, classes, isDestinationPort: false, words },
      { origin, name, from: b, to: a, classes, isDestinationPort: false, words },
    ];
  });
  return [...traffic, ...tunnels];
}
