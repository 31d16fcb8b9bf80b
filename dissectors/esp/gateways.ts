import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { type IkeSession, ike } from '../isakmp/correlator.js';
import { espPairs } from './correlator.js';
import type { EspPair } from './session.js';
import { looksLikeEsp, TwinIndex } from './shared/sa-pairs.js';

/** Two IPsec gateways with everything that the capture holds of them, over all time segments. */
export interface Gateways {
  /** As seen first; the other addresses of a NAT are in `aliases`. */
  readonly endpoints: readonly [string, string];
  readonly stack: number;
  readonly aliases: readonly string[];
  readonly esp: readonly EspPair[];
  /** The same SAs on the other side of a NAT: counted in `esp` already. */
  readonly twins: readonly EspPair[];
  readonly ike: readonly IkeSession[];
  readonly first: FrameRef;
}

interface Group {
  readonly keys: Set<string>;
  readonly addresses: Set<string>;
  readonly stack: number;
  readonly esp: EspPair[];
  readonly twins: EspPair[];
  readonly ike: IkeSession[];
}

/**
 * Puts ESP and IKE of the same gateways together. Address pairs are one where an IKE session was seen on both (a NAT),
 * or where the same SA was.
 */
export function gatewaysOf(evidence: Evidence): Gateways[] {
  const groups = new Map<string, Group>();
  for (const session of evidence.sessions(ike)) {
    const [first] = session.paths;
    const ends = session.paths.map(({ initiator, responder }) => [initiator, responder] as const);
    join(groups, first?.stack ?? 0, [[session.initiator, session.responder], ...ends]).ike.push(session);
  }
  const index = new TwinIndex();
  for (const pair of evidence.sessions(espPairs)) {
    if (!looksLikeEsp(pair)) continue;
    const twin = index.find(pair);
    const ends: [string, string][] = [[pair.low, pair.high]];
    if (twin) ends.push([twin.low, twin.high]);
    else index.add(pair);
    const group = join(groups, pair.stack, ends);
    (twin ? group.twins : group.esp).push(pair);
  }
  return [...new Set(groups.values())].map(describe).sort((a, b) => a.first.frame - b.first.frame);
}

/** The group of these address pairs; groups that they connect become one. */
function join(
  groups: Map<string, Group>,
  stack: number,
  ends: readonly (readonly [string, string])[],
): Group {
  const keys = ends.map(([a, b]) => keyOf(stack, a, b));
  const touched = [...new Set(keys.flatMap((key) => groups.get(key) ?? []))];
  const [target = { keys: new Set(), addresses: new Set(), stack, esp: [], twins: [], ike: [] }] = touched;
  for (const group of touched.slice(1)) {
    for (const key of group.keys) keys.push(key);
    for (const address of group.addresses) target.addresses.add(address);
    target.esp.push(...group.esp);
    target.twins.push(...group.twins);
    target.ike.push(...group.ike);
  }
  for (const key of keys) {
    target.keys.add(key);
    groups.set(key, target);
  }
  for (const address of ends.flat()) target.addresses.add(address);
  return target;
}

function keyOf(stack: number, a: string, b: string): string {
  return a < b ? `${stack} ${a} ${b}` : `${stack} ${b} ${a}`;
}

function describe({ addresses, stack, esp, twins, ike: sessions }: Group): Gateways {
  const primary = [...esp].sort((a, b) => a.first.frame - b.first.frame);
  const opening = [...sessions].sort((a, b) => a.first.frame - b.first.frame)[0];
  const [pair] = primary;
  const isEspFirst = pair !== undefined && (!opening || pair.first.frame < opening.first.frame);
  const endpoints: readonly [string, string] =
    isEspFirst || !opening ? [pair.low, pair.high] : [opening.initiator, opening.responder];
  return {
    endpoints,
    stack,
    aliases: [...addresses].filter((address) => !endpoints.includes(address)),
    esp: primary,
    twins,
    ike: sessions,
    first: isEspFirst || !opening ? pair.first : opening.first,
  };
}
