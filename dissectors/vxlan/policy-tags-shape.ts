import * as z from 'zod';
import { checked } from '../../src/side-files/json-check.js';
import type { Origin } from '../../src/side-files/origin.js';

/* The shape of the policy server's answers, checked; loaded only where there is one to read. */

export interface PolicyTag {
  readonly origin: Origin;
  /** Group policy id. */
  readonly tag: number;
  /** App GUID, or that of a router. */
  readonly group: string;
  /** `app`, `router`; null where the file does not say. */
  readonly type: string | null;
}

export interface NetworkPolicy {
  readonly origin: Origin;
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly firstPort: number;
  readonly lastPort: number;
}

export interface PolicyTags {
  readonly files: readonly string[];
  readonly byTag: ReadonlyMap<number, PolicyTag>;
  readonly byGroup: ReadonlyMap<string, PolicyTag>;
  readonly policies: readonly NetworkPolicy[];
}

/** Tags of 16 bits: the group policy id (draft-smith-vxlan-group-policy). */
const tagText = z
  .string()
  .regex(/^(?:0x)?[0-9a-fA-F]{1,4}$/, 'expected a hexadecimal tag of at most 4 digits, such as "0003"');
const group = z.string().min(1);

const tags = z.array(z.looseObject({ id: group, tag: tagText, type: z.string().optional() }));
const portNumber = z.int().min(0).max(65_535);
const policies = z.array(
  z.looseObject({
    source: z.looseObject({ id: group }),
    destination: z.looseObject({
      id: group,
      protocol: z.string(),
      ports: z.looseObject({ start: portNumber, end: portNumber }).optional(),
    }),
  }),
);
const answer = z.looseObject({ tags: tags.optional(), policies: policies.optional() });

/** @throws SideFileError that names the field. */
export function readPolicyTags(file: string, value: unknown): PolicyTags {
  const { tags: listed = [], policies: rules = [] } = checked(
    file,
    'answer of the policy server',
    answer,
    value,
  );
  const all = listed.map(
    ({ id, tag, type }, index): PolicyTag => ({
      origin: { file, place: `tags.${index}` },
      tag: Number.parseInt(tag.replace(/^0x/, ''), 16),
      group: id,
      type: type ?? null,
    }),
  );
  return {
    files: [file],
    byTag: new Map(all.map((one) => [one.tag, one])),
    byGroup: new Map(all.map((one) => [one.group, one])),
    policies: rules.map(({ source, destination }, index) => ({
      origin: { file, place: `policies.${index}` },
      source: source.id,
      destination: destination.id,
      protocol: destination.protocol,
      firstPort: destination.ports?.start ?? 0,
      lastPort: destination.ports?.end ?? 65_535,
    })),
  };
}
