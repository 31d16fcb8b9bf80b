import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { AUTHENTICATION_MD5 } from '../../tcp/shared/authentication.js';
import {
  type FailedAttempts,
  failedAttempts,
  hiddenAnswers,
  isRejectedByIcmp,
  isUnanswered,
  scanningHosts,
} from '../attempts.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type Peering } from '../peerings.js';

const SYNS_MIN = 3;

export default defineDiagnosis({
  id: 'bgp.md5-mismatch',
  title: 'BGP TCP-MD5 mismatch',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 3,
  rule:
    'At least 3 SYNs to port 179 stay unanswered, and: the SYNs of one side carry the TCP-MD5 option (19) and those of the other do not; or those of both ' +
    'sides carry it and none is answered. Warning, with low confidence, where only one side is seen to try, with the option, and the other answers other packets.',
  notWhen: 'TCP-AO (option 29). A connection with the option is accepted. An ICMP error or a RST answers.',
  causes: [
    'The password is configured on one side only',
    'The passwords differ: a typing error, a trailing blank, an old one',
    'A NAT or a middlebox changes what the signature covers (addresses, ports)',
  ],
  nextSteps: [
    'Compare on both sides: neighbor ADDRESS password; set it anew on both',
    'On the side that does not answer: nstat -az TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure',
    'dmesg on Linux says "MD5 Hash failed" or "MD5 Hash not found"',
  ],
  refutedBy: 'A SYN-ACK with option 19 between the two.',
  source: 'RFC 2385; RFC 4271, section 10',
  thresholds: {
    syns: [SYNS_MIN, 'SYNs', 'one or two may be lost'],
  },
  fault: 'session-down',
  technology: 'bgp',
  diagnose(evidence) {
    const scanners = scanningHosts(evidence);
    return judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering, scanners));
  },
});

type Pattern = 'one side only' | 'both sides' | 'one side seen';

function judge(evidence: Evidence, peering: Peering, scanners: ReadonlySet<string>): Judgement | null {
  const { quality } = evidence;
  const syns = peering.connections.flatMap(({ client }) => (client.syn ? [client] : []));
  const signing = new Set(
    syns.filter(({ syn }) => isSigned(syn?.authentication)).map(({ address }) => address),
  );
  if (signing.size === 0) return null;
  const subject = peeringSubject(quality, peering);
  const isAccepted = peering.connections.some(({ server }) => isSigned(server.synAck?.authentication));
  const failed = failedAttempts(peering, (one) => isUnanswered(one) && !scanners.has(one.client.address));
  if (isAccepted || !failed || failed.syns < SYNS_MIN || isRejectedByIcmp(evidence, failed)) {
    return isAccepted ? { result: 'healthy', subject } : null;
  }
  const hidden = hiddenAnswers(quality, peering);
  if (hidden) return insufficientData(subject, hidden);
  const trying = new Set(syns.map(({ address }) => address));
  if (trying.size === 2) {
    return problemOf(evidence, peering, failed, signing.size === 2 ? 'both sides' : 'one side only');
  }
  const [client] = [...trying];
  const server = client === peering.a ? peering.b : peering.a;
  const heard = quality.traffic.between(server, client, peering.stack);
  if (heard && heard.fromA.packets > 0) return problemOf(evidence, peering, failed, 'one side seen');
  return insufficientData(
    subject,
    `${client} signs its SYNs (TCP-MD5), and nothing of ${server} is in the capture, so that a wrong password looks ` +
      `like a peer that is down; capture at ${server}, where its own SYNs show whether it signs.`,
  );
}

function isSigned(authentication: number | undefined): boolean {
  return authentication !== undefined && (authentication & AUTHENTICATION_MD5) !== 0;
}

const PATTERN_WORDS: Readonly<Record<Pattern, string>> = {
  'one side only':
    'The SYNs of one side carry the TCP-MD5 option, those of the other do not, and they stay unanswered',
  'both sides': 'The SYNs of both sides carry the TCP-MD5 option, and neither answers those of the other',
  'one side seen':
    'The SYNs carry the TCP-MD5 option and stay unanswered, although the peer answers other packets',
};

function problemOf({ quality }: Evidence, peering: Peering, failed: FailedAttempts, pattern: Pattern) {
  const { connections, first, last, syns } = failed;
  const recovered = establishedAfter(peering, last);
  const isSure = pattern !== 'one side seen';
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: isSure && !recovered ? 'error' : 'warning',
    confidence: pattern === 'one side only' ? 'high' : isSure ? 'medium' : 'low',
    explanation: `${PATTERN_WORDS[pattern]} (${plural(syns, 'SYN')}): a host throws segments away whose signature is missing, unexpected or wrong.`,
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: recovered === null,
    counts: { syns, attempts: connections.length },
    packets: { of: ['tcp/179', 'md5'], lost: syns, delivered: 0 },
    evidence: citationsOf(failed),
  } satisfies Judgement;
}

function citationsOf({ connections }: FailedAttempts): Citation[] {
  return citationsInOrder(
    connections.flatMap(({ client }) => {
      const { syn } = client;
      if (!syn) return [];
      const option = isSigned(syn.authentication) ? 'with TCP-MD5' : 'without TCP-MD5';
      const words = (ref: FrameRef): Citation => cite(ref, `SYN of ${client.address} ${option}, no answer`);
      return [words(syn.first), words(syn.last)];
    }),
  );
}
