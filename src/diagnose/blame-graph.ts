import type { BlameLayer, DiagnosisMetadata } from './diagnosis-metadata.js';
import { compareFaults, concernsTechnology, type FaultKind } from './fault-kinds.js';

/** From the bottom to the top. */
export const BLAME_LAYERS: readonly BlameLayer[] = [
  'capture',
  'link',
  'underlay',
  'fragments',
  'tunnel-control',
  'tunnel-data',
  'overlay-control',
  'names-and-transport',
  'application',
];

/** What blame asks of a diagnosis. */
export type BlameNode = Pick<
  DiagnosisMetadata,
  'id' | 'layer' | 'fault' | 'consequenceOf' | 'consequenceOfIds' | 'technology'
>;

/**
 * Whether findings of `consequence` may be consequences of findings of `cause`, as the consequence declares it. What a capture lacks is never a cause.
 * @param fault of the finding, where it is sharper than that of its diagnosis
 */
export function mayCause(cause: BlameNode, consequence: BlameNode, fault: FaultKind = cause.fault): boolean {
  if (cause.layer === 'capture' || cause.id === consequence.id) return false;
  if (consequence.consequenceOfIds?.includes(cause.id)) return true;
  return (
    consequence.consequenceOf.includes(fault) &&
    standsAbove({ fault, layer: cause.layer }, consequence) &&
    concernsTechnology(fault, cause.technology, consequence.technology)
  );
}

function standsAbove(cause: Pick<BlameNode, 'fault' | 'layer'>, consequence: BlameNode): boolean {
  const difference = compareFaults(cause.fault, consequence.fault);
  return (
    difference < 0 ||
    (difference === 0 && BLAME_LAYERS.indexOf(cause.layer) < BLAME_LAYERS.indexOf(consequence.layer))
  );
}
