import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { type Citation, secondsBetween } from '../../src/moment.js';
import { cite } from '../../src/wording/citations.js';
import { type IkeSession, ike } from '../isakmp/correlator.js';
import type { EspPair, EspSa } from './session.js';

/** An SA is used as soon as there is something to send, and a gateway may wait for the message that completes the exchange. */
const REKEY_SECONDS = 30;

/** First message of the exchange that probably made this SA, and the one that completes it; empty where none is in the capture. */
export function rekeyOf(evidence: Evidence, pair: EspPair, sa: EspSa): readonly Citation[] {
  let latest: readonly Citation[] = [];
  for (const session of evidence.sessions(ike)) {
    if (session.segment !== pair.segment || !isBetween(session, pair)) continue;
    for (const { from, messages } of session.exchanges) {
      const made = session.childEstablished.find(({ frame }) =>
        messages.some(({ transmissions }) => transmissions[0].frame === frame),
      );
      const request = messages[0]?.transmissions[0];
      if (!made || !request || made.frame > sa.first.frame) continue;
      if (secondsBetween(made, sa.first) > REKEY_SECONDS || made.frame < (latest.at(-1)?.frame ?? 0))
        continue;
      latest = [
        cite(request, `rekey: ${session[from]} asks for a new SA`),
        cite(made, 'rekey: the new SA is agreed'),
      ];
    }
  }
  return latest;
}

function isBetween({ paths }: IkeSession, { low, high, stack }: EspPair): boolean {
  return paths.some(
    (path) =>
      path.stack === stack &&
      ((path.initiator === low && path.responder === high) ||
        (path.initiator === high && path.responder === low)),
  );
}
