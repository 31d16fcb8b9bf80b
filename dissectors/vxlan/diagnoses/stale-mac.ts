import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { type FrameRef, secondsBetween } from '../../../src/moment.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { plural } from '../../../src/wording/counts.js';
import { tcpConnections } from '../../tcp/correlator.js';
import {
  destinationMac,
  type EndMacs,
  isGroupMac,
  isVirtualRouterMac,
  type MacSpan,
  macsByVni,
} from '../end-macs.js';
import {
  flowBetween,
  requestCount,
  type TunnelRequests,
  tunnelRequests,
  type UnansweredRequests,
} from '../requests.js';
import { BEHIND_HIGH, BEHIND_LOW, type InnerFlow, type VxlanTunnel } from '../session.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const REQUESTS_MIN = 3;
/** Forwarding entries follow a host that moves within a second or two; ARP entries are asked about again after some. */
const STALE_SECONDS_MIN = 5;
/** Answers to earlier requests may come in for that long. */
const ANSWER_SECONDS = 2;

export default defineDiagnosis({
  id: 'vxlan.stale-mac',
  // Inner MAC addresses are printed with -e alone.
  lines: 'mislead',
  title: 'Inner frames go to a MAC address that is not there',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Requests to inner hosts behind a tunnel endpoint, or SYN-ACKs to those that ask again (at least 3 in all, the last at least 5 s after the other address was first seen), carry a destination MAC ' +
    'address that this endpoint does not send from; none of them is answered or acknowledged, although what the endpoint does send for hosts that are addressed by ' +
    'that MAC comes from another one, or the address now sends from behind another endpoint.',
  notWhen:
    'Something that was sent to that MAC address is answered or acknowledged: hosts behind a distributed router send from its address and receive at ' +
    'their own (EVPN anycast gateway, NSX, OVN). The other address sends from behind several endpoints. The address is one of VRRP, HSRP, GLBP or ' +
    'CARP. A host that never sent anything is silent, not stale.',
  causes: [
    'The forwarding entry or ARP entry of the sending host is stale: the VXLAN device of the peer was made anew and has another MAC address (flannel: VtepMAC in the annotation of the node)',
    'A host moved to another endpoint, and the controller or the sending host did not learn it',
  ],
  nextSteps: [
    'On the sending host: ip neigh show dev DEVICE and bridge fdb show dev DEVICE, and compare with ip -d link show DEVICE on the peer',
    'flannel, Calico: restart the agent of the node whose address changed, and look at its annotation: kubectl get node NODE -o yaml | grep -i vtepmac',
    'As a first aid replace the entry: ip neigh replace ADDRESS lladdr MAC dev DEVICE; bridge fdb replace MAC dev DEVICE dst PEER',
  ],
  refutedBy: 'An answer to a frame with that destination MAC address.',
  source: 'RFC 7348, section 4.1 (the receiver hands the inner frame on by its destination MAC address)',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'one lost request is normal'],
    staleSeconds: [STALE_SECONDS_MIN, 's', 'a migration is learned within seconds'],
  },
  fault: 'addressing',
  technology: 'vxlan',
  *diagnose(evidence) {
    for (const { ends } of macsByVni(tunnelRequests(evidence))) {
      for (const end of ends) yield* judgeEnd(evidence, end, ends);
    }
  },
});

/** What is sent to an endpoint with a MAC address that is not one of those it sends from. */
interface StaleMac {
  readonly mac: string;
  /** From where the hosts send now: the same endpoint with another address, or another endpoint with this one. */
  readonly now: { readonly mac: string; readonly end: EndMacs; readonly span: MacSpan };
  readonly isProven: boolean;
}

function* judgeEnd(evidence: Evidence, end: EndMacs, ends: readonly EndMacs[]): Generator<Judgement> {
  const accused = new Set<VxlanTunnel>();
  for (const mac of end.hostsOfDestination.keys()) {
    const stale = staleMac(mac, end, ends);
    if (!stale || isHeard(evidence, end, stale)) continue;
    for (const { requests, towards } of end.tunnels) {
      const judgement = judge(evidence, end, requests, towards, stale);
      if (!judgement) continue;
      accused.add(requests.tunnel);
      yield judgement;
    }
  }
  for (const { requests, towards } of end.tunnels) {
    const { tunnel } = requests;
    const isJudged = tunnel.macPairs.some(
      ({ outerDirection, destination }) => outerDirection === towards && !isGroupMac(destination),
    );
    if (isJudged && end.sources.size > 0 && !accused.has(tunnel)) {
      yield { result: 'healthy', subject: subjectOf(tunnel, end) };
    }
  }
}

