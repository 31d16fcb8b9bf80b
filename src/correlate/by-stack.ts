export type ByStack<Item> = ReadonlyMap<number, Item[]>;

/** Groups by tunnel stack, in order. */
export function byStack<Item extends { readonly stack: number }>(items: readonly Item[]): ByStack<Item> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const group = groups.get(item.stack);
    if (group) group.push(item);
    else groups.set(item.stack, [item]);
  }
  return groups;
}
