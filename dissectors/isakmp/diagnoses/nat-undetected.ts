import type { Comparison } from '../../../src/compare/comparison.js';
import { SIDES, type Side } from '../../../src/compare/side.js';
import { translationOf } from '../../../src/diagnose/both-ends/translation.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { PORT_IKE } from '../../../src/wire/transport.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { ONE_WAY_PACKETS_MIN } from '../../esp/session.js';
import { sessionFilter } from '../pair-judgement.js';
import { espOf, type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeSession } from '../session.js';
import { natOf } from '../shared/nat-detection.js';

const ROLES = ['initiator', 'responder'] as const;

export default defineDiagnosis({
  id: 'ike.nat-undetected',
  title: 'NAT present but not detected by IKE',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'ESP travels natively (IP protocol 50) although there is a NAT: hashes do not fit, the capture shows both of its sides, ' +
    'or a private address talks to a public one and one side did not announce NAT traversal. Where ESP finds no way back ' +
    'also: a source hash alone does not fit (a side that forces UDP encapsulation by it would have moved to port 4500), or IKE ' +
    'without hashes is opened from another port than 500. Captures of both ends show the ' +
    'addresses before and behind the NAT.',
  notWhen: 'Both sides compared hashes and all fit; ESP travels in UDP; IKE moved to port 4500.',
  causes: [
    'NAT traversal is switched off, or not supported, on one side',
    "The NAT device 'helps' with IPsec pass-through, which works for one client at a time",
    'Private addresses are routed to public ones without a NAT (then all is well)',
  ],
  nextSteps: [
    'Enable NAT traversal on both sides (nat_traversal=yes), or force encapsulation (forceencaps=yes, encap = yes)',
    'Read what the daemons found: ipsec status shows NATD=none where a side saw no NAT; ip xfrm state shows encap type espinudp where it did',
    'Switch off IPsec pass-through on the NAT device, or take it out of the path',
  ],
  refutedBy: 'A capture at the peer shows the same addresses: there is no NAT.',
  source: 'Openswan guide, situation D; RFC 3947 section 3, RFC 3715 section 2.1',
  fault: 'addressing',
  technology: 'ipsec',
  *judgePair({ comparison, a, b }) {
    for (const side of SIDES) {
      const evidence = side === 'a' ? a : b;
      for (const pair of ikePairs(evidence)) {
        const translation = translationOf([pair.initiator, pair.responder], side, comparison);
        if (translation === null) continue;
        const judged = judge(evidence, pair, () => ({ text: translation, isProven: true }));
        if (judged?.result === 'problem') yield { ...judged, ...shifted(judged, side, comparison) };
      }
    }
  },
  diagnose: (evidence) => judgeEach(ikePairs(evidence), (pair) => judge(evidence, pair)),
});

function shifted(
  problem: Problem,
  side: Side,
  comparison: Comparison,
): Pick<Problem, 'first' | 'last' | 'evidence'> {
  return {
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    evidence: problem.evidence.map((citation) => comparison.shift(side, citation)),
  };
}

type Reason = { readonly text: string; readonly isProven: boolean };

function judge(
  evidence: Evidence,
  pair: IkePair,
  reasonFor: (session: IkeSession) => Reason | null = reasonOf,
): Judgement | null {
  const judged = pair.sessions.filter(({ established, startSeen }) => established !== null && startSeen);
  if (judged.length === 0) return null;
  for (const session of judged) {
    const native = session.usesPort4500 ? null : firstNativeEsp(evidence, session);
    const suspicion = native && isNeverAnswered(evidence, session) ? suspicionOf(session) : null;
    const reason = native && (reasonFor(session) ?? suspicion);
    if (native && reason) return problemOf(evidence, pair, session, native, reason);
  }
  return { result: 'healthy', subject: pair.subject };
}