/** Null where the address is in use behind the endpoint, or nothing tells from where its hosts send now. */
function staleMac(mac: string, end: EndMacs, ends: readonly EndMacs[]): StaleMac | null {
  if (isVirtualRouterMac(mac)) return null;
  const lastSent = end.sources.get(mac)?.last ?? null;
  const hosts = end.hostsOfDestination.get(mac) ?? new Set<string>();
  for (const host of hosts) {
    for (const [source, span] of end.sourcesOfHost.get(host) ?? []) {
      if (source === mac || (lastSent && lastSent.frame > span.first.frame)) continue;
      if (isShared(source, end, ends)) continue;
      return { mac, now: { mac: source, end, span }, isProven: true };
    }
  }
  for (const other of ends) {
    const span = other === end ? undefined : other.sources.get(mac);
    if (!span || (lastSent && lastSent.frame > span.first.frame)) continue;
    return { mac, now: { mac, end: other, span }, isProven: lastSent !== null };
  }
  return null;
}

/** The address of a distributed router: packets come from it behind several endpoints. */
function isShared(mac: string, end: EndMacs, ends: readonly EndMacs[]): boolean {
  return ends.some((other) => other !== end && other.sources.has(mac));
}

/**
 * Something that was sent to the address since its hosts send from another one was answered, or acknowledged by a host
 * behind the endpoint. What was answered before anything was sent to the address was sent to another one.
 */
function isHeard({ sessions }: Evidence, end: EndMacs, { mac, now }: StaleMac): boolean {
  const hosts = end.hostsOfDestination.get(mac) ?? new Set<string>();
  const since = latest([now.span.first, end.destinations.get(mac)?.first]) ?? now.span.first;
  const stacks = new Set(end.tunnels.map(({ requests }) => requests.tunnel.stack));
  const isAcknowledged = sessions(tcpConnections).some(
    ({ a, b, stack, firstFrame }) =>
      stacks.has(stack) &&
      firstFrame >= since.frame &&
      [
        [a, b],
        [b, a],
      ].some(([own, peer]) => hosts.has(own.address) && own.sentAck && peer.sentSyn && !own.sentRst),
  );
  return (
    isAcknowledged || end.tunnels.some(({ requests, towards }) => isAnswered(requests, towards, since, hosts))
  );
}

function isAnswered(
  { sides }: TunnelRequests,
  towards: number,
  since: FrameRef,
  hosts: ReadonlySet<string>,
): boolean {
  const { lastAnswered, answeredPings, answeredServers } = sides[towards];
  if (!lastAnswered || !(secondsBetween(since, lastAnswered) > ANSWER_SECONDS)) return false;
  return [...hosts].some(
    (host) => answeredPings.has(host) || [...answeredServers].some((server) => server.startsWith(`${host} `)),
  );
}

function judge(
  evidence: Evidence,
  end: EndMacs,
  { tunnel, sides }: TunnelRequests,
  towards: number,
  stale: StaleMac,
): Judgement | null {
  const { quality } = evidence;
  const { now, mac } = stale;
  const open = [...sides[towards].unanswered, ...unheardAnswers(evidence, tunnel, towards)].filter(
    (one) =>
      one.kind !== 'arp' &&
      one.last.frame > now.span.first.frame &&
      destinationMac(tunnel, one.source, one.destination, (flow) => isFlowOf(flow, one)) === mac,
  );
  if (open.length === 0) return null;
  const subject = { ...subjectOf(tunnel, end), mac };
  const last = latest(open.map((one) => one.last)) ?? open[0].last;
  const count = requestCount(open);
  if (count < REQUESTS_MIN || secondsBetween(now.span.first, last) < STALE_SECONDS_MIN) {
    return insufficientData(
      subject,
      `${plural(count, 'request')} to ${mac} behind ${end.address} ${count === 1 ? 'has' : 'have'} no answer, and its hosts send ${nowWords(stale, end)}; ` +
        `at least ${REQUESTS_MIN} requests over ${STALE_SECONDS_MIN} s are needed: ping an address behind ${end.address} while capturing.`,
    );
  }
  const limit = oneSidedLimit(quality, tunnel.low, tunnel.high, tunnel.outerStack);
  if (limit) return { result: 'insufficient-data', subject, reason: limit.reason, limitedBy: [limit.id] };
  return problemOf(quality, end, tunnel, towards, stale, open, sides[towards].lastAnswered);
}

