import type { CaptureInterface } from '../../../src/capture/capture-source.js';
import { filterPasses, type PacketClass } from '../../../src/correlate/capture-filter.js';
import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { portFilterSignature } from '../../../src/correlate/port-filter-signature.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import { PROTOCOL_ESP, PROTOCOL_ICMP, PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { captureSpan, captureSubject } from '../../../src/wording/capture-subject.js';

/** What rules look for beside the packets that somebody meant to capture. */
const CLASSES: readonly { readonly name: string; readonly packet: PacketClass }[] = [
  { name: 'ICMP', packet: { protocol: PROTOCOL_ICMP } },
  { name: 'fragments without ports', packet: { protocol: PROTOCOL_UDP, fragment: true } },
  { name: 'ESP', packet: { protocol: PROTOCOL_ESP } },
  { name: 'IKE', packet: { protocol: PROTOCOL_UDP, port: PORT_IKE } },
  { name: 'IKE and ESP on port 4500', packet: { protocol: PROTOCOL_UDP, port: PORT_NAT_TRAVERSAL } },
];
const FILTER_SHOWN_MAX = 200;

export default defineDiagnosis({
  id: 'capture.filter',
  title: 'The capture filter hides relevant packets',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'The file states a capture filter that keeps out ICMP, fragments without ports, IKE or ESP. Or datagrams lack their ' +
    'later fragments in a capture that holds nothing but one or two ports: no ARP, no ICMP, no other port.',
  notWhen:
    'The stated filter lets all of them pass (host <peer> and not port 22), or the capture holds a packet that a port filter hides.',
  causes: [
    'A filter on ports (udp port 500 or udp port 4500): later fragments have no ports, ICMP errors and ESP neither',
  ],
  nextSteps: [
    'Capture everything that goes to the other end: tcpdump -n -s 0 -w FILE "host <peer> and not port 22"',
    'Where only the amount is the problem, add what belongs to it: "udp port 500 or udp port 4500 or esp or icmp or (ip[6:2] & 0x1fff != 0)"',
  ],
  refutedBy: 'The capture was taken without a filter, or shows ICMP, fragments or ESP of the pair.',
  source: 'pcap-filter(7); RFC 791, section 3.2 (only the first fragment holds the transport header)',
  fault: 'capture',
  judgesLast: true,
  *diagnose({ quality, judgements }): Iterable<Judgement> {
    let stated = 0;
    for (const one of quality.interfaces) {
      if (one.filter === null || one.filter === '') continue;
      stated++;
      const hidden = CLASSES.filter(({ packet }) => filterPasses(one.filter ?? '', packet) === false);
      if (hidden.length > 0)
        yield statedFilter(
          quality,
          one,
          hidden.map(({ name }) => name),
        );
      else yield { result: 'healthy', subject: captureSubject(quality, one.captureIndex) };
    }
    if (stated > 0) return;
    const fragments = judgements.get('frag.missing-rest') ?? [];
    for (const { result, subject } of fragments) {
      const [host] = Array.isArray(subject.endpoints) ? subject.endpoints : [];
      const ports =
        result === 'healthy' || typeof host !== 'string' ? null : portFilterSignature(quality, host);
      if (ports === null) continue;
      yield inferredFilter(quality, ports);
      return;
    }
  },
});

function statedFilter(quality: CaptureQuality, one: CaptureInterface, hidden: readonly string[]): Problem {
  const filter = one.filter ?? '';
  const shown = filter.length > FILTER_SHOWN_MAX ? `${filter.slice(0, FILTER_SHOWN_MAX)}…` : filter;
  return {
    result: 'problem',
    subject: captureSubject(quality, one.captureIndex),
    confidence: 'high',
    explanation:
      `The capture was taken with the filter '${shown}'${one.name === null ? '' : ` on ${one.name}`}, ` +
      `which hides ${hidden.join(', ')}: that they are missing means nothing.`,
    ...captureSpan(quality, one.captureIndex),
    ongoingAtEnd: true,
    counts: { hiddenClasses: hidden.length, portsSeen: 0 },
    evidence: [],
    displayFilter: 'frame',
  };
}

function inferredFilter(quality: CaptureQuality, ports: readonly number[]): Problem {
  return {
    result: 'problem',
    subject: captureSubject(quality),
    confidence: 'low',
    title: 'A capture filter on ports seems to hide fragments',
    explanation:
      `Datagrams lack their later fragments, and the capture holds nothing but port ${ports.join(' and ')}: ` +
      'a filter on ports would hide these fragments, and no sign of any other packet contradicts it.',
    ...captureSpan(quality),
    ongoingAtEnd: true,
    counts: { hiddenClasses: 1, portsSeen: ports.length },
    evidence: [],
    displayFilter: ports.map((port) => `udp.port == ${port} || tcp.port == ${port}`).join(' || '),
  };
}
