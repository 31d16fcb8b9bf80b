import { concat, u8, u16 } from '../../test/build/bytes.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';

/* Becomes test/build/NAME.ts: what writes the protocol's bytes, for tests and for captures that ship. */

const PORT = 9;

/** RFC and section. Written from the standard, not with the constants of the dissector, so that each checks the other. */
export function template(type: 'question' | 'answer', identifier: number): Uint8Array {
  return concat(u8(type === 'question' ? 1 : 2), u8(0), u16(identifier));
}

export interface TemplateExchange {
  at: number;
  identifier: number;
  answered?: boolean;
}

/** A question, and its answer 18 ms later. */
export function templateExchange(
  t: Timeline,
  from: Endpoint,
  to: Endpoint,
  { at, identifier, answered = true }: TemplateExchange,
): void {
  const asking = { ...from, port: 40_000 };
  const answering = { ...to, port: PORT };
  t.sendUdp(at, asking, answering, template('question', identifier));
  if (answered) t.sendUdp(at + 0.018, answering, asking, template('answer', identifier));
}
