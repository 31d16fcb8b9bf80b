/** Whether two addresses are of one /24 or /64: as near as hosts of one node or site usually are. */
export function isSameNetwork(a: string, b: string): boolean {
  return networkOf(a) === networkOf(b);
}

function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.'));
  const [head] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  return [0, 1, 2, 3].map((index) => groups[index] ?? '0').join(':');
}
