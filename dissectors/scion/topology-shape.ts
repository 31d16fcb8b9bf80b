import * as z from 'zod';
import { checked } from '../../src/side-files/json-check.js';
import { canonicalAddress } from '../../src/side-files/networks.js';
import { SideFileError } from '../../src/side-files/side-file-error.js';
import { splitHostPort } from './host-port.js';
import type { ScionBfd, ScionLink, ScionService, ScionTopology } from './topology.js';

/* The shapes of the three generations, checked; loaded only where there is a topology to read. */

const port = z.int().min(0).max(65_535);
const isdAs = z
  .string()
  .regex(/^\d{1,5}-[0-9a-fA-F:_]{1,20}$/, 'expected an ISD-AS such as 17-ffaa:1:64')
  .transform((text) => text.replaceAll('_', ':').toLowerCase());
const linkType = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['parent', 'child', 'core', 'peer']));
/** "UDP/IPv4" links only carry addresses that can be compared; other texts stay host names. */
const host = z
  .string()
  .min(1)
  .transform((text) => canonicalAddress(text) ?? text);

const oldAddress = z.looseObject({ Addr: host, L4Port: port });
const overlayAddress = z.looseObject({ Addr: host, OverlayPort: port.optional() });

const oldKeys = {
  ISD_AS: isdAs,
  MTU: z.int().positive().optional(),
  Core: z.boolean().optional(),
  Attributes: z.array(z.string()).optional(),
};

const firstInterface = z.looseObject({
  ISD_AS: isdAs,
  Public: oldAddress,
  Bind: oldAddress.optional(),
  Remote: oldAddress,
  LinkType: linkType.optional(),
  MTU: z.int().positive().optional(),
});
const secondInterface = z.looseObject({
  ISD_AS: isdAs,
  PublicOverlay: overlayAddress,
  BindOverlay: z.looseObject({ Addr: host }).optional(),
  RemoteOverlay: overlayAddress,
  LinkTo: linkType.optional(),
  MTU: z.int().positive().optional(),
});
const first = z.looseObject({
  ...oldKeys,
  BorderRouters: z.record(z.string(), z.looseObject({ Interfaces: z.record(z.string(), firstInterface) })),
});
const second = z.looseObject({
  ...oldKeys,
  BorderRouters: z.record(z.string(), z.looseObject({ Interfaces: z.record(z.string(), secondInterface) })),
});

const hostPort = z
  .string()
  .min(1)
  .transform((text, context) => {
    const endpoint = splitHostPort(text);
    if (endpoint) return endpoint;
    context.addIssue({ code: 'custom', message: `expected ADDRESS:PORT, not '${text.slice(0, 80)}'` });
    return z.NEVER;
  });
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};
const durationMs = z.string().transform((text, context) => {
  const parts = /^(\d{1,15})(ns|us|µs|ms|s|m|h|d|w|y)$/.exec(text);
  const milliseconds = parts === null ? Number.NaN : Number(parts[1]) * UNIT_MS[parts[2]];
  if (Number.isFinite(milliseconds)) return milliseconds;
  context.addIssue({
    code: 'custom',
    message: `expected a duration such as 200ms, not '${text.slice(0, 80)}'`,
  });
  return z.NEVER;
});
const bfd = z.looseObject({
  disable: z.boolean().optional(),
  detect_mult: z.int().positive().optional(),
  desired_min_tx_interval: durationMs.optional(),
  required_min_rx_interval: durationMs.optional(),
});
const thirdInterface = z.looseObject({
  isd_as: isdAs,
  link_to: linkType.optional(),
  mtu: z.int().positive().optional(),
  underlay: z.looseObject({
    local: hostPort.optional(),
    public: hostPort.optional(),
    bind: z.string().optional(),
    remote: hostPort,
  }),
  bfd: bfd.optional(),
});
const third = z.looseObject({
  isd_as: isdAs,
  mtu: z.int().positive().optional(),
  attributes: z.array(z.string()).optional(),
  border_routers: z
    .record(
      z.string(),
      z.looseObject({
        internal_addr: hostPort.optional(),
        interfaces: z.record(z.string(), thirdInterface).default({}),
      }),
    )
    .default({}),
});

/** @throws SideFileError that names the field. */
export function readScionTopology(file: string, value: unknown): ScionTopology {
  if (value !== null && typeof value === 'object' && 'isd_as' in value) return readThird(file, value);
  if (value === null || typeof value !== 'object' || !('BorderRouters' in value)) {
    throw new SideFileError(file, 'is no SCION topology: it has neither BorderRouters nor border_routers');
  }
  return JSON.stringify(value.BorderRouters).includes('"PublicOverlay"')
    ? readSecond(file, value)
    : readFirst(file, value);
}

function readFirst(file: string, value: object): ScionTopology {
  const topology = checked(file, 'SCION topology', first, value);
  return {
    ...oldFacts(file, topology, value),
    generation: 1,
    links: interfacesOf(file, topology.BorderRouters, (one: z.output<typeof firstInterface>) => ({
      local: { host: one.Public.Addr, port: one.Public.L4Port },
      bind: one.Bind?.Addr ?? null,
      remote: { host: one.Remote.Addr, port: one.Remote.L4Port },
      neighbour: one.ISD_AS,
      linkTo: one.LinkType ?? null,
      mtu: one.MTU ?? null,
      bfd: null,
    })),
  };
}

