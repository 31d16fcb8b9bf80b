import type { KnownProtocols } from '../../src/correlate/known-protocols.js';
import { isVppsOwn } from './path-faults.js';
import type { VppFault, VppFlow, VppTrace } from './session.js';

/**
 * Whether a packet that VPP did not forward was meant for the host: VPP took it for its own, or punts other packets to
 * the same address, and it is no protocol that VPP terminates itself. Needs a sign that this VPP punts at all.
 */
export function isPuntMissing(
  protocols: KnownProtocols,
  trace: VppTrace,
  flow: VppFlow,
  { kind, last }: VppFault,
): boolean {
  if (!trace.hasPunt || last.received === null || isVppsOwn(protocols, last.received)) return false;
  if (kind === 'local') return true;
  return kind === 'drop' && trace.puntedTo.has(flow.destination);
}
