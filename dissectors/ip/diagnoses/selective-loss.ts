import type { ComparedDirection, Comparison } from '../../../src/compare/comparison.js';
import {
  CLASS_LOST_MIN,
  INTERLEAVED_SECONDS,
  type LossPattern,
  OTHERS_LOST_SHARE,
  SMALL_CLASS_LOST_MIN,
  SMALL_CLASS_OTHERS_MIN,
} from '../../../src/compare/loss-pattern.js';
import type { LossClass } from '../../../src/compare/loss-profile.js';
import { otherSide } from '../../../src/compare/side.js';
import {
  classWord,
  directionSubject,
  directionWords,
  lossProblem,
  packetsOf,
  receiverLimit,
  secondsAt,
  sideName,
} from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../../src/wire/ip.js';

const GENERAL_STEPS: readonly string[] = [
  'Tell the owner of the path or firewall the exact class, direction and time of this finding',
  'Capture behind each firewall on the way, and compare again: capan compare --at A=a.pcap --at MIDDLE=m.pcap --at B=b.pcap',
  'Try the same destination with another port or without the mark: it arrives if the class is what matters',
];

export default definePairDiagnosis({
  id: 'underlay.selective-loss',
  title: 'One class of packets does not arrive at the other end',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    "At least 5 packets of one class (port, protocol, DSCP, don't-fragment bit) leave one end in a row and none arrives, " +
    'while less than 5 % of the other packets of the same direction are lost; lost and delivered ones alternate for at ' +
    'least 10 s. Three suffice where they are all that is lost and all of their class, while at least 20 others arrive.',
  notWhen:
    'The class is that of fragments (frag.filtered-in-path), of VXLAN (vxlan.blocked-in-path) or of large packets ' +
    '(mtu.blackhole). A filter of the receiving capture hides the class. Nothing else arrived meanwhile: then the path ' +
    'itself may be down (underlay.path-loss).',
  causes: [
    'A firewall, access list or security group on the way drops the port or protocol',
    'A provider blocks or polices the protocol',
    "Packets with that DSCP or with the don't-fragment bit are dropped",
  ],
  nextSteps: GENERAL_STEPS,
  refutedBy:
    'One packet of the class that arrived in the same time, or the class in a capture at the receiving end',
  source: 'openswan guide, situation A2 (the packet leaves and does not arrive); RFC 7680',
  thresholds: {
    lost: [CLASS_LOST_MIN, 'packets', 'so many in a row of one class only are no chance'],
    lostOfSmallClass: [SMALL_CLASS_LOST_MIN, 'packets', 'a first message of IKE is sent a few times only'],
    othersOfSmallClass: [
      SMALL_CLASS_OTHERS_MIN,
      'packets',
      'so many others that arrive tell a filter from congestion',
    ],
    othersShare: [OTHERS_LOST_SHARE, 'share', 'the rest of the direction must be well'],
    interleaved: [INTERLEAVED_SECONDS, 's', 'a short outage hits whatever is sent meanwhile'],
  },
  fault: 'path-loss',
  consequenceOfIds: ['path.lost-between'],
  *judgePair({ comparison }) {
    for (const direction of comparison.directions) yield* judge(direction, comparison);
  },
});

function* judge(direction: ComparedDirection, comparison: Comparison): Iterable<Judgement> {
  const { tally, pattern } = direction;
  if (tally.matched + tally.lost === 0) return;
  if (pattern === null) yield { result: 'healthy', subject: directionSubject(direction) };
  if (pattern?.kind !== 'class' || isVxlan(direction, pattern, comparison)) return;
  const limit = receiverLimit(direction, comparison);
  if (limit) yield limit;
  else yield problemOf(direction, comparison, pattern);
}

function problemOf(
  direction: ComparedDirection,
  comparison: Comparison,
  { lossClass, run }: LossPattern & { kind: 'class' },
): Judgement {
  const { plan, tally } = direction;
  const name = className(lossClass, comparison);
  const since = secondsAt(comparison.refOf(run.first), comparison, plan.sender);
  const ongoing = tally.nextGood === null || tally.nextGood.timeNs < run.last.timeNs || lossClass.run === run;
  return lossProblem(direction, comparison, {
    severity: 'error',
    confidence: 'high',
    title: `${name} does not arrive at the other end`,
    explanation:
      `${run.count} packets of ${name} ${directionWords(direction)} leave at ${sideName(plan.sender)} and none arrives at ` +
      `${sideName(otherSide(plan.sender))}${since}, while ${run.othersDelivered} other packets of that direction arrive ` +
      `and ${run.othersLost} are lost.`,
    subject: { ...directionSubject(direction), class: name },
    nextSteps: [
      `Allow ${name} ${directionWords(direction)} in every firewall, access list and security group on the way: that class alone is dropped, so it is no congestion`,
      ...GENERAL_STEPS,
    ],
    packets: packetsOf(direction, comparison, [classWord(lossClass, comparison.protocols)]),
    first: comparison.refOf(run.first),
    last: comparison.refOf(run.last),
    ongoingAtEnd: ongoing,
    counts: {
      sent: tally.sent,
      arrived: tally.matched,
      lost: tally.lost,
      lostOfClass: run.count,
      othersArrived: run.othersDelivered,
      othersLost: run.othersLost,
    },
  });
}

/** The lost packets are VXLAN, whatever else they have in common: vxlan.blocked-in-path knows more of it. */
function isVxlan(
  { tally }: ComparedDirection,
  { run }: LossPattern & { kind: 'class' },
  { protocols }: Comparison,
): boolean {
  const vxlan = tally.profile?.classOf('protocol', protocols.indexOf('vxlan'))?.longest;
  return vxlan?.first === run.first && vxlan.count >= run.count;
}

/** The class in a network engineer's words. */
function className({ kind, value }: LossClass, { protocols }: Comparison): string {
  switch (kind) {
    case 'port': {
      const protocol = Math.floor(value / 65_536);
      const name =
        protocol === PROTOCOL_UDP ? 'UDP' : protocol === PROTOCOL_TCP ? 'TCP' : `IP protocol ${protocol}`;
      return `${name} port ${value % 65_536}`;
    }
    case 'protocol':
      return (protocols[value] ?? `protocol ${value}`).toUpperCase();
    case 'dscp':
      return `traffic with DSCP ${value}`;
    case 'dont-fragment':
      return "traffic with the don't-fragment bit";
    case 'fragment':
      return 'fragments';
  }
}
