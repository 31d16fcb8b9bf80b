import type { CaptureQuality } from '../correlate/capture-quality.js';
import { groupBy } from '../correlate/group-by.js';
import type { Subject } from '../report/report.js';

/** One direction between two hosts, in a tunnel where `stack` is not 0. */
export interface Direction {
  readonly source: string;
  readonly destination: string;
  readonly stack: number;
}

/** The pair as a subject: endpoints in the order from, to; inside a tunnel, its layers from the outside in. */
export function pairSubject(quality: CaptureQuality, { source, destination, stack }: Direction): Subject {
  return subjectInside(quality, stack, { kind: 'pair', endpoints: [source, destination] });
}

/** A service with all its clients. */
export function serverSubject(
  quality: CaptureQuality,
  { address, port, stack }: { readonly address: string; readonly port: number; readonly stack: number },
): Subject {
  return subjectInside(quality, stack, { kind: 'server', endpoints: [address], port });
}

/** The subject with the layers of the tunnels that it lies in, from the outside in; as it is where it lies in none. */
export function subjectInside(quality: CaptureQuality, stack: number, subject: Subject): Subject {
  return stack === 0 ? subject : { ...subject, inside: inside(quality, stack) };
}

/** Written out once a stack: thousands of subjects share one. */
const layersOfRun = new WeakMap<CaptureQuality, Map<number, readonly string[]>>();

/** The layers of a tunnel stack in words, from the outside in. */
function inside(quality: CaptureQuality, stack: number): readonly string[] {
  let layers = layersOfRun.get(quality);
  if (!layers) {
    layers = new Map();
    layersOfRun.set(quality, layers);
  }
  let words = layers.get(stack);
  if (!words) {
    words = quality.flows
      .tunnelLayers(stack)
      .map(({ kind, key, low, high }) => `${kind} ${key} ${low} ${high}`);
    layers.set(stack, words);
  }
  return words;
}

export function directionKey({ source, destination, stack }: Direction): string {
  return `${stack} ${source} ${destination}`;
}

/** Gathers items by direction, in order of first appearance. */
export function byDirection<Item extends Direction>(items: Iterable<Item>): [Item, ...Item[]][] {
  return [...groupBy(items, directionKey).values()];
}

/** ` inside vxlan 42`, or nothing. */
export function insideWords(quality: CaptureQuality, stack: number): string {
  const layers = quality.flows.tunnelLayers(stack);
  return layers.length === 0 ? '' : ` inside ${layers.map(({ kind, key }) => `${kind} ${key}`).join(' in ')}`;
}
