import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { type FailedAttempts, failedAttempts, isRefused, scanningHosts } from '../attempts.js';
import { citationsInOrder, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type Peering } from '../peerings.js';

const ATTEMPTS_MIN = 2;
const LASTING_SECONDS = 5;

export default defineDiagnosis({
  id: 'bgp.refused',
  title: 'BGP connection refused',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  explicitSignal: true,
  rule:
    'A SYN to TCP port 179 is answered by RST, or the connection is accepted and closed by the peer before it sent any message. Error from 2 ' +
    'attempts over 5 s on where no session of the two is established in the capture, warning where one is, information for a single refusal.',
  notWhen:
    'A session of the two stands meanwhile or is established within 10 s. The host tries 20 endpoints in 10 s: a port scan.',
  causes: [
    'The BGP daemon of the peer is not running, or listens on another address',
    'Another process has taken port 179, so that the daemon could not listen (the agent’s log says so)',
    'The peer has no such neighbor configured, or another address of it, and closes the connection at once',
    'A firewall answers with tcp-reset',
  ],
  nextSteps: [
    'On the peer: ss -ltnp sport = :179; does the BGP daemon listen, and on which address?',
    'Log of the daemon or agent of the peer: bind or listen errors, "no such neighbor"',
    'show run on the peer: is the address that connects configured as a neighbor?',
  ],
  refutedBy: 'A session of the two over another address or in another VRF.',
  source: 'RFC 4271, section 8.2.2; RFC 9293, section 3.5.2; Calico VPP guide (agent log)',
  thresholds: {
    attempts: [ATTEMPTS_MIN, 'attempts', 'one may fall into a restart, or be a probe'],
    lastingSeconds: [LASTING_SECONDS, 's', 'a daemon needs a moment to start'],
  },
  fault: 'session-down',
  technology: 'bgp',
  diagnose(evidence) {
    const scanners = scanningHosts(evidence);
    return judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering, scanners));
  },
});

function judge(evidence: Evidence, peering: Peering, scanners: ReadonlySet<string>): Judgement | null {
  const failed = failedAttempts(peering, (one) => isRefused(one) && !scanners.has(one.client.address));
  if (failed) return problemOf(evidence, peering, failed);
  const isAccepted = peering.connections.some(({ server }) => server.dataSegments > 0);
  return isAccepted ? { result: 'healthy', subject: peeringSubject(evidence.quality, peering) } : null;
}

function problemOf({ quality }: Evidence, peering: Peering, failed: FailedAttempts): Problem {
  const { connections, clients, first, last, syns } = failed;
  const opened = connections[connections.length - 1].transport.first;
  const isLasting =
    connections.length >= ATTEMPTS_MIN && opened.timeNs - first.timeNs >= seconds(LASTING_SECONDS);
  const established = peering.connections.filter((one) => one.established !== null);
  const recovered = established.find(({ transport }) => transport.first.frame > last.frame);
  const before = established.filter(({ transport }) => transport.first.frame < first.frame).at(-1);
  const reset = connections.filter(({ server }) => server.synAck === null).length;
  const accepted = connections.length - reset;
  const [client] = clients;
  const server = client === peering.a ? peering.b : peering.a;
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: !isLasting ? 'info' : established.length > 0 ? 'warning' : 'error',
    confidence: 'high',
    explanation:
      `${plural(connections.length, 'attempt')} to open a BGP session ${clients.length === 1 ? `from ${client} to ${server} ` : ''}` +
      `came to nothing: ${reset} answered by RST, ${accepted} accepted and closed before the peer sent a message.` +
      (recovered
        ? ` A session was established ${durationText(recovered.transport.first.timeNs - last.timeNs)} later.`
        : ''),
    ...(clients.length === 1 ? { direction: { from: client, to: server } } : {}),
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: before?.transport.last ?? null,
    ongoingAtEnd: recovered === undefined,
    counts: { attempts: connections.length, syns, reset, closed: accepted },
    packets: { of: ['tcp/179'], lost: syns, delivered: established.length, areRefused: true },
    evidence: citationsInOrder(connections.flatMap(citationsOf)),
  };
}

function citationsOf({ client, server }: FailedAttempts['connections'][number]): Citation[] {
  const { syn } = client;
  const { rst, fin } = server;
  return [
    ...(syn ? [cite(syn.last, `SYN of ${client.address} to ${server.address} port ${server.port}`)] : []),
    ...(rst ? [cite(rst, `RST of ${server.address}`)] : fin ? [cite(fin, `FIN of ${server.address}`)] : []),
  ];
}