function firstNativeEsp(evidence: Evidence, session: IkeSession): FrameRef | null {
  const firsts = espOf(evidence, session)
    .flatMap(({ directions }) => directions)
    .flatMap(({ sas }) => sas)
    .filter(({ nativePackets, first }) => nativePackets > 0 && first.frame > session.first.frame)
    .map(({ first }) => first);
  return firsts.sort((a, b) => a.frame - b.frame)[0] ?? null;
}

/** What proves the NAT, in words; null where nothing does. */
function reasonOf(session: IkeSession): Reason | null {
  for (const role of ROLES) {
    const nat = natOf(session, role);
    if (nat.addresses) {
      return { text: `${nat.addresses[0]} is seen as ${nat.addresses[1]} in this capture`, isProven: true };
    }
    if (nat.state === 'translated') {
      return { text: `the NAT detection hashes do not fit the address of ${session[role]}`, isProven: true };
    }
  }
  const { peers, initiator, responder } = session;
  const silent = ROLES.filter((role) => !peers[role].announcesNatTraversal);
  if (silent.length === 0 || isPrivate(initiator) === isPrivate(responder)) return null;
  const inside = isPrivate(initiator) ? initiator : responder;
  return {
    text: `${inside} is a private address and its peer a public one, and ${silent.map((role) => session[role]).join(' and ')} did not announce NAT traversal`,
    isProven: false,
  };
}

/** What suggests a NAT, and is enough where native ESP finds no way back. */
function suspicionOf(session: IkeSession): Reason | null {
  for (const role of ROLES) {
    const { state } = natOf(session, role);
    if (state === 'none' || state === 'unknown') continue;
    const text = `the source hash of ${session[role]} fits no address here, and a side that forces UDP encapsulation by it moves to port 4500`;
    return { text, isProven: false };
  }
  const { initiator, natChecks, paths } = session;
  const [{ initiatorPort, responderPort }] = paths;
  // Where hashes were compared and fit, another port than 500 is the initiator's own choice.
  if (responderPort !== PORT_IKE || initiatorPort === PORT_IKE || natChecks.length > 0) return null;
  return { text: `IKE of ${initiator} comes from port ${initiatorPort} instead of 500`, isProven: false };
}

/** ESP goes one way, from the first packet to the last, for long enough that it would have been answered. */
function isNeverAnswered(evidence: Evidence, session: IkeSession): boolean {
  const pairs = espOf(evidence, session);
  return (
    pairs.length > 0 &&
    pairs.every(
      ({ directions: [a, b], runs }) =>
        (a.packets === 0 || b.packets === 0) && runs.some(({ packets }) => packets >= ONE_WAY_PACKETS_MIN),
    )
  );
}

/** RFC 1918 and the shared address space of RFC 6598; IPv6 is not translated as a rule. */
export function isPrivate(address: string): boolean {
  const [a, b] = address.split('.').map(Number);
  if (address.includes(':')) return false;
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  );
}

function problemOf(
  evidence: Evidence,
  pair: IkePair,
  session: IkeSession,
  native: FrameRef,
  reason: Reason,
): Judgement {
  const packets = espOf(evidence, session)
    .flatMap(({ directions }) => directions)
    .reduce((sum, direction) => sum + direction.nativePackets, 0);
  const { initiator, responder } = pair;
  const between = `(${pairFilter(initiator, responder)} && esp)`;
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: reason.isProven ? 'high' : 'medium',
    explanation: `There is a NAT between ${initiator} and ${responder} (${reason.text}), but IKE stayed on port 500 and ${packets} ESP packets travel natively, which most NATs cannot pass.`,
    pair: [initiator, responder],
    where: 'path',
    first: native,
    last: session.last,
    ongoingAtEnd: true,
    counts: { nativePackets: packets },
    evidence: [
      { ...session.first, summary: `IKE opens on port 500, cookie ${session.initiatorSpi}` },
      { ...native, summary: 'first native ESP packet of the SA' },
    ],
    displayFilter: `${sessionFilter(pair, [session])} || ${between}`,
    packetClass: 'ike',
  };
}
