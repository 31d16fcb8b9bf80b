import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { type Carrier, carrierSubject, carriersOf, carrierWords, isLossy } from '../shared/carriers.js';

export default defineDiagnosis({
  id: 'overlay.mtu-exceeded',
  title: 'Inner packets too large for the tunnel',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'fragments',
  priority: 1,
  rule:
    'Outer packets of a tunnel (VXLAN, Geneve, GRE, IP in IP, IPsec, WireGuard) are sent as IP fragments, or a router reports that they do not fit (ICMP ' +
    'fragmentation needed, packet too big). Information while no fragment is seen to be missing and the sender heeds the reports; warning where at ' +
    'least 3 fragmented packets, and at least a tenth of them, stay incomplete, or where packets that were reported as too large go on. Error where inner packets that leave in ' +
    'fragments are repeated in vain: a TCP segment sent 4 times over 0.5 s and never acknowledged, or 3 pings of a size without answer that smaller ones get.',
  notWhen:
    'Frames larger than the MTU in a capture on the sending host are the work of segmentation offload: they leave the host in pieces.',
  causes: [
    'The MTU of the inner hosts (VM, container, pod) is not lowered by the overhead of the tunnel: 50 bytes for VXLAN over IPv4, 70 over IPv6, 24 to 42 for GRE, 20 for IP in IP',
    'A link of the underlay has a smaller MTU than its hosts assume',
    'The ends of the overlay have different MTUs',
  ],
  nextSteps: [
    'Set the inner MTU to that of the underlay less the overhead, the same on all hosts: ip link set dev DEVICE mtu SIZE; by DHCP option 26, or mtu in Cloud Foundry',
    'Find what the underlay carries: ping -M do -s 1472 PEER from one tunnel endpoint to the other',
    'Or raise the MTU of the underlay, on every hop',
  ],
  refutedBy: 'A capture at the receiver in which all fragments arrive, and inner transfers at full speed.',
  source:
    'RFC 7348, section 4.3 (endpoints must not fragment); RFC 8926, section 4.1.1; MidoNet guide, MTU table; Cloud Foundry guide, MTU',
  thresholds: {
    incomplete: [3, 'datagrams', 'a fragment may be lost like any packet'],
    share: [0.1, 'share', 'above it, the loss is no accident'],
  },
  fault: 'mtu',
  consequenceOfIds: ['mtu.frag-needed'],
  *diagnose(evidence) {
    for (const carrier of carriersOf(evidence)) {
      const { direction, reports } = carrier;
      if (direction.fragmented || reports.length > 0) yield problemOf(carrier);
      else yield { result: 'healthy', subject: carrierSubject(carrier) };
    }
  },
});

function problemOf(carrier: Carrier): Problem {
  const { direction, reports, low, high, complete, incomplete, overhead, reportedMtu, repeated } = carrier;
  const { fragmented } = direction;
  const lossy = isLossy(carrier);
  const first =
    earliest([repeated?.first ?? fragmented?.first, ...reports.map((one) => one.first)]) ?? direction.first;
  const last =
    latest([repeated?.last ?? fragmented?.last, ...reports.map((one) => one.last)]) ?? direction.last;
  const at = { segment: first?.segment ?? 0, timeNs: first?.timeNs ?? Number.NaN };
  return {
    result: 'problem',
    subject: carrierSubject(carrier),
    severity: repeated ? 'error' : lossy ? 'warning' : 'info',
    confidence: reports.length > 0 ? 'high' : 'medium',
    explanation: explain(carrier, lossy),
    pair: [low, high],
    direction: { from: direction.from, to: direction.to },
    where: 'sender',
    first: at,
    last: last ? momentOf(last) : at,
    ongoingAtEnd: lossy || repeated !== null,
    counts: {
      fragmented: fragmented?.packets ?? 0,
      reports: reports.reduce((sum, { count }) => sum + count, 0),
      reportedMtu,
      largestOuter: direction.largestOuter,
      largestInner: direction.largestInner,
      overhead,
      complete,
      incomplete,
      ...(repeated ? { repeated: repeated.sendings } : {}),
    },
    evidence: inOrder([
      ...(repeated
        ? [cite(repeated.first, `${repeated.words}, in fragments`), cite(repeated.last, 'sent again in vain')]
        : []),
      ...(fragmented
        ? [
            cite(fragmented.first, `first fragment of an outer packet of ${direction.from}`),
            cite(
              fragmented.last,
              `last fragmented outer packet of ${direction.from} (of ${fragmented.packets})`,
            ),
          ]
        : []),
      ...reports.slice(0, 3).map((one) => cite(one.first, `${one.reporter} reports: does not fit`)),
    ]),
    displayFilter: filterOf(carrier),
  };
}

function explain(carrier: Carrier, lossy: boolean): string {
  const { direction, reports, complete, incomplete, overhead, reportedMtu, repeated } = carrier;
  const { fragmented, largestOuter, largestInner } = direction;
  const size =
    largestInner > 0
      ? `Inner packets of up to ${largestInner} bytes make outer ones of ${largestOuter} (overhead ${overhead}).`
      : fragmented?.smallestOuter === 0
        ? `Outer packets that come whole are up to ${largestOuter} bytes long.`
        : `Outer packets are up to ${largestOuter} bytes long.`;
  const cut = fragmented ? ` ${fragmented.packets} packets were sent as fragments.` : '';
  const told =
    reports.length > 0
      ? ` ${reports[0].reporter} reports that they do not fit${reportedMtu > 0 ? ` an MTU of ${reportedMtu}` : ''}.`
      : '';
  const fate = repeated
    ? ` What leaves in fragments does not arrive: ${repeated.words} is sent again and again (${repeated.sendings} sendings of such packets in vain).`
    : lossy
      ? incomplete > 0
        ? ` ${incomplete} of ${incomplete + complete} fragmented datagrams are not whole where this was captured.`
        : ' The sender goes on with packets that do not fit.'
      : fragmented
        ? ' No piece is missing where this was captured; as long as none is lost behind it, this costs speed, not packets.'
        : ' The sender heeds the report.';
  return `${carrierWords(carrier)}: ${size}${cut}${told}${fate}`;
}

/** Fragments carry no ports, and the ICMP errors other addresses: both by IP addresses alone. */
function filterOf({ direction, reports }: Carrier): string {
  const { from, to } = direction;
  const isV6 = from.includes(':');
  const family = isV6 ? 'ipv6' : 'ip';
  const fragments = isV6 ? 'ipv6.fraghdr' : '(ip.flags.mf == 1 || ip.frag_offset > 0)';
  const cut = `(${family}.src == ${from} && ${family}.dst == ${to} && ${fragments})`;
  if (reports.length === 0) return cut;
  return `${cut} || (${isV6 ? 'icmpv6.type == 2' : 'icmp.type == 3 && icmp.code == 4'} && ${family}.dst == ${from})`;
}
