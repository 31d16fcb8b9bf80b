import { SIDES } from '../../../src/compare/side.js';
import { translationOf } from '../../../src/diagnose/both-ends/translation.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type PairEvidence,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { type IkeSession, ike } from '../../isakmp/correlator.js';
import { type NatOfSide, natOf } from '../../isakmp/shared/nat-detection.js';
import { type AhPair, ahPairs } from '../correlator.js';

const ANSWERED_PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'esp.ah-through-nat',
  title: 'AH used across NAT',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule: 'AH flows between two addresses, and the NAT detection of their IKE exchange, or captures of both ends, show that an address or port was translated.',
  notWhen:
    'NAT detection finds no translation, one side only pretends (forced UDP encapsulation), or AH flows in both directions.',
  causes: [
    'The connection asks for AH (phase2=ah, auth=ah), which protects the IP addresses that the NAT rewrites',
    'A NAT was put between the gateways after the tunnel had been set up with AH',
  ],
  nextSteps: [
    'Use ESP with integrity protection instead of AH: phase2=esp, esp = aes128gcm16',
    'Or take the NAT out of the path between the gateways',
    'On the receiver: /proc/net/xfrm_stat, XfrmInStateProtoError counts packets that fail the check',
  ],
  refutedBy: 'AH packets that the receiver accepts: its counters of the SA grow (ip -s xfrm state)',
  source:
    'RFC 3715, section 2.1 (AH and NAT are incompatible); RFC 4302, section 3.3.3.1; OSW guide, situation D',
  thresholds: {
    answered: [
      ANSWERED_PACKETS_MIN,
      'packets',
      'AH in both directions shows that packets are accepted: the translation is only pretended',
    ],
  },
  fault: 'addressing',
  consequenceOfIds: ['esp.proto-unreachable'],
  technology: 'ipsec',

  judgePair,
  *diagnose(evidence) {
    const sessions = evidence.sessions(ike);
    for (const pair of evidence.sessions(ahPairs)) yield judge(pair, sessions);
  },
});

const ROLES = ['initiator', 'responder'] as const;

/** Captures of both ends show the addresses before and behind the NAT, whether IKE was seen or not. */
function* judgePair({ comparison, a, b }: PairEvidence): Iterable<Judgement> {
  for (const side of SIDES) {
    for (const pair of (side === 'a' ? a : b).sessions(ahPairs)) {
      const [there, back] = pair.directions;
      const isAnswered = there.packets >= ANSWERED_PACKETS_MIN && back.packets >= ANSWERED_PACKETS_MIN;
      const translation = isAnswered ? null : translationOf([there.from, there.to], side, comparison);
      if (translation === null) continue;
      const problem = problemOf(
        pair,
        null,
        { kind: 'tunnel', endpoints: [there.from, there.to] },
        translation,
      );
      yield {
        ...problem,
        first: comparison.shift(side, problem.first),
        last: comparison.shift(side, problem.last),
        evidence: problem.evidence.map((citation) => comparison.shift(side, citation)),
      };
    }
  }
}

function judge(pair: AhPair, sessions: readonly IkeSession[]): Judgement {
  const [there, back] = pair.directions;
  const subject = { kind: 'tunnel', endpoints: [there.from, there.to] };
  const nats = sessions
    .filter((session) => isOfPair(session, pair))
    .flatMap((session) => ROLES.map((role) => natOf(session, role)));
  const isAnswered = there.packets >= ANSWERED_PACKETS_MIN && back.packets >= ANSWERED_PACKETS_MIN;
  const nat =
    nats.find(({ state }) => state === 'translated') ??
    nats.find(({ state }) => state === 'translated-or-forced');
  if (nat && !isAnswered) return problemOf(pair, nat, subject, HASHES_DIFFER);
  if (nats.some(({ state }) => state !== 'unknown')) return { result: 'healthy', subject };
  return insufficientData(
    subject,
    `No NAT detection of an IKE exchange between ${there.from} and ${back.from} is in the capture; start the capture ` +
      'before the tunnel is set up (ipsec auto --down CONN, --up CONN).',
  );
}

function isOfPair({ paths }: IkeSession, { directions: [there], stack }: AhPair): boolean {
  return paths.some(
    (path) =>
      path.stack === stack &&
      [path.initiator, path.responder].includes(there.from) &&
      [path.initiator, path.responder].includes(there.to),
  );
}

const HASHES_DIFFER = 'the NAT detection hashes of IKE do not match';

function problemOf(pair: AhPair, nat: NatOfSide | null, subject: Subject, proof: string): Problem {
  const [there, back] = pair.directions;
  const packets = there.packets + back.packets;
  const both = pairFilter(there.from, there.to);
  return {
    result: 'problem',
    subject,
    confidence: nat === null || nat.state === 'translated' ? 'high' : 'medium',
    explanation:
      `${packets} AH packets between ${there.from} and ${there.to} pass a NAT (${proof}): AH protects the addresses ` +
      'that the NAT rewrites, so the receiver drops every packet.',
    pair: [there.from, there.to],
    where: 'path',
    first: pair.first,
    last: pair.last,
    ongoingAtEnd: true,
    counts: { packets, packetsThere: there.packets, packetsBack: back.packets },
    evidence: [
      ...(nat?.proof ?? []).slice(0, 4).map((check) => ({
        ...check,
        summary: `NAT detection of the ${check.from}: the hash does not match the addresses seen here`,
      })),
      { ...pair.first, summary: 'first AH packet' },
      { ...pair.last, summary: 'last AH packet' },
    ].map(({ frame, timeNs, segment, summary }) => ({ frame, timeNs, segment, summary })),
    displayFilter: `(ah || isakmp) && ${both}`,
    packetClass: 'ah',
  };
}
