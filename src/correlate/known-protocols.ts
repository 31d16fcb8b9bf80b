import type { Dissector } from '../dissect/dissector.js';
import type { Overhead, ProtocolRole, Refused } from '../dissect/protocol-role.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';

/** A protocol of the catalogue, or one that it only knows by name. */
export interface KnownProtocol extends Omit<ProtocolRole, 'protocol'> {
  readonly protocol: string;
  readonly ipProtocols: readonly number[];
  readonly udpPorts: readonly number[];
  readonly tcpPorts: readonly number[];
}

/** A flow, as far as it tells its protocol. */
export interface FlowIdentity {
  /** IP protocol number. */
  readonly protocol: number;
  readonly portOfA: number;
  readonly portOfB: number;
  /** The protocol that its payload was recognised as, on whatever port; null where none was. */
  readonly recognisedAs?: string | null;
}

/** Packets of one class: an IP protocol, and the ports of which they have one; none: whatever their ports. */
export interface PortClass {
  readonly protocol: number;
  readonly ports: readonly number[];
}

/** What an ICMP error refused: the flow of the quoted packet, `A` its source. */
export interface RefusedFlow extends FlowIdentity {
  readonly refused: Refused;
}

/** What the registry takes from a folder of the catalogue. */
export interface KnownFolder {
  readonly protocol: string;
  readonly title: string;
  readonly dissector?: Pick<Dissector, 'carriedBy'>;
  readonly roles?: readonly ProtocolRole[];
}

/** Which protocol is what: every well-known port and IP protocol number stands in the folder of its protocol alone. */
export class KnownProtocols {
  private readonly byName = new Map<string, KnownProtocol>();
  private readonly byIpProtocol = new Map<number, KnownProtocol[]>();
  private readonly byUdpPort = new Map<number, KnownProtocol[]>();
  private readonly byTcpPort = new Map<number, KnownProtocol[]>();

  constructor(folders: readonly KnownFolder[]) {
    for (const folder of folders) for (const one of protocolsOf(folder)) this.byName.set(one.protocol, one);
    // A folder of its own goes before a mention elsewhere.
    for (const folder of folders) {
      for (const one of protocolsOf(folder))
        if (one.protocol === folder.protocol) this.byName.set(one.protocol, one);
    }
    for (const one of this.byName.values()) {
      for (const number of one.ipProtocols) enter(this.byIpProtocol, number, one);
      for (const port of one.udpPorts) enter(this.byUdpPort, port, one);
      for (const port of one.tcpPorts) enter(this.byTcpPort, port, one);
    }
  }

  /** The same with further UDP ports of kinds of tunnels; those of kinds that do not run over UDP are left out. */
  withPorts(stated: readonly { readonly tunnel: string; readonly port: number }[]): KnownProtocols {
    const isNew = ({ tunnel, port }: (typeof stated)[number]): boolean =>
      !this.carries({ protocol: PROTOCOL_UDP, portOfA: port, portOfB: port }, tunnel);
    const added = stated.filter(isNew);
    if (added.length === 0) return this;
    const extended = new Set<string>();
    const roles = [...this.byName.values()].map((one) => {
      // Of several protocols that carry a kind, the first one over UDP: variants have ports of their own.
      const isFirst = one.carries !== undefined && one.udpPorts.length > 0 && !extended.has(one.carries);
      if (!isFirst || one.carries === undefined) return one;
      extended.add(one.carries);
      const ports = added.filter(({ tunnel }) => tunnel === one.carries).map(({ port }) => port);
      return { ...one, udpPorts: [...new Set([...one.udpPorts, ...ports])] };
    });
    return new KnownProtocols(
      roles.map((role) => ({ protocol: role.protocol, title: role.name, roles: [role] })),
    );
  }

  /** Every protocol that a folder tells of. */
  all(): KnownProtocol[] {
    return [...this.byName.values()];
  }

  /** Null for a protocol that no folder tells of. */
  named(protocol: string): KnownProtocol | null {
    return this.byName.get(protocol) ?? null;
  }

  /** Well-known ports of a protocol over UDP and TCP. */
  portsOf(protocol: string): readonly number[] {
    const known = this.byName.get(protocol);
    return known ? [...new Set([...known.udpPorts, ...known.tcpPorts])] : [];
  }

  /** Whether the flow is a tunnel, or the control of one. */
  isTunnel(flow: FlowIdentity): boolean {
    return this.some(flow, ({ carries, controls }) => carries !== undefined || controls !== undefined);
  }

  /** Whether the flow carries a tunnel, of that kind where one is given. */
  carries(flow: FlowIdentity, kind?: string): boolean {
    return this.some(
      flow,
      ({ carries }) => carries !== undefined && (kind === undefined || carries === kind),
    );
  }

  /** Whether the flow carries a tunnel whose content can be read. */
  carriesReadable(flow: FlowIdentity): boolean {
    return this.some(flow, ({ carries, isEncrypted }) => carries !== undefined && isEncrypted !== true);
  }