/** SYN-ACKs towards the endpoint that its clients do not acknowledge: they ask again. */
function unheardAnswers({ sessions }: Evidence, tunnel: VxlanTunnel, towards: number): UnansweredRequests[] {
  const { stack, segment } = tunnel;
  const side = towards === 0 ? BEHIND_LOW : BEHIND_HIGH;
  return sessions(tcpConnections).flatMap((connection) => {
    if (connection.stack !== stack || connection.segment !== segment) return [];
    const { a, b } = connection;
    const [server, client] = tunnel.hosts.get(a.address) === side ? [a, b] : [b, a];
    const isUnheard =
      server.sentSyn && server.sentAck && client.sentSyn && !client.sentAck && client.segments > 1;
    if (!isUnheard || tunnel.hosts.get(server.address) !== side) return [];
    const flow = flowBetween(tunnel, server, client);
    const sent = flow?.sides[flow.low === server.address && flow.lowPort === server.port ? 0 : 1];
    if (!sent?.first || !sent.last) return [];
    return [
      {
        kind: 'tcp' as const,
        source: server.address,
        destination: client.address,
        port: client.port,
        sourcePort: server.port,
        count: sent.packets,
        first: sent.first,
        last: sent.last,
      },
    ];
  });
}

function isFlowOf({ protocol }: InnerFlow, { kind }: UnansweredRequests): boolean {
  switch (kind) {
    case 'echo':
      return protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
    case 'tcp':
      return protocol === PROTOCOL_TCP;
    default:
      return protocol === PROTOCOL_UDP;
  }
}

function problemOf(
  quality: CaptureQuality,
  end: EndMacs,
  tunnel: VxlanTunnel,
  towards: number,
  stale: StaleMac,
  open: readonly UnansweredRequests[],
  lastAnswered: FrameRef | null,
): Problem {
  const { now, mac, isProven } = stale;
  const from = tunnel.directions[towards].from;
  const first = earliest(open.map((one) => one.first)) ?? open[0].first;
  const last = latest(open.map((one) => one.last)) ?? open[0].last;
  const count = requestCount(open);
  const lastSent = end.sources.get(mac)?.last ?? null;
  const hosts = [...new Set(open.map(({ destination }) => destination))];
  return {
    result: 'problem',
    subject: { ...subjectOf(tunnel, end), mac },
    confidence: isProven ? 'high' : 'medium',
    explanation:
      `${tunnelWords(tunnel)}: what ${from} sends to ${end.address} for ${hosts.length === 1 ? hosts[0] : `${hosts.length} hosts`} carries the destination MAC ` +
      `address ${mac}, and none of ${plural(count, 'packet')} was answered or acknowledged. Those hosts send ${nowWords(stale, end)}: the receiver drops what ` +
      `goes to ${mac} behind ${end.address}, so the entry of ${from} is ${lastSent ? 'stale' : 'wrong'}.`,
    pair: pairOf(tunnel),
    direction: { from, to: end.address },
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: lastSent ?? (lastAnswered && lastAnswered.frame < first.frame ? lastAnswered : null),
    ongoingAtEnd: true,
    counts: { requests: count, hosts: hosts.length },
    evidence: citations(
      [lastSent, `${end.address} still sends from ${mac}`],
      [now.span.first, `${now.end.address} sends from ${now.mac}`],
      [first, `to ${mac}, no answer`],
      ...open.slice(0, 3).map((one): [FrameRef, string] => [one.first, `to ${mac}, no answer`]),
      [last, `to ${mac}, no answer (last of ${count})`],
      [now.span.last, `${now.end.address} sends from ${now.mac} (last)`],
    ),
    displayFilter: tunnelFilterOf(quality, tunnel, stale, end),
  };
}

/** The cited frames of the other tunnel of the endpoint too. */
function tunnelFilterOf(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  { now }: StaleMac,
  end: EndMacs,
): string {
  const others = [...end.tunnels, ...now.end.tunnels].map(({ requests }) => requests.tunnel);
  return [...new Set([tunnel, ...others].map((one) => `(${tunnelFilter(quality, [one])})`))].join(' || ');
}

function nowWords({ mac, now }: StaleMac, end: EndMacs): string {
  return now.end === end ? `from ${now.mac}` : `from ${mac} behind ${now.end.address}`;
}

function subjectOf(tunnel: VxlanTunnel, { address }: EndMacs): Problem['subject'] {
  return { ...tunnelSubject(tunnel), to: address };
}
