import * as z from 'zod';
import { checked } from '../../src/side-files/json-check.js';
import { canonicalAddress } from '../../src/side-files/networks.js';
import type { Origin } from '../../src/side-files/origin.js';

/* The shape of a store, checked; loaded only where there is one to read. */

export interface Container {
  readonly origin: Origin;
  readonly handle: string;
  readonly address: string;
  readonly app: string | null;
  readonly space: string | null;
  /** Group of the network policies, the app's GUID; null where the metadata lacks it. */
  readonly policyGroup: string | null;
}

const text = z.string().optional();
const address = z.string().transform((value, context) => {
  const canonical = canonicalAddress(value);
  if (canonical !== null) return canonical;
  context.addIssue({ code: 'custom', message: `expected an IP address, not '${value.slice(0, 80)}'` });
  return z.NEVER;
});
const store = z.record(
  z.string(),
  z.looseObject({
    handle: text,
    ip: address,
    metadata: z.looseObject({ app_id: text, space_id: text, org_id: text, policy_group_id: text }).nullish(),
  }),
);

/** @throws SideFileError that names the field. */
export function readContainerStore(file: string, value: unknown): Container[] {
  return Object.entries(checked(file, 'container store', store, value)).map(
    ([key, { handle, ip, metadata }]) => ({
      origin: { file, place: key },
      handle: handle ?? key,
      address: ip,
      app: metadata?.app_id || null,
      space: metadata?.space_id || null,
      policyGroup: metadata?.policy_group_id || null,
    }),
  );
}