  /** Whether the flow carries packets that no folder of the catalogue reads, although they are in clear. */
  carriesUndissected(flow: FlowIdentity): boolean {
    return this.some(flow, ({ isUndissected }) => isUndissected === true);
  }

  /** As `isTunnel`, or a watch over the path of one. */
  concernsTunnel(flow: FlowIdentity): boolean {
    return this.isTunnel(flow) || this.some(flow, ({ isGuard }) => isGuard === true);
  }

  /** What the packets of a kind of tunnel look like; those of its control protocols are none. */
  classesOf(kind: string): readonly PortClass[] {
    return [...this.byName.values()].filter(({ carries }) => carries === kind).flatMap(classesOf);
  }

  /** What kinds of tunnel cost, of each all forms; of one kind where it is given. */
  overheads(kind?: string): { readonly name: string; readonly overhead: Overhead }[] {
    return [...this.byName.values()]
      .filter(({ carries }) => carries !== undefined && (kind === undefined || carries === kind))
      .flatMap(({ name, overheads = [] }) => overheads.map((overhead) => ({ name, overhead })));
  }

  /** Kinds of tunnel that anything carries. */
  tunnelKinds(): string[] {
    return [...new Set([...this.byName.values()].flatMap(({ carries }) => carries ?? []))].sort();
  }

  /** Id of the diagnosis that judges the refusal; null where it is left to the general ones. */
  judgeOf(refusal: RefusedFlow): string | null {
    const { protocol, portOfA, portOfB, recognisedAs, refused } = refusal;
    for (const { refusals } of this.byIpProtocol.get(protocol) ?? []) {
      if (refusals?.ofProtocol?.includes(refused)) return refusals.by;
    }
    if (protocol !== PROTOCOL_UDP || refused !== 'port') return null;
    const recognised = recognisedAs ? this.byName.get(recognisedAs)?.refusals : undefined;
    if (recognised?.ofPort !== undefined) return recognised.by;
    for (const { refusals } of this.byUdpPort.get(portOfB) ?? [])
      if (refusals?.ofPort !== undefined) return refusals.by;
    for (const { refusals } of this.byUdpPort.get(portOfA) ?? [])
      if (refusals?.ofPort === 'either') return refusals.by;
    return null;
  }

  private some(flow: FlowIdentity, test: (protocol: KnownProtocol) => boolean): boolean {
    const { protocol, portOfA, portOfB, recognisedAs } = flow;
    if (this.byIpProtocol.get(protocol)?.some(test)) return true;
    const byPort =
      protocol === PROTOCOL_UDP ? this.byUdpPort : protocol === PROTOCOL_TCP ? this.byTcpPort : null;
    if (byPort?.get(portOfA)?.some(test) || byPort?.get(portOfB)?.some(test)) return true;
    const recognised = recognisedAs ? this.byName.get(recognisedAs) : undefined;
    return recognised !== undefined && test(recognised);
  }
}

const registries = new WeakMap<readonly KnownFolder[], KnownProtocols>();

/** The registry of a catalogue, made once. */
export function protocolsOfCatalogue(folders: readonly KnownFolder[]): KnownProtocols {
  const known = registries.get(folders);
  if (known) return known;
  const registry = new KnownProtocols(folders);
  registries.set(folders, registry);
  return registry;
}

/** A folder without roles has the ports that its dissector hangs on. */
function protocolsOf({
  protocol,
  title,
  dissector,
  roles = [{ name: title }],
}: KnownFolder): KnownProtocol[] {
  return roles.map((role) => {
    const carriedBy = role.protocol === undefined ? dissector?.carriedBy : undefined;
    return {
      ...role,
      protocol: role.protocol ?? protocol,
      ipProtocols: role.ipProtocols ?? carriedBy?.ipProtocol ?? [],
      udpPorts: role.udpPorts ?? carriedBy?.udpPort ?? [],
      tcpPorts: role.tcpPorts ?? carriedBy?.tcpPort ?? [],
    };
  });
}

/** A tunnel that has no port is recognised by its content, in any datagram. */
function classesOf({ ipProtocols, udpPorts, tcpPorts }: KnownProtocol): PortClass[] {
  const classes: PortClass[] = ipProtocols.map((protocol) => ({ protocol, ports: [] }));
  if (udpPorts.length > 0) classes.push({ protocol: PROTOCOL_UDP, ports: udpPorts });
  if (tcpPorts.length > 0) classes.push({ protocol: PROTOCOL_TCP, ports: tcpPorts });
  return classes.length > 0 ? classes : [{ protocol: PROTOCOL_UDP, ports: [] }];
}

function enter(index: Map<number, KnownProtocol[]>, number: number, protocol: KnownProtocol): void {
  const known = index.get(number);
  if (known) known.push(protocol);
  else index.set(number, [protocol]);
}
