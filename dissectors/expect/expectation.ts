import type { PortClass } from '../../src/correlate/known-protocols.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { ExpectedProtocol } from '../../src/side-files/configuration.js';
import type { Origin } from '../../src/side-files/origin.js';
import { PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_GRE, PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';

const HAS_PORTS: ReadonlySet<number> = new Set([PROTOCOL_TCP, PROTOCOL_UDP]);

/** Packets that must go one way. */
export interface Expectation {
  readonly origin: Origin;
  readonly name: string | null;
  /** Address or network; null: any. */
  readonly from: string | null;
  readonly to: string | null;
  /** A tunnel may be any of several. */
  readonly classes: readonly PortClass[];
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
  ah: PROTOCOL_AH,
  icmpv6: 58,
  sctp: 132,
};

/** What the configuration expects, each direction of a tunnel by itself. */
export function expectationsOf({ side, quality }: Pick<Evidence, 'side' | 'quality'>): Expectation[] {
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
    const classes = quality.protocols
      .classesOf(tunnel)
      .map((one) => (port === null || !HAS_PORTS.has(one.protocol) ? one : { ...one, ports: [port] }));
    const words = port === null ? tunnel : `${tunnel} on port ${port}`;
    const [a, b] = endpoints;
    return [
      { origin, name, from: a, to: b, classes, isDestinationPort: false, words },
      { origin, name, from: b, to: a, classes, isDestinationPort: false, words },
    ];
  });
  return [...traffic, ...tunnels];
}
