import type { ComparedDirection, Comparison } from '../../../src/compare/comparison.js';
import { otherSide } from '../../../src/compare/side.js';
import {
  directionSubject,
  directionWords,
  lossProblem,
  packetsOf,
  receiverLimit,
  sideName,
} from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';

const LOST_MIN = 3;
const COVERED_SHARE = 0.9;
const OTHERS_LOST_SHARE = 0.05;

export default definePairDiagnosis({
  id: 'vxlan.blocked-in-path',
  title: 'VXLAN leaves one host and does not arrive at the other',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'At least 3 VXLAN packets in a row leave one end and none arrives at the other, while other packets of the same ' +
    'direction (ping, SSH, BGP) arrive.',
  notWhen:
    'Nothing but VXLAN was sent: then it cannot be told from a path that is down (underlay.path-loss). A filter of the ' +
    'receiving capture hides the port.',
  causes: [
    'A security group or firewall of the infrastructure does not allow the UDP port of VXLAN (4789, 8472 with Linux defaults)',
    'NSX for vSphere from 6.2.3 on uses port 4789 itself and takes the packets',
    'A hypervisor drops tunnels inside tunnels, or packets with wrong outer UDP checksums',
  ],
  nextSteps: [
    'Open the UDP port of the VXLAN in both directions between the two hosts, in the security groups and in the host firewalls',
    'Cloud Foundry: choose another port (cf_networking.vtep_port) on all cells and deploy again',
    'Compare with a UDP packet to another port: nc -u PEER 5555; it arrives if only the port is blocked',
  ],
  refutedBy: 'VXLAN packets of this direction in a capture without filter at the receiving host',
  source: 'Cloud Foundry silk guide (tcpdump on both cells, NSX and port 4789); RFC 7348, section 5',
  thresholds: {
    lost: [LOST_MIN, 'packets', 'one lost packet is normal'],
    othersShare: [OTHERS_LOST_SHARE, 'share', 'the rest of the direction must be well'],
  },
  fault: 'path-loss',
  consequenceOfIds: ['path.lost-between'],
  technology: 'vxlan',
  *judgePair({ comparison }) {
    const bit = comparison.protocols.indexOf('vxlan');
    for (const direction of comparison.directions) yield* judge(direction, comparison, bit);
  },
});

function* judge(direction: ComparedDirection, comparison: Comparison, bit: number): Iterable<Judgement> {
  const { tally, plan } = direction;
  if ((tally.protocols & (1 << bit)) === 0) return;
  const lossClass = tally.profile?.classOf('protocol', bit) ?? null;
  const run = lossClass?.longest ?? null;
  if (!lossClass || !run) {
    yield { result: 'healthy', subject: directionSubject(direction) };
    return;
  }
  const others = run.othersDelivered + run.othersLost;
  const isBlocked =
    run.count >= LOST_MIN &&
    run.count >= COVERED_SHARE * tally.lost &&
    run.othersDelivered > 0 &&
    run.othersLost < OTHERS_LOST_SHARE * others;
  if (!isBlocked) return;
  const limit = receiverLimit(direction, comparison);
  if (limit) {
    yield limit;
    return;
  }
  yield lossProblem(direction, comparison, {
    severity: 'error',
    confidence: 'high',
    explanation:
      `${run.count} VXLAN packets ${directionWords(direction)} leave at ${sideName(plan.sender)} and none arrives at ` +
      `${sideName(otherSide(plan.sender))}, while ${run.othersDelivered} other packets of that direction arrive.`,
    first: comparison.refOf(run.first),
    last: comparison.refOf(run.last),
    ongoingAtEnd: lossClass.run === run,
    packets: packetsOf(direction, comparison, ['vxlan']),
    counts: {
      sent: tally.sent,
      arrived: tally.matched,
      lost: tally.lost,
      lostVxlan: run.count,
      othersArrived: run.othersDelivered,
    },
  });
}
