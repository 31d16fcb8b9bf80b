import type { Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { originText } from '../../src/side-files/origin.js';
import neighbours from '../host/side-files/neighbours.js';

const OPEN = new Set(['FAILED', 'INCOMPLETE']);

/** `arp.unanswered` by the neighbour table of a host: what it asked for and got no answer. */
export function* unansweredByTable(evidence: Evidence): Generator<Judgement> {
  const { quality } = evidence;
  for (const { address, device, state, mac, origin } of evidence.side.of(neighbours)) {
    const subject = { kind: 'pair', endpoints: [address], device, file: origin.file };
    if (!OPEN.has(state) || mac !== null) {
      yield { result: 'healthy', subject };
      continue;
    }
    const peers = [...quality.traffic.all()].filter(({ a, b }) => a === address || b === address);
    const isTunnelEnd = peers.some(({ conversations }) =>
      conversations.some((one) => quality.protocols.isTunnel(one)),
    );
    const answers = peers.reduce(
      (sum, { a, fromA, fromB }) => sum + (a === address ? fromA : fromB).packets,
      0,
    );
    yield statedProblem(evidence, {
      subject,
      severity: isTunnelEnd && answers === 0 ? 'warning' : 'info',
      explanation:
        `The neighbour table (${originText(origin)}) has ${state} for ${address} on ${device}: the host asked for its MAC address and got no answer.` +
        (answers > 0 ? ` The capture has ${answers} packets of it.` : ''),
      where: 'unknown',
      counts: { requests: 0, replies: 0, targets: 1 },
      displayFilter: `arp.dst.proto_ipv4 == ${address} || ip.addr == ${address}`,
    });
  }
}
