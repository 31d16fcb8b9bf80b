import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { dropLimit } from '../../src/correlate/gates.js';
import type { Problem } from '../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { addressFilter } from '../../src/wording/display-filters.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { carrierName, diagnosticText, discriminatorText, portOf, stateName } from './names.js';
import type { BfdPhase, BfdSession, BfdSide } from './session.js';

/** The session: its two systems with the discriminator that each began with, and how the packets travel. */
export function sessionSubject(quality: CaptureQuality, session: BfdSession): Subject {
  const { sides, stack, carrier } = session;
  const subject = {
    kind: 'session',
    endpoints: sides.map(({ address }) => address),
    protocol: 'bfd',
    carrier: carrierName(carrier),
    discriminators: sides.flatMap(({ ends }) =>
      ends.slice(0, 1).map(({ discriminator }) => discriminatorText(discriminator)),
    ),
  };
  return subjectInside(quality, stack, subject);
}

/** What every finding about a session says of it. */
export function sessionFacts(
  quality: CaptureQuality,
  session: BfdSession,
): Pick<Problem, 'subject' | 'pair' | 'displayFilter' | 'packetClass'> & {
  readonly limitedBy?: readonly string[];
} {
  const [low, high] = session.sides;
  const drops = dropLimit(quality);
  return {
    subject: sessionSubject(quality, session),
    pair: [low.address, high.address],
    displayFilter: sessionFilter(quality, session),
    packetClass: 'bfd',
    ...(drops ? { limitedBy: [drops.id] } : {}),
  };
}

/** Inside a tunnel, and in a protocol other than UDP, the packets of what carries it. */
function sessionFilter(quality: CaptureQuality, { sides, stack, carrier }: BfdSession): string {
  const [outermost] = quality.flows.tunnelLayers(stack);
  const [low, high] = outermost ? [outermost.low, outermost.high] : sides.map(({ address }) => address);
  const there = addressFilter(low, high);
  const back = addressFilter(high, low);
  const port = portOf(carrier);
  const isPlain = !outermost && port !== null;
  return `((${there}) || (${back}))${isPlain ? ` && udp.dstport == ${port}` : ''}`;
}

export function otherSide(session: BfdSession, side: BfdSide): BfdSide {
  return session.sides[0] === side ? session.sides[1] : session.sides[0];
}

/** What a side said last before a frame, or null. */
export function phaseBefore({ phases }: BfdSide, { frame }: FrameRef): BfdPhase | null {
  return phases.findLast(({ first }) => first.frame < frame) ?? null;
}

/** `10.0.0.1 says Down, diagnostic 1 (control detection time expired)`. */
export function phaseCitation({ address }: BfdSide, phase: BfdPhase, ref: FrameRef = phase.first): Citation {
  const heard =
    phase.yourDiscriminator === 0
      ? 'names no peer'
      : `calls its peer ${discriminatorText(phase.yourDiscriminator)}`;
  return {
    ...ref,
    summary: `${address} says ${stateName(phase.state)}, diagnostic ${diagnosticText(phase.diagnostic)}, ${heard}`,
  };
}
