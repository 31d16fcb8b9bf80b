import type { CaptureQuality } from './capture-quality.js';
import type { FlowRegistry } from './flow-registry.js';
import type { PairTraffic, Traffic } from './traffic.js';

/*
 * Where the key of a tunnel names the receiving port (MidoNet) or the virtual network of the receiver (asymmetric routing),
 * the two directions of an inner flow lie in two stacks: same endpoints, another key.
 */

/** A tunnel stack without the key of its innermost tunnel; null outside tunnels and in mirror sessions, whose copies answer nothing. */
export function keylessStack(flows: FlowRegistry, stack: number): string | null {
  const layers = flows.tunnelLayers(stack);
  const own = layers.pop();
  if (!own || own.kind === 'erspan' || layers.some(({ kind }) => kind === 'erspan')) return null;
  const around = layers.map(({ kind, key, low, high }) => `${kind} ${key} ${low} ${high}`);
  return [...around, `${own.kind} ${own.low} ${own.high}`].join(' / ');
}

const indexes = new WeakMap<Traffic, ReadonlyMap<string, readonly PairTraffic[]>>();

/** Traffic of two inner hosts in the stacks that differ from `stack` by the key of the innermost tunnel alone. */
export function trafficUnderOtherKeys(
  { flows, traffic }: CaptureQuality,
  a: string,
  b: string,
  stack: number,
): PairTraffic[] {
  const path = keylessStack(flows, stack);
  if (path === null) return [];
  let index = indexes.get(traffic);
  if (!index) {
    index = indexOf(flows, traffic);
    indexes.set(traffic, index);
  }
  const [low, high] = a <= b ? [a, b] : [b, a];
  const others = (index.get(`${path} ${low} ${high}`) ?? []).filter((pair) => pair.stack !== stack);
  return others.flatMap((pair) => traffic.between(a, b, pair.stack) ?? []);
}

function indexOf(flows: FlowRegistry, traffic: Traffic): Map<string, PairTraffic[]> {
  const index = new Map<string, PairTraffic[]>();
  for (const pair of traffic.all()) {
    const path = pair.stack === 0 ? null : keylessStack(flows, pair.stack);
    if (path === null) continue;
    const key = `${path} ${pair.a} ${pair.b}`;
    const known = index.get(key);
    if (known) known.push(pair);
    else index.set(key, [pair]);
  }
  return index;
}
