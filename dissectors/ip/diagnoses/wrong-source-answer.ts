import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { groupBy } from '../../../src/correlate/group-by.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { carrierFilter, hostFilter } from '../../../src/wording/display-filters.js';
import { endpointText } from '../../../src/wording/endpoints.js';
import { subjectInside } from '../../../src/wording/subjects.js';
import { type WrongSource, wrongSources } from '../wrong-sources.js';

const REQUESTS_MIN = 3;

export default defineDiagnosis({
  id: 'underlay.wrong-source-answer',
  title: 'The answer comes from another address than was asked',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'A host asks one address or port at least 3 times and gets nothing back from it, and the answer that fits its question comes from another address or ' +
    'port: the SYN-ACK acknowledges the number of the SYN, the OpenVPN server acknowledges the session of the client, the IKE answer carries its cookie, ' +
    'the DNS answer its id and port, the BFD packet the discriminator of a system that stays Down. Warning for what controls no tunnel.',
  notWhen:
    'Something comes back from the address that was asked: then both legs of a translation were captured (kube-proxy, NAT, -i any). The host asks the other ' +
    'address too (TFTP, a move of IKE to port 4500, QUIC). It does not ask again. Questions to a group or a broadcast address. ' +
    'WireGuard, QUIC and ping take answers from anywhere.',
  causes: [
    'A UDP server on a host with several addresses answers from the first one (OpenVPN without multihome, a daemon bound to 0.0.0.0)',
    'A virtual address (VRRP, CARP, keepalived) receives, and the real address of the node answers',
    'A NAT or load balancer translates the request and not the answer: the answer takes a path around it',
    'Policy routing or masquerading on the server rewrites the source of the answer',
  ],
  nextSteps: [
    'On the server: bind the daemon to the address that clients ask (OpenVPN: local ADDRESS, or multihome with UDP; strongSwan: charon.interfaces_use)',
    'On the server: ip route get CLIENT shows the source address that the kernel chooses; iptables -t nat -L -v -n whether it is rewritten',
    'Where a load balancer or NAT stands in front, see that the default route of the server leads back through it',
  ],
  refutedBy: 'An answer from the address that was asked, in a capture at the asking host.',
  source:
    'RFC 1123, section 4.2.3.7 and 6.1.3.5 (a UDP answer leaves from the address that was asked); RFC 9293, section 3.10.7.3; RFC 5880, section 6.3',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'who takes the answer does not ask again'],
  },
  fault: 'addressing',
  *diagnose(evidence) {
    const groups = groupBy(wrongSources(evidence), (one) =>
      JSON.stringify([one.segment, subjectOf(evidence, one)]),
    );
    for (const group of groups.values()) yield judge(evidence, group);
  },
});

function judge(evidence: Evidence, group: readonly WrongSource[]): Judgement {
  const requests = group.reduce((sum, one) => sum + one.requests, 0);
  const [first] = group;
  if (requests < REQUESTS_MIN) {
    return insufficientData(
      subjectOf(evidence, first),
      `${first.asker} asks ${first.asked} ${plural(requests, 'time')}, and ${first.answeredBy} answers; whether ${first.asker} takes that answer shows when it ` +
        'asks again: capture for longer at that host.',
    );
  }
  return problemOf(evidence, group, requests);
}

function problemOf(evidence: Evidence, group: readonly WrongSource[], requests: number): Problem {
  const [one] = group;
  const { asker, asked, answeredBy, protocol, proof, isControl } = one;
  const firstRequest = earliest(group.map((each) => each.firstRequest)) ?? one.firstRequest;
  const lastRequest = latest(group.map((each) => each.lastRequest)) ?? one.lastRequest;
  const answers = group.reduce((sum, each) => sum + each.answers, 0);
  const from = placeText(answeredBy, one.answeredPort);
  return {
    result: 'problem',
    subject: subjectOf(evidence, one),
    ...(isControl ? {} : { severity: 'warning' }),
    confidence: 'high',
    explanation:
      `${asker} asks ${placeText(asked, one.askedPort)} (${protocol}) ${plural(requests, 'time')} and nothing comes back from there. The answer comes from ${from} ` +
      `instead, ${plural(answers, 'time')}: it ${proof}. ${asker} does not take it and asks again.`,
    pair: [asker, asked],
    direction: { from: answeredBy, to: asker },
    where: 'receiver',
    first: momentOf(firstRequest),
    last: momentOf(latest([lastRequest, ...group.map((each) => each.lastAnswer)]) ?? lastRequest),
    ongoingAtEnd: true,
    counts: { requests, answers },
    evidence: inOrder(
      group
        .slice(0, 3)
        .flatMap((each) => [
          cite(each.firstRequest, `${asker} asks ${placeText(asked, each.askedPort)}`),
          cite(each.firstAnswer, `${placeText(answeredBy, each.answeredPort)} answers: ${proof}`),
          cite(each.lastRequest, `${asker} asks ${asked} again`),
          cite(each.lastAnswer, `${answeredBy} answers again`),
        ]),
    ),
    displayFilter:
      carrierFilter(evidence.quality, one.stack) ??
      `${hostFilter(asker)} && (${hostFilter(asked)} || ${hostFilter(answeredBy)})`,
  };
}

function placeText(address: string, port?: number): string {
  return port === undefined ? address : endpointText(address, port);
}

function subjectOf(
  { quality }: Evidence,
  { stack, asker, asked, answeredBy, protocol }: WrongSource,
): Problem['subject'] {
  return subjectInside(quality, stack, { kind: 'pair', endpoints: [asker, asked], answeredBy, protocol });
}
