import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { tooShortAfter } from '../../../src/correlate/gates.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { plural } from '../../../src/wording/counts.js';
import { subjectInside } from '../../../src/wording/subjects.js';
import { dhcpLinks } from '../correlator.js';
import { dhcpFilter } from '../display-filter.js';
import { PORT_CLIENT, PORT_SERVER } from '../layout.js';
import type { DhcpClient, DhcpSegment } from '../session.js';

const DISCOVERS_MIN = 3;
/** As a client calls itself that has no address: RFC 2131, section 4.1. */
const NOBODY_YET = '0.0.0.0';
const ANSWER_SECONDS = 5;
const SPAN_SECONDS = 5;
const DHCP_PORTS: ReadonlySet<number> = new Set([PORT_SERVER, PORT_CLIENT]);

export default defineDiagnosis({
  id: 'dhcp.no-offer',
  title: 'No DHCP offer',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 3,
  judgesLast: true,
  rule:
    'A client without address sends at least 3 DISCOVERs over 5 s or more and gets neither OFFER, ACK nor NAK for 10 s. Warning where a ' +
    'server answers other clients of the link, or the capture holds nothing but that, and nothing else is wrong; information otherwise.',
  notWhen:
    'The capture may lack the answers: a switch does not repeat unicast OFFERs to other ports, so where no server is heard and ' +
    'other traffic goes on, this is information.',
  causes: [
    'No DHCP server or relay on the link, or it is down',
    'The server has no free address, or does not know the client (reservations only)',
    'A security rule drops DHCP: UDP 67 and 68 must pass both ways',
    'In MidoNet: the bridge has no DHCP subnet, or no entry for the host',
  ],
  nextSteps: [
    'Capture on the server and on the relay: udp port 67 or udp port 68; do the DISCOVERs arrive?',
    'Read the log of the server: it says why it does not offer',
    'In MidoNet: midonet-cli, bridge dhcp list, and the host entries of the subnet; the agent itself answers',
  ],
  refutedBy: 'An OFFER in a capture taken on the client.',
  source: 'RFC 2131, sections 3.1 and 4.1 (retransmission); MidoNet guide',
  thresholds: {
    discovers: [DISCOVERS_MIN, 'DISCOVERs', 'the first may be lost while the port comes up'],
    spanSeconds: [SPAN_SECONDS, 's', 'clients wait 4 s, then 8 s, then 16 s'],
    answerSeconds: [ANSWER_SECONDS, 's', 'servers probe an address for a second or two first'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss'],
  *diagnose(evidence) {
    for (const link of evidence.sessions(dhcpLinks)) {
      for (const client of link.clients) {
        if (client.discovers > 0) yield judge(evidence, link, client);
      }
    }
  },
});

function judge(evidence: Evidence, link: DhcpSegment, client: DhcpClient): Judgement {
  const { quality } = evidence;
  const subject = subjectInside(quality, client.stack, { kind: 'host', endpoints: [client.mac] });
  const { count, first, last } = client.open;
  if (!first || !last) return { result: 'healthy', subject };
  const shortage = tooShortAfter(quality, first, SPAN_SECONDS + ANSWER_SECONDS);
  if (count < DISCOVERS_MIN || last.timeNs - first.timeNs < SPAN_SECONDS * NS_PER_SECOND || shortage) {
    return {
      result: 'insufficient-data',
      subject,
      reason: `${plural(count, 'DISCOVER')} of ${client.mac} without an answer; capture until ${DISCOVERS_MIN} of them over ${SPAN_SECONDS} s had ${ANSWER_SECONDS} s for one.`,
      // With fewer questions it is not length alone that the capture lacks.
      ...(count < DISCOVERS_MIN ? {} : { neededSeconds: SPAN_SECONDS + ANSWER_SECONDS }),
    };
  }
  return problemOf(evidence, link, client, { count, first, last });
}

function problemOf(
  evidence: Evidence,
  link: DhcpSegment,
  client: DhcpClient,
  { count, first, last }: { readonly count: number; readonly first: FrameRef; readonly last: FrameRef },
): Judgement {
  const { quality } = evidence;
  const { mac, stack } = client;
  const isServed = link.answers > 0;
  const isSubject = isServed || holdsOnlyDhcp(quality);
  return {
    result: 'problem',
    subject: subjectInside(quality, stack, { kind: 'host', endpoints: [mac] }),
    severity: isSubject ? severityOfFlow(evidence, { host: NOBODY_YET, stack }, ['dhcp.']) : 'info',
    confidence: isServed ? 'medium' : 'low',
    explanation:
      `${mac} sent ${count} DISCOVERs and got no answer. ` +
      (isServed
        ? `A server is heard on the link (${plural(link.answers, 'answer')} in all).`
        : 'No server is heard in this capture.'),
    where: 'unknown',
    first,
    last,
    lastGood: client.lastAnswer,
    ongoingAtEnd: true,
    counts: { discovers: client.discovers, unanswered: count, answers: client.answers },
    evidence: [
      ...(client.lastAnswer ? [{ ...client.lastAnswer, summary: `last answer to ${mac}` }] : []),
      { ...first, summary: `DISCOVER of ${mac}, no answer` },
      { ...last, summary: `DISCOVER of ${mac}, the last of ${count}` },
    ],
    displayFilter: dhcpFilter(quality, stack, `dhcp.hw.mac_addr == ${mac}`),
  };
}

/** Taken on the port of the client: nothing else talks IPv4. */
function holdsOnlyDhcp(quality: CaptureQuality): boolean {
  for (const { conversations } of quality.traffic.all()) {
    const isOther = conversations.some(
      ({ protocol, portOfA, portOfB }) =>
        protocol === PROTOCOL_TCP ||
        (protocol === PROTOCOL_UDP && !DHCP_PORTS.has(portOfA) && !DHCP_PORTS.has(portOfB)),
    );
    if (isOther) return false;
  }
  return true;
}
