import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { sessionFilter } from '../pair-judgement.js';
import { type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeRole, IkeSession, NatCheck } from '../session.js';
import { type NatOfSide, natOf } from '../shared/nat-detection.js';

const ROLES = ['initiator', 'responder'] as const;

interface Finding {
  readonly session: IkeSession;
  readonly nat: Readonly<Record<IkeRole, NatOfSide>>;
}

export default defineDiagnosis({
  id: 'ike.nat-detected',
  title: 'NAT between the IKE peers',
  severity: 'info',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A NAT detection hash (NAT-D, NAT_DETECTION notify) does not fit the addresses and ports seen at the capture point; or ' +
    'the capture shows the same message with two addresses.',
  notWhen:
    'All hashes fit, or none was sent; a peer goes on from another address (MOBIKE); a side forces UDP encapsulation: its hash is ' +
    'over the unspecified address, or fits none although its packets passed no router (TTL 64, 128 or 255).',
  causes: [
    'A NAT between the host and the capture point, or between the capture point and the peer',
    'One side forces UDP encapsulation by a hash that cannot fit (strongSwan: encap = yes, or ESP in user space), behind a router',
  ],
  nextSteps: [
    'Nothing, if the tunnel works: IKE moves to port 4500 and ESP into UDP',
    'Allow UDP 4500 with any source port; keep the NAT keepalive (20 s) on the side behind the NAT',
  ],
  refutedBy: 'The same hashes fit in captures at both ends: then the packets were not changed.',
  source: 'RFC 3947 section 3.2, RFC 7296 section 2.23; Openswan guide, situation B',
  fault: 'remark',
  consequenceOfIds: ['underlay.nat-in-path'],
  technology: 'ipsec',
  diagnose: (evidence) => judgeEach(ikePairs(evidence), (pair) => judge(evidence, pair)),
});

function judge(evidence: Evidence, pair: IkePair): Judgement | null {
  const findings = pair.sessions.map((session) => ({
    session,
    nat: { initiator: natOf(session, 'initiator'), responder: natOf(session, 'responder') },
  }));
  const found = findings.find(({ nat }) => ROLES.some((role) => isTranslated(nat[role])));
  if (found) return problemOf(evidence, pair, found, findings);
  const isJudged = findings.some(({ nat }) => ROLES.some((role) => nat[role].state !== 'unknown'));
  return isJudged ? { result: 'healthy', subject: pair.subject } : null;
}

function isTranslated({ state }: NatOfSide): boolean {
  return state === 'translated' || state === 'translated-or-forced';
}

function isChanged({ state }: NatOfSide): boolean {
  return state !== 'none' && state !== 'unknown';
}

function problemOf(
  evidence: Evidence,
  pair: IkePair,
  found: Finding,
  findings: readonly Finding[],
): Judgement {
  const { session, nat } = found;
  const proof = ROLES.flatMap((role) => [...nat[role].proof]).sort((a, b) => a.frame - b.frame);
  const first: FrameRef = proof[0] ?? session.first;
  const words = natWords(evidence, found);
  return {
    result: 'problem',
    subject: pair.subject,
    confidence: ROLES.some((role) => nat[role].state === 'translated') ? 'high' : 'medium',
    explanation: `${words.join(' ')} ${session.usesPort4500 ? 'IKE uses port 4500.' : 'IKE did not move to port 4500.'}`,
    pair: [pair.initiator, pair.responder],
    first,
    last: session.last,
    ongoingAtEnd: true,
    counts: {
      mismatches: session.natChecks.filter(({ source, destination }) =>
        [source, destination].includes('mismatch'),
      ).length,
      messages: session.natChecks.length,
      sessions: findings.filter((one) => ROLES.some((role) => isTranslated(one.nat[role]))).length,
    },
    evidence: proof.length > 0 ? proof.map(citationOf) : [{ ...session.first, summary: 'first message' }],
    displayFilter: sessionFilter(pair, [session]),
    packetClass: 'ike',
  };
}

function citationOf({ frame, timeNs, segment, from, source, destination }: NatCheck): Citation {
  const summary = `NAT detection hashes of the ${from}: source ${source}, destination ${destination}`;
  return { frame, timeNs, segment, summary };
}

function natWords(evidence: Evidence, { session, nat }: Finding): string[] {
  if (ROLES.every((role) => nat[role].state === 'translated-or-forced')) {
    return [
      `The source hashes of ${session.initiator} and ${session.responder} fit no address here, while each sees the other ` +
        'where it stands here: both force UDP encapsulation, or each is behind a NAT of its own.',
    ];
  }
  return ROLES.filter((role) => isChanged(nat[role])).map((role) =>
    sideText(evidence, session, role, nat[role]),
  );
}

function sideText(evidence: Evidence, session: IkeSession, role: IkeRole, nat: NatOfSide): string {
  const address = session[role];
  if (nat.addresses)
    return `${nat.addresses[0]} (${role}) is seen as ${nat.addresses[1]} as well: a NAT lies inside this capture.`;
  switch (nat.state) {
    case 'forced':
      return nat.proof.some(({ isForced }) => isForced)
        ? `${address} (${role}) sends a hash over the unspecified address: it wants UDP encapsulation in any case.`
        : `${address} (${role}) sends a source hash that fits no address here, and its packets passed no router before: it forces UDP encapsulation.`;
    case 'translated':
      return `The address of ${address} (${role}) is changed on the way: it is behind a NAT.`;
    default:
      return session.capturedAt === role || evidence.quality.local.includes(address)
        ? `${address} (${role}) sends a source hash that fits no address here, at the host itself: it forces UDP encapsulation.`
        : `The source hash of ${address} (${role}) does not fit, while its peer sees the address that stands here: a NAT ` +
            'between it and this capture point, or forced UDP encapsulation.';
  }
}
