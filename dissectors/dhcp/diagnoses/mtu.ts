import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { serverSubject } from '../../../src/wording/subjects.js';
import { type Carrier, carrierWords } from '../../overlay/shared/carriers.js';
import { tcpConnections } from '../../tcp/correlator.js';
import { dhcpLinks } from '../correlator.js';
import { dhcpFilter } from '../display-filter.js';
import { PORT_SERVER } from '../layout.js';
import type { AnnouncedMtu } from '../session.js';
import { narrowCarrier, roomWords, tooNarrowFor } from '../tunnel-room.js';

const MTU_USUAL = 1500;
/** IPv4 and TCP header without options. */
const TCP_HEADERS = 40;
const HOSTS_CITED = 3;

export default defineDiagnosis({
  id: 'dhcp.mtu',
  title: 'MTU announced by DHCP',
  severity: 'info',
  subject: 'server',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'A DHCP server announces an interface MTU (option 26) other than 1500 bytes, or hosts to which it gave an address announce larger ' +
    'TCP segments than that MTU leaves room for. Says which tunnels the MTU leaves room for. Also whatever is announced, 1500 included, where the tunnel that ' +
    'carries such hosts cuts packets of that size into fragments, or a router reports that they do not fit.',
  notWhen: 'The server sends no option 26: hosts then use the MTU of their interface, mostly 1500 bytes.',
  causes: [
    'The network behind the hosts is a tunnel, and the MTU leaves room for its headers',
    'Hosts with larger segments ignore the option, or their MTU is set by hand',
  ],
  nextSteps: [
    'Compare with the MTU of the underlay less the overhead of the tunnel: 50 bytes for VXLAN, 42 for GRE with Ethernet and key, over IPv4',
    'On the hosts: ip link show; where the MTU is not the announced one, set it by hand or let the DHCP client ask for option 26',
    'Test from a host with the largest packet that must pass: ping -M do -s (MTU - 28) TARGET',
  ],
  refutedBy: 'Nothing: the value is what the server says.',
  source: 'RFC 2132, section 5.1; MidoNet guide (MTU table, option of the DHCP subnet)',
  thresholds: {
    usualMtu: [MTU_USUAL, 'bytes', 'what Ethernet carries without any agreement'],
  },
  fault: 'remark',
  *diagnose(evidence) {
    for (const { stack, announced } of evidence.sessions(dhcpLinks)) {
      for (const one of announced) yield judge(evidence, stack, one);
    }
  },
});

/** A host that got its address with the MTU, and announces more to its peers. */
interface Disobedient {
  readonly address: string;
  readonly maximumSegmentSize: number;
  readonly at: FrameRef;
}

function judge(evidence: Evidence, stack: number, announced: AnnouncedMtu): Judgement {
  const { quality } = evidence;
  const { server, mtu, messages, first, last, addresses } = announced;
  const subject = { ...serverSubject(quality, { address: server, port: PORT_SERVER, stack }), mtu };
  const disobedient = disobedientHosts(evidence, announced);
  const carrier = narrowCarrier(evidence, announced);
  if (mtu === MTU_USUAL && disobedient.length === 0 && !carrier) return { result: 'healthy', subject };
  const room = roomWords(quality.protocols, mtu);
  const narrow = tooNarrowFor(quality.protocols, mtu);
  const fits = carrier
    ? tooLargeWords(carrier, mtu)
    : room
      ? `That leaves exactly the room for ${room}.`
      : mtu >= MTU_USUAL
        ? 'That is more than plain Ethernet carries: every link up to the other side must have jumbo frames.'
        : narrow.length === 0
          ? 'Every usual tunnel fits into Ethernet with it.'
          : `On an underlay of ${MTU_USUAL} bytes it is too large for ${narrow[0]} and whatever adds more.`;
  return {
    result: 'problem',
    subject,
    severity: 'info',
    confidence: 'high',
    explanation:
      `${server} announces an interface MTU of ${mtu} bytes in ${plural(messages, 'message')}. ${fits}` +
      (disobedient.length === 0 ? '' : ` ${obedienceWords(disobedient, mtu)}`),
    where: 'sender',
    first,
    last,
    ongoingAtEnd: true,
    counts: {
      mtu,
      messages,
      hosts: addresses.length,
      larger: disobedient.length,
      ...(carrier ? { overhead: carrier.overhead } : {}),
    },
    evidence: [
      { ...first, summary: `DHCP: ${server} announces MTU ${mtu}` },
      ...(last.frame === first.frame
        ? []
        : [{ ...last, summary: `the last of ${plural(messages, 'message')}` }]),
      ...disobedient.slice(0, HOSTS_CITED).map(({ address, maximumSegmentSize, at }) => ({
        ...at,
        summary: `first packet of a connection for which ${address} announces segments of ${maximumSegmentSize} bytes`,
      })),
    ].sort((a, b) => a.frame - b.frame),
    displayFilter: dhcpFilter(quality, stack, filterWith(disobedient)),
  };
}

function tooLargeWords(carrier: Carrier, mtu: number): string {
  const { overhead, reportedMtu, direction } = carrier;
  const fate =
    reportedMtu > 0
      ? `a router reports an MTU of ${reportedMtu}`
      : `packets from ${direction.fragmented?.smallestOuter ?? 0} bytes on travel in fragments`;
  return (
    `That is too much for the tunnel that carries its hosts: ${carrierWords(carrier)} adds ${overhead} bytes, which makes ` +
    `${mtu + overhead}, but ${fate}.`
  );
}

function obedienceWords(hosts: readonly Disobedient[], mtu: number): string {
  const [{ address, maximumSegmentSize }] = hosts;
  const who =
    hosts.length === 1 ? `${address} does` : `${plural(hosts.length, 'host')} (${address} first) do`;
  return (
    `${who} not keep to it: a segment size of ${maximumSegmentSize} bytes belongs to an MTU of ` +
    `${maximumSegmentSize + TCP_HEADERS}, not ${mtu}.`
  );
}

function filterWith(hosts: readonly Disobedient[]): string {
  const syns = hosts
    .slice(0, HOSTS_CITED)
    .map(({ address }) => `(tcp.flags.syn == 1 && ip.addr == ${address})`);
  return ['dhcp.option.interface_mtu', ...syns].join(' || ');
}

function disobedientHosts(evidence: Evidence, { addresses, mtu, first }: AnnouncedMtu): Disobedient[] {
  if (addresses.length === 0) return [];
  const given = new Set(addresses);
  const found = new Map<string, Disobedient>();
  for (const { a, b, segment, firstFrame, firstNs } of evidence.sessions(tcpConnections)) {
    if (firstFrame < first.frame) continue;
    for (const { address, maximumSegmentSize, sentSyn } of [a, b]) {
      if (!sentSyn || !given.has(address) || found.has(address)) continue;
      if (maximumSegmentSize + TCP_HEADERS <= mtu) continue;
      const at = { frame: firstFrame, segment, timeNs: firstNs };
      found.set(address, { address, maximumSegmentSize, at });
    }
  }
  return [...found.values()];
}
