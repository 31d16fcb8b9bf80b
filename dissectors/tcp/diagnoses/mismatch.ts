import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { pairSubject } from '../../../src/wording/subjects.js';
import { icmpErrors } from '../../icmp/correlator.js';
import { tcpServices } from '../correlator.js';
import type { TcpService } from '../session.js';
import { segmentFilter, severityOf } from '../shared/server-endpoint.js';

/** A host that has learned a path MTU from one destination announces it to that one alone. */
const PEERS_MIN = 2;

export default defineDiagnosis({
  id: 'mtu.mismatch',
  title: 'Tunnel ends use different MTUs',
  severity: 'warning',
  subject: 'pair',
  layer: 'fragments',
  priority: 2,
  judgesLast: true,
  rule:
    'Inside a tunnel the two hosts of a connection, both with private addresses, announce segment sizes (MSS) that differ by exactly the overhead of the ' +
    'tunnel, in every SYN of both: one of them allows for the tunnel, the other does not. Warning where nothing else is ' +
    'wrong and the one that allows for it does so towards several hosts: what a host has learned of a path counts for one ' +
    'destination. Where something else is wrong, information; where it is one host alone that is told the smaller size, not judged.',
  notWhen:
    'One of them is a host of the internet, behind the tunnel. A router reported a smaller MTU to one of the hosts, or to an end of the tunnel, before: a host announces what it has learned, whatever its interface says. The MSS differ by anything else, or from connection to connection. The flow is in no tunnel.',
  causes: [
    'The MTU was lowered for the tunnel on one side only (an instance that ignores the MTU of DHCP, an old cell)',
    'The MSS is clamped on one side only',
  ],
  nextSteps: [
    'Compare the MTU of the inner interfaces on both sides: ip link show',
    'Give all members of the overlay the same MTU: that of the underlay less the overhead',
  ],
  refutedBy: 'Equal MTUs on the inner interfaces of both hosts.',
  source: 'RFC 9293, section 3.7.1; RFC 7348, section 4.3; Cloud Foundry manual (same MTU on all cells)',
  thresholds: { peers: [PEERS_MIN, 'hosts', 'a learned path MTU counts for one destination'] },
  fault: 'mtu',
  *diagnose(evidence) {
    for (const service of evidence.sessions(tcpServices)) {
      const judgement = service.stack === 0 ? null : judge(evidence, service);
      if (judgement) yield judgement;
    }
  },
});

function judge(evidence: Evidence, service: TcpService): Judgement | null {
  const { client, server, stack, fromClient, fromServer, established } = service;
  if (fromClient.mssMin === 0 || fromServer.mssMin === 0) return null;
  if (!isPrivate(client) || !isPrivate(server)) return null;
  const kind = evidence.quality.flows.tunnelLayers(stack).at(-1)?.kind;
  const overheads = kind === undefined ? [] : evidence.quality.protocols.overheads(kind);
  if (overheads.length === 0) return null;
  const [low, high] = client < server ? [client, server] : [server, client];
  const subject = pairSubject(evidence.quality, { source: low, destination: high, stack });
  const isSteady = fromClient.mssMin === fromClient.mssMax && fromServer.mssMin === fromServer.mssMax;
  const difference = Math.abs(fromClient.mssMax - fromServer.mssMax);
  const at = established.first;
  if (!isSteady || !at || !overheads.some(({ overhead }) => overhead.bytes === difference))
    return { result: 'healthy', subject };
  if (hasLearnedLimit(evidence, service, at))
    return insufficientData(
      subject,
      'a smaller MTU was reported before these connections, so the smaller MSS may be what its host has learned of the path; ' +
        'compare the MTU of the interfaces: ip link show',
    );
  const [careful, mss] =
    fromClient.mssMax < fromServer.mssMax ? [client, fromClient.mssMax] : [server, fromServer.mssMax];
  if (peersToldOf(evidence, stack, careful, mss).size < PEERS_MIN)
    return insufficientData(
      subject,
      `${careful} announces an MSS that allows for the tunnel to one host alone, which may be what it has learned of the path ` +
        'before the capture began; compare the MTU of the interfaces: ip link show',
    );
  const last = established.last ?? at;
  return {
    result: 'problem',
    subject,
    severity: severityOf(evidence, { ...service, services: [service] }, true),
    confidence: 'medium',
    explanation:
      `Inside ${kind} ${client} announces an MSS of ${fromClient.mssMax} and ${server} one of ${fromServer.mssMax}: they differ ` +
      `by the ${difference} bytes that the tunnel takes, so ${fromClient.mssMax > fromServer.mssMax ? client : server} does ` +
      'not allow for it. TCP takes the smaller one; other protocols send packets that do not fit.',
    pair: [client, server],
    where: fromClient.mssMax > fromServer.mssMax ? 'sender' : 'receiver',
    first: { segment: at.segment, timeNs: at.timeNs },
    last: { segment: last.segment, timeNs: last.timeNs },
    ongoingAtEnd: true,
    counts: { clientMss: fromClient.mssMax, serverMss: fromServer.mssMax, difference },
    evidence: [{ ...at, summary: `SYN with an MSS of ${fromClient.mssMax}` }],
    displayFilter: segmentFilter(evidence.quality, service, client, 'tcp.flags.syn == 1'),
  };
}

/** To whom the host announces this MSS and no other one. */
function peersToldOf(evidence: Evidence, at: number, host: string, mss: number): Set<string> {
  const peers = new Set<string>();
  for (const { client, server, stack, fromClient, fromServer } of evidence.sessions(tcpServices)) {
    const [own, peer] = client === host ? [fromClient, server] : [fromServer, client];
    if (stack !== at || (client !== host && server !== host)) continue;
    if (own.mssMin === mss && own.mssMax === mss) peers.add(peer);
  }
  return peers;
}

/** Linux announces an MSS that fits the path MTU it has learned, also by what its own tunnel device passes on to it. */
function hasLearnedLimit(
  evidence: Evidence,
  { client, server, stack }: TcpService,
  before: FrameRef,
): boolean {
  const { flows } = evidence.quality;
  const carrier = flows.tunnelLayers(stack).at(-1);
  const outside = flows.parentStack(stack);
  return evidence
    .sessions(icmpErrors)
    .some(
      ({ meaning, first, receiver, stack: at }) =>
        meaning === 'packet-too-big' &&
        first.frame < before.frame &&
        ((at === stack && (receiver === client || receiver === server)) ||
          (at === outside && (receiver === carrier?.low || receiver === carrier?.high))),
    );
}

/** RFC 1918, RFC 6598 and RFC 4193: an address that can be a member of an overlay. */
function isPrivate(address: string): boolean {
  if (address.startsWith('10.')) return true;
  if (address.includes(':')) return /^f[cd]/.test(address);
  const [first, second] = address.split('.').map(Number);
  return (
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second < 128)
  );
}
