import type { Tunnel } from '../report/report.js';
import { addressBytes } from '../wire/address-bytes.js';
import type { FilterExpression, FilterNode } from './filter-expression.js';
import { netOf, type Term } from './filter-terms.js';

/** Columns by which dissectors tell the key of their tunnels, by kind of tunnel. */
const KEY_COLUMNS: readonly string[] = ['vni', 'key'];

/**
 * The frames of a tunnel: what its ends send to each other, and errors about that. Where other tunnels of its kind run
 * between the same ends and both directions of it are known, those of other keys are left out.
 * @param own a filter that the frames must meet as well
 * @returns null where the ends are no addresses
 */
export function tunnelFilter(
  tunnel: Tunnel,
  tunnels: readonly Tunnel[],
  own: FilterExpression | null,
): FilterExpression | null {
  const [a, b] = tunnel.endpoints.map(addressBytes);
  if (!a || !b) return null;
  const terms: Term[] = [...(own?.terms ?? [])];
  const add = (term: Term): FilterNode => {
    terms.push(term);
    return { op: 'term', term: terms.length - 1 };
  };
  let root = add({ kind: 'pair', a: netOf(a, a.length * 8), b: netOf(b, b.length * 8) });
  for (const other of otherKeys(tunnel, tunnels)) {
    const shows = KEY_COLUMNS.map((column) =>
      add({ kind: 'column', protocol: tunnel.kind, column, value: other }),
    );
    for (const of of shows) root = { op: 'and', left: root, right: { op: 'not', of } };
  }
  if (own !== null) root = { op: 'and', left: own.root, right: root };
  return { text: tunnel.id, terms, root };
}

/** No more than fit beside the other terms; frames of further ones are in the part as well. */
const OTHER_KEYS_MAX = 8;

function otherKeys(tunnel: Tunnel, tunnels: readonly Tunnel[]): number[] {
  if (typeof tunnel.key !== 'number' || tunnel.directions.length < 2) return [];
  const ends = new Set(tunnel.endpoints);
  return tunnels
    .filter(({ id, kind }) => id !== tunnel.id && kind === tunnel.kind)
    .filter(({ endpoints, directions }) => endpoints.every((end) => ends.has(end)) && directions.length > 1)
    .flatMap(({ key }) => (typeof key === 'number' && key !== tunnel.key ? [key] : []))
    .slice(0, OTHER_KEYS_MAX);
}
