import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { originText } from '../../src/side-files/origin.js';
import { bgpPeerings } from './peerings.js';
import bgpSummaries from './side-files/bgp-summary.js';

/** `bgp.no-session` by `show ip bgp summary`, for neighbours of which the capture holds no connection. */
export function* downBySummary(evidence: Evidence): Generator<Judgement> {
  const peerings = bgpPeerings(evidence);
  for (const { address, state, remoteAs, prefixes, origin } of evidence.side.of(bgpSummaries)) {
    const subject = { kind: 'session', protocol: 'bgp', neighbour: address, file: origin.file };
    if (prefixes !== null) yield { result: 'healthy', subject };
    else if (peerings.some(({ a, b }) => a === address || b === address)) continue;
    else if (!/Admin/.test(state)) {
      yield statedProblem(evidence, {
        subject,
        title: 'BGP session not established',
        explanation:
          `show ip bgp summary (${originText(origin)}) says ${state} for the neighbour ${address} in AS ${remoteAs}: no session stands. ` +
          'No packet of it is in the capture.',
        where: 'unknown',
        counts: { syns: 0, attempts: 0 },
        displayFilter: 'bgp || tcp.port == 179',
      });
    }
  }
}
