/** Groups in order of first appearance, each in the order of `items`. `Map.groupBy` is not in Node 20. */
export function groupBy<Item, Key>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
): Map<Key, [Item, ...Item[]]> {
  const groups = new Map<Key, [Item, ...Item[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Adds to the group of a key, which begins with its first item. */
export function addTo<Key, Item>(groups: Map<Key, Item[]>, key: Key, item: Item): void {
  const group = groups.get(key);
  if (group) group.push(item);
  else groups.set(key, [item]);
}

export type ByStack<Item> = ReadonlyMap<number, Item[]>;

/** Groups by tunnel stack, in order. */
export function byStack<Item extends { readonly stack: number }>(items: readonly Item[]): ByStack<Item> {
  return groupBy(items, ({ stack }) => stack);
}
