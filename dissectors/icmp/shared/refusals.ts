import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { groupBy } from '../../../src/correlate/group-by.js';
import type { FlowIdentity } from '../../../src/correlate/known-protocols.js';
import type { Evidence } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { type IcmpError, icmpErrors, type QuotedPacket } from '../icmp-errors.js';

/** An error with the packet that it refused. */
export type Refusal = IcmpError & { readonly quoted: QuotedPacket };

/** Refusals that a diagnosis judges, grouped by who sent the refused packets to whom. */
export function refusalsJudgedBy(id: string, evidence: Evidence): NonEmpty<Refusal>[] {
  const refusals = evidence
    .sessions(icmpErrors)
    .filter(hasQuote)
    .filter((error) => judgeOfRefusal(evidence.quality, error) === id);
  const groups = groupBy(refusals, ({ stack, quoted }) => `${stack} ${quoted.source} ${quoted.destination}`);
  return [...groups.values()];
}

function hasQuote(error: IcmpError): error is Refusal {
  return error.quoted !== null;
}

/** Id of the diagnosis to which a refusal belongs: that of the protocol whose packet was refused; null: to no special one. */
export function judgeOfRefusal(quality: CaptureQuality, error: IcmpError): string | null {
  const { meaning, quoted, stack, isPlausible } = error;
  if (quoted === null || !isPlausible) return null;
  const flow = flowOfQuoted(quality, quoted, stack);
  switch (meaning) {
    case 'port-unreachable':
      return quality.protocols.judgeOf({ ...flow, refused: 'port' });
    case 'protocol-unreachable':
      return quality.protocols.judgeOf({ ...flow, refused: 'protocol' });
    default:
      return null;
  }
}

/**
 * The flow of a quoted packet. What it was recognised as is told by any conversation with that port of its destination:
 * the source port of a tunnel may be a hash of what it carries.
 */
export function flowOfQuoted(
  { traffic }: CaptureQuality,
  { source, destination, protocol, sourcePort, destinationPort }: QuotedPacket,
  stack: number,
): FlowIdentity {
  const recognised = traffic
    .between(source, destination, stack)
    ?.conversations.find(
      (one) => one.recognisedAs !== null && one.protocol === protocol && one.portOfB === destinationPort,
    );
  return {
    protocol,
    portOfA: sourcePort,
    portOfB: destinationPort,
    recognisedAs: recognised?.recognisedAs ?? null,
  };
}
