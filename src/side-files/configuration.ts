import * as z from 'zod';
import type { DiagnosisMetadata, Threshold } from '../diagnose/diagnosis-metadata.js';
import { nearestIds } from '../diagnose/nearest-ids.js';
import { checked } from './json-check.js';
import { canonicalAddress, canonicalNetwork } from './networks.js';
import type { Origin } from './origin.js';
import { SideFileError } from './side-file-error.js';

/* The operator's own file (`--config`): thresholds, names, networks, and what must be on the wire. */

export type ExpectedProtocol = 'udp' | 'tcp' | 'sctp' | 'icmp' | 'icmpv6' | 'gre' | 'esp' | 'ah' | 'ipip';

/** Packets that must be there: from one host (or network) to another. */
export interface ExpectedTraffic {
  readonly origin: Origin;
  readonly name: string | null;
  /** Address or network; null: any. At least one of both is given. */
  readonly from: string | null;
  readonly to: string | null;
  readonly protocol: ExpectedProtocol;
  /** Destination port; null: any. */
  readonly port: number | null;
}

/** A tunnel that must carry packets both ways. */
export interface ExpectedTunnelTraffic {
  readonly origin: Origin;
  readonly name: string | null;
  /** Kind, as roles declare it (`KnownProtocols.tunnelKinds`). */
  readonly tunnel: string;
  readonly endpoints: readonly [string, string];
  /** UDP port, where it is not the usual one. */
  readonly port: number | null;
}

/** Two IPsec gateways and the networks that only may talk through them. */
export interface ProtectedNetworks {
  readonly origin: Origin;
  readonly name: string | null;
  readonly gateways: readonly [string, string];
  /** Behind the first and behind the second gateway. */
  readonly networks: readonly [readonly string[], readonly string[]];
}

export interface Configuration {
  readonly file: string;
  /** By diagnosis id, then by name; in the unit of the diagnosis. */
  readonly thresholds: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Names by address or network, the most exact first. */
  readonly names: readonly { readonly of: string; readonly name: string }[];
  /** Addresses of the capturing host. */
  readonly local: readonly string[];
  /** Networks of inner hosts. */
  readonly overlayNetworks: readonly string[];
  /** Addresses and networks of all tunnel endpoints of the overlay; empty: not known. */
  readonly overlayEndpoints: readonly string[];
  readonly ipsec: readonly ProtectedNetworks[];
  readonly expectedTraffic: readonly ExpectedTraffic[];
  readonly expectedTunnels: readonly ExpectedTunnelTraffic[];
}

const address = z
  .string()
  .refine((text) => canonicalAddress(text) !== null, 'expected an IPv4 or IPv6 address')
  .transform((text) => canonicalAddress(text) ?? text)
  .describe('IPv4 or IPv6 address');
const addressOrNetwork = z
  .string()
  .refine((text) => spelling(text) !== null, 'expected an address, or a network such as 10.255.0.0/16')
  .transform((text) => spelling(text) ?? text)
  .describe('address, or network such as 10.255.0.0/16');
const network = z
  .string()
  .refine((text) => canonicalNetwork(text) !== null, 'expected a network such as 10.255.0.0/16')
  .transform((text) => canonicalNetwork(text) ?? text)
  .describe('network such as 10.255.0.0/16');
const port = z.int().min(1).max(65_535);
const name = z.string().min(1).max(100);

const expectedTraffic = z.strictObject({
  name: name.optional(),
  from: addressOrNetwork.optional(),
  to: addressOrNetwork.optional(),
  protocol: z.enum(['udp', 'tcp', 'sctp', 'icmp', 'icmpv6', 'gre', 'esp', 'ah', 'ipip']),
  port: port.optional().describe('destination port'),
});
const expectedTunnel = (tunnelKinds: readonly string[]) =>
  z.strictObject({
    name: name.optional(),
    tunnel: z.enum(tunnelKinds),
    endpoints: z.tuple([address, address]),
    port: port.optional().describe('UDP port, where it is not the usual one'),
  });

/** What the catalogue lets a configuration name: diagnoses, whose thresholds may be set, and kinds of tunnels. */
export interface ConfigurationTerms {
  readonly diagnoses: readonly Pick<DiagnosisMetadata, 'id' | 'thresholds'>[];
  readonly tunnelKinds: readonly string[];
}

/** The file's shape. Unknown keys are refused: a misspelt one would go unnoticed. */
export const configurationSchema = (tunnelKinds: readonly string[]) =>
  z.strictObject({
    $schema: z.string().optional(),
    thresholds: z
      .record(z.string(), z.record(z.string(), z.number().positive()))
      .optional()
      .describe('by diagnosis id, then by the name that capan explain lists; in the unit given there'),
    names: z.record(z.string(), name).optional().describe('what to print beside an address or a network'),
    local: z.array(address).optional().describe('addresses of the capturing host, as --local'),
    overlay: z
      .strictObject({
        networks: z.array(network).optional().describe('networks of inner hosts'),
        endpoints: z
          .array(addressOrNetwork)
          .optional()
          .describe('all tunnel endpoints; any other one is reported'),
      })
      .optional(),
    ipsec: z
      .array(
        z.strictObject({
          name: name.optional(),
          gateways: z.tuple([address, address]),
          networks: z
            .tuple([z.array(addressOrNetwork).min(1), z.array(addressOrNetwork).min(1)])
            .describe('networks behind the first and behind the second gateway'),
        }),
      )
      .optional()
      .describe('networks that may talk through IPsec only'),
    expect: z
      .array(z.union([expectedTraffic, expectedTunnel(tunnelKinds)]))
      .optional()
      .describe('packets and tunnels that must be on the wire'),
  });