function readSecond(file: string, value: object): ScionTopology {
  const topology = checked(file, 'SCION topology', second, value);
  return {
    ...oldFacts(file, topology, value),
    generation: 2,
    links: interfacesOf(file, topology.BorderRouters, (one: z.output<typeof secondInterface>) => ({
      local: { host: one.PublicOverlay.Addr, port: one.PublicOverlay.OverlayPort ?? null },
      bind: one.BindOverlay?.Addr ?? null,
      remote: { host: one.RemoteOverlay.Addr, port: one.RemoteOverlay.OverlayPort ?? null },
      neighbour: one.ISD_AS,
      linkTo: one.LinkTo ?? null,
      mtu: one.MTU ?? null,
      bfd: null,
    })),
  };
}

function interfacesOf<Interface>(
  file: string,
  routers: Readonly<Record<string, { readonly Interfaces: Readonly<Record<string, Interface>> }>>,
  describe: (one: Interface) => Omit<ScionLink, 'origin' | 'borderRouter' | 'interfaceId'>,
): ScionLink[] {
  return Object.entries(routers).flatMap(([borderRouter, { Interfaces }]) =>
    Object.entries(Interfaces).map(([interfaceId, one]) => ({
      origin: { file, place: `BorderRouters.${borderRouter}.Interfaces.${interfaceId}` },
      borderRouter,
      interfaceId,
      ...describe(one),
    })),
  );
}

function oldFacts(
  file: string,
  topology: {
    ISD_AS: string;
    MTU?: number | undefined;
    Core?: boolean | undefined;
    Attributes?: string[] | undefined;
  },
  value: object,
): Omit<ScionTopology, 'generation' | 'links'> {
  const { ISD_AS, MTU, Core, Attributes } = topology;
  return {
    file,
    isdAs: ISD_AS,
    isCore: Core ?? Attributes?.some((one) => one.toLowerCase() === 'core') ?? null,
    mtu: MTU ?? null,
    services: oldServices(file, value),
  };
}

const namedServices = z.record(z.string(), z.unknown());

/** `Addrs.IPv4.Public`, or a list of such under `Public`; what has neither is left out. */
function oldServices(file: string, value: object): ScionService[] {
  return Object.entries(value)
    .filter(([kind]) => /Service$/.test(kind))
    .flatMap(([kind, entries]) => {
      const services = namedServices.safeParse(entries);
      if (!services.success) return [];
      return Object.entries(services.data).flatMap(([name, service]) => {
        const address = firstAddress(service);
        return address === null ? [] : [{ origin: { file, place: `${kind}.${name}` }, name, ...address }];
      });
    });
}

const DEPTH_MAX = 5;

function firstAddress(value: unknown, depth = 0): { address: string; port: number | null } | null {
  if (value === null || typeof value !== 'object' || depth > DEPTH_MAX) return null;
  const own = z.looseObject({ Addr: host, L4Port: port.optional() }).safeParse(value);
  if (own.success) return { address: own.data.Addr, port: own.data.L4Port ?? null };
  for (const member of Object.values(value)) {
    const found = firstAddress(member, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function readThird(file: string, value: object): ScionTopology {
  const topology = checked(file, 'SCION topology', third, value);
  const links = Object.entries(topology.border_routers).flatMap(([borderRouter, { interfaces }]) =>
    Object.entries(interfaces).map(([interfaceId, one]): ScionLink => {
      const { local, public: publicAddress, bind, remote } = one.underlay;
      return {
        origin: { file, place: `border_routers.${borderRouter}.interfaces.${interfaceId}` },
        borderRouter,
        interfaceId,
        local: local ?? publicAddress ?? { host: null, port: null },
        bind: bind === undefined ? null : (canonicalAddress(bind) ?? bind),
        remote,
        neighbour: one.isd_as,
        linkTo: one.link_to ?? null,
        mtu: one.mtu ?? null,
        bfd: one.bfd === undefined ? null : bfdOf(one.bfd),
      };
    }),
  );
  return {
    file,
    generation: 3,
    isdAs: topology.isd_as,
    isCore: topology.attributes?.includes('core') ?? null,
    mtu: topology.mtu ?? null,
    links,
    services: thirdServices(file, value),
  };
}

function bfdOf(one: z.output<typeof bfd>): ScionBfd {
  return {
    isDisabled: one.disable ?? false,
    detectMultiplier: one.detect_mult ?? null,
    desiredMinTxMs: one.desired_min_tx_interval ?? null,
    requiredMinRxMs: one.required_min_rx_interval ?? null,
  };
}

const thirdServiceEntries = z.record(z.string(), z.looseObject({ addr: hostPort }));

function thirdServices(file: string, value: object): ScionService[] {
  return Object.entries(value)
    .filter(([kind]) => /_service$/.test(kind))
    .flatMap(([kind, entries]) => {
      const services = thirdServiceEntries.safeParse(entries);
      if (!services.success) return [];
      return Object.entries(services.data).flatMap(([name, { addr }]) =>
        addr.host === null
          ? []
          : [{ origin: { file, place: `${kind}.${name}` }, name, address: addr.host, port: addr.port }],
      );
    });
}