const KEYS = Object.keys(configurationSchema([]).shape);

/** An object whose keys are all ones of a configuration. */
export function isConfiguration(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => KEYS.includes(key));
}

/**
 * @throws SideFileError that names the field, and for an unknown name those that resemble it.
 */
export function readConfiguration(
  file: string,
  value: unknown,
  { diagnoses, tunnelKinds }: ConfigurationTerms,
): Configuration {
  assertKnownKeys(file, value);
  const read = checked(file, 'configuration', configurationSchema(tunnelKinds), value);
  const expected = (read.expect ?? []).map((one, index) => ({
    ...one,
    origin: originOf(file, 'expect', index),
  }));
  return {
    file,
    thresholds: thresholdsOf(file, read.thresholds ?? {}, diagnoses),
    names: namesOf(file, read.names ?? {}),
    local: read.local ?? [],
    overlayNetworks: read.overlay?.networks ?? [],
    overlayEndpoints: read.overlay?.endpoints ?? [],
    ipsec: (read.ipsec ?? []).map((one, index) => ({
      origin: originOf(file, 'ipsec', index),
      name: one.name ?? null,
      gateways: one.gateways,
      networks: one.networks,
    })),
    expectedTraffic: expected.flatMap((one) => ('tunnel' in one ? [] : [trafficOf(one)])),
    expectedTunnels: expected.flatMap((one) =>
      'tunnel' in one ? [{ ...one, name: one.name ?? null, port: one.port ?? null }] : [],
    ),
  };
}

function originOf(file: string, key: string, index: number): Origin {
  return { file, place: `${key}.${index}` };
}

function trafficOf(one: z.output<typeof expectedTraffic> & { readonly origin: Origin }): ExpectedTraffic {
  const { origin, from = null, to = null, protocol, port: destinationPort = null } = one;
  const hasPorts = protocol === 'udp' || protocol === 'tcp' || protocol === 'sctp';
  if (from === null && to === null) {
    throw new SideFileError(
      origin.file,
      `is no usable configuration: ${origin.place}: name from or to, or both`,
    );
  }
  if (destinationPort !== null && !hasPorts) {
    throw new SideFileError(
      origin.file,
      `is no usable configuration: ${origin.place}.port: ${protocol} has no ports`,
    );
  }
  return { origin, name: one.name ?? null, from, to, protocol, port: destinationPort };
}

function assertKnownKeys(file: string, value: unknown): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new SideFileError(file, `has the unknown key '${unknown}'; ${nearestOf(unknown, KEYS)}`);
  }
}

function thresholdsOf(
  file: string,
  given: Readonly<Record<string, Readonly<Record<string, number>>>>,
  diagnoses: readonly Pick<DiagnosisMetadata, 'id' | 'thresholds'>[],
): Configuration['thresholds'] {
  const thresholds = new Map<string, ReadonlyMap<string, number>>();
  for (const [id, values] of Object.entries(given)) {
    const diagnosis = diagnoses.find((one) => one.id === id);
    if (diagnosis === undefined) {
      const hint = nearestOf(
        id,
        diagnoses.map((one) => one.id),
      );
      throw new SideFileError(file, `thresholds: no diagnosis is called '${id}'; ${hint}`);
    }
    for (const key of Object.keys(values)) assertAdjustable(file, diagnosis, key);
    thresholds.set(id, new Map(Object.entries(values)));
  }
  return thresholds;
}

function assertAdjustable(
  file: string,
  { id, thresholds }: Pick<DiagnosisMetadata, 'id' | 'thresholds'>,
  key: string,
): void {
  const found = Object.hasOwn(thresholds, key) ? thresholds[key] : undefined;
  if (found?.adjustable === true) return;
  const adjustable = adjustableThresholds(thresholds).map(([one]) => one);
  const what =
    found === undefined ? `has no threshold '${key}'` : `cannot have another '${key}': that one is fixed`;
  const hint = adjustable.length === 0 ? 'none of its thresholds can be set' : nearestOf(key, adjustable);
  throw new SideFileError(file, `thresholds: ${id} ${what}; ${hint}`);
}

export function adjustableThresholds(
  thresholds: Readonly<Record<string, Threshold>>,
): (readonly [string, Threshold])[] {
  return Object.entries(thresholds).filter(([, one]) => one.adjustable === true);
}

/** The ones that resemble it; all where that are few. */
function nearestOf(typed: string, known: readonly string[]): string {
  const near = nearestIds(typed, known);
  const listed = near.length > 0 ? near : known.length <= 12 ? known : [];
  return listed.length === 0 ? "'capan explain' lists all ids" : `known: ${listed.join(', ')}`;
}

function spelling(text: string): string | null {
  return canonicalAddress(text) ?? canonicalNetwork(text);
}

function namesOf(file: string, given: Readonly<Record<string, string>>): Configuration['names'] {
  return Object.entries(given).map(([key, value]) => {
    const of = spelling(key);
    if (of !== null) return { of, name: value };
    throw new SideFileError(
      file,
      `is no usable configuration: names: '${key}' is neither an address nor a network`,
    );
  });
}
