import { earliest, momentOf } from '../../../src/correlate/frame-reference.js';
import { tooShortAfter } from '../../../src/correlate/gates.js';
import { unseenAnswers } from '../../../src/diagnose/carried-tunnel.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { secondsText } from '../../../src/wording/durations.js';
import { type EchoStream, echoStreams } from '../../icmp/correlator.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../../tcp/correlator.js';
import { isSameNetwork } from '../networks.js';
import {
  type InnerRequests,
  innerRequests,
  isLasting,
  LASTING_THRESHOLDS,
  SYN_ANSWER_SECONDS,
  silenceOf,
  type UnansweredStretch,
} from '../shared/inner-requests.js';
import { betweenEnds, type SeenTunnel, tunnelName, tunnelsSeen } from '../tunnels-seen.js';

/** Transmissions of a SYN whose answer is seen outside the tunnel and does not help. */
const SYNS_MIN = 3;

export default defineDiagnosis({
  id: 'overlay.asymmetric-encapsulation',
  title: 'Inside the tunnel one way, without it the other',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Inner requests (at least 3 over at least 2 s) go through a tunnel and get no answer at all, and the same host, or its network, is reached without ' +
    'the tunnel from there and answers. Or: the SYN of an inner connection goes through the tunnel, its answer comes without it, and the ' +
    'client repeats the SYN at least 3 times because it does not get that answer.',
  notWhen:
    'Answers come without the tunnel and are taken: direct server return (IPVS in tunnel mode, Katran, Cilium DSR), scrubbing by GRE, Mobile IP. The traffic is ' +
    'mirrored into the tunnel. Some request of the tunnel in that direction is answered.',
  causes: [
    'The reverse path filter of the receiving end drops what comes out of the tunnel: its route to the inner source leads past the tunnel',
    'One end encapsulates for a network that the other end reaches natively: different modes (Calico CrossSubnet and Always), or subnets cut differently',
    'A stateful firewall sees one direction inside the tunnel and the other outside, and drops one of them',
  ],
  nextSteps: [
    'On the receiving end: ip route get INNER_SOURCE must name the tunnel device; nstat -az TcpExtIPReversePathFilter counts what is dropped',
    'On the receiving end compare sysctl net.ipv4.conf.all.rp_filter and that of the tunnel device; 2 (loose) lets the packets pass',
    'Make both ends encapsulate alike (Calico: ipipMode or vxlanMode of the pool and the subnets of the nodes)',
  ],
  refutedBy:
    'Answers inside the tunnel, or an inner client that goes on after the answer that came without it.',
  source: 'RFC 3704, section 2 (reverse path filters); RFC 2003, section 4.3',
  thresholds: {
    ...LASTING_THRESHOLDS,
    syns: [SYNS_MIN, 'SYNs', 'the first answer may be lost by chance'],
  },
  fault: 'refused',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],
  *diagnose(evidence) {
    for (const tunnel of tunnelsSeen(evidence)) yield* judge(evidence, tunnel);
  },
});

function* judge(evidence: Evidence, tunnel: SeenTunnel): Generator<Judgement> {
  const requests = innerRequests(evidence, tunnel, true);
  const subject = subjectOf(tunnel);
  for (const direction of [0, 1]) {
    const ofDirection = requests.filter(({ outerDirection }) => outerDirection === direction);
    const outside = answersOutside(evidence, tunnel, direction);
    if (outside) {
      yield outside;
      return;
    }
    const silent = silenceOf(ofDirection);
    if (!silent || !isLasting(silent)) continue;
    if (ofDirection.some(({ answered }) => answered > 0)) continue;
    const around = nativeWay(evidence, tunnel, silent.requests);
    if (!around) continue;
    const { quality } = evidence;
    const limit =
      unseenAnswers(quality, tunnel, silent.requests) ??
      tooShortAfter(quality, silent.first, SYN_ANSWER_SECONDS);
    yield limit
      ? insufficientData(subject, limit)
      : silentProblem(evidence, tunnel, direction, silent, around);
    return;
  }
  if (requests.some(({ answered }) => answered > 0)) yield { result: 'healthy', subject };
}

/** A conversation without the tunnel that is answered, from the side where the requests go to. */
interface NativeWay {
  readonly asker: string;
  readonly target: string;
  readonly first: FrameRef;
  readonly answered: FrameRef | null;
}

function nativeWay(
  { sessions }: Evidence,
  { low, high, outerStack, segment }: SeenTunnel,
  requests: readonly InnerRequests[],
): NativeWay | null {
  const isOfTunnel = (asker: string, target: string): boolean =>
    ![asker, target].some((address) => address === low || address === high) &&
    requests.some(
      ({ from, to }) =>
        isSameNetwork(asker, to) && isSameNetwork(target, from) && !isSameNetwork(asker, target),
    );
  const isNative = (one: { readonly stack: number; readonly segment: number }): boolean =>
    one.stack === outerStack && one.segment === segment;
  const ping = sessions(echoStreams).find(
    (stream: EchoStream) =>
      isNative(stream) && stream.replies > 0 && isOfTunnel(stream.source, stream.destination),
  );
  if (ping) {
    return { asker: ping.source, target: ping.destination, first: ping.first, answered: ping.lastReply };
  }
  for (const connection of sessions(tcpConnections)) {
    const { a, b, firstFrame, firstNs } = connection;
    if (!isNative(connection)) continue;
    const opened = [
      [a, b],
      [b, a],
    ].find(
      ([client, server]) =>
        client.sentSyn && client.sentAck && server.segments > 0 && isOfTunnel(client.address, server.address),
    );
    if (!opened) continue;
    const first = { frame: firstFrame, timeNs: firstNs, segment };
    return { asker: opened[0].address, target: opened[1].address, first, answered: null };
  }
  return null;
}

function silentProblem(
  { quality, tunnelKinds }: Evidence,
  tunnel: SeenTunnel,
  direction: number,
  silent: UnansweredStretch,
  around: NativeWay,
): Problem {
  const [from, to] = direction === 0 ? [tunnel.low, tunnel.high] : [tunnel.high, tunnel.low];
  const { requests, unanswered, first, last, seconds } = silent;
  const [one] = requests;
  const name = tunnelName({ tunnelKinds }, tunnel);
  return {
    result: 'problem',
    subject: subjectOf(tunnel),
    confidence: 'medium',
    explanation:
      `${from} sends through ${name} to ${to}: ${plural(unanswered, 'inner request')} over ${secondsText(seconds)} (${one.words} from ${one.from} to ${one.to}` +
      `${requests.length > 1 ? ' and others' : ''}) got no answer. The other way round no tunnel is used: ${around.asker} reaches ${around.target} natively and is answered. ` +
      `So ${to} would send its answers past the tunnel, and its reverse path filter drops what comes out of it.`,
    pair: [from, to],
    direction: { from, to },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { unanswered, conversations: requests.length, synsRepeated: 0 },
    evidence: inOrder([
      ...requestCitations(requests, name),
      cite(around.first, `${around.asker} asks ${around.target} without the tunnel`),
      ...(around.answered ? [cite(around.answered, `${around.target} answers without the tunnel`)] : []),
    ]),
    displayFilter: `(${betweenEnds(quality, tunnel)}) || (${pairFilter(around.asker, around.target)})`,
  };
}

function requestCitations(requests: readonly InnerRequests[], name: string): Citation[] {
  return requests
    .slice(0, 3)
    .flatMap(({ words, from, to, first, last, unanswered }) => [
      ...(first ? [cite(first, `${words} from ${from} to ${to} inside ${name}, no answer`)] : []),
      ...(last ? [cite(last, `${words} from ${from} to ${to}, last of ${unanswered}`)] : []),
    ]);
}

/** A connection whose SYNs take the tunnel and whose SYN-ACKs do not. */
interface SplitConnection {
  readonly client: TcpDirection;
  readonly server: TcpDirection;
  readonly inside: TcpConnection;
  readonly outside: TcpConnection;
}

/** The answers come without the tunnel, and the clients go on asking. */
function answersOutside(evidence: Evidence, tunnel: SeenTunnel, direction: number): Problem | null {
  const split = splitConnections(evidence, tunnel, direction);
  if (split.some(({ client }) => client.sentAck)) return null;
  const insisting = split.filter(({ client }) => client.segments >= SYNS_MIN);
  if (insisting.length === 0) return null;
  const [from, to] = direction === 0 ? [tunnel.low, tunnel.high] : [tunnel.high, tunnel.low];
  const syns = insisting.reduce((sum, { client }) => sum + client.segments, 0);
  const firsts = insisting.map(({ inside }) => refOf(inside));
  const first = earliest(firsts) ?? firsts[0];
  const last = { segment: first.segment, timeNs: Math.max(...insisting.map(({ inside }) => inside.lastNs)) };
  const [{ client, server }] = insisting;
  const name = tunnelName(evidence, tunnel);
  return {
    result: 'problem',
    subject: subjectOf(tunnel),
    confidence: 'medium',
    explanation:
      `The SYNs of ${client.address} to ${server.address} port ${server.port} go through ${name} from ${from} to ${to}; the answers come without the tunnel, ` +
      `and ${client.address} repeats its SYN all the same (${plural(syns, 'SYN')} in ${plural(insisting.length, 'connection')}): it does not get what comes past the tunnel.`,
    pair: [from, to],
    direction: { from, to },
    where: 'receiver',
    first: momentOf(first),
    last,
    ongoingAtEnd: true,
    counts: { unanswered: syns, conversations: insisting.length, synsRepeated: syns },
    evidence: inOrder(
      insisting
        .slice(0, 4)
        .flatMap((one) => [
          cite(refOf(one.inside), `SYN of ${one.client.address} inside ${name}`),
          cite(refOf(one.outside), `SYN-ACK of ${one.server.address} without it`),
        ]),
    ),
    displayFilter: `(${betweenEnds(evidence.quality, tunnel)}) || (${[
      ...new Set(insisting.map((one) => pairFilter(one.client.address, one.server.address))),
    ].join(') || (')})`,
  };
}

function splitConnections({ sessions }: Evidence, tunnel: SeenTunnel, direction: number): SplitConnection[] {
  const connections = sessions(tcpConnections).filter(({ segment }) => segment === tunnel.segment);
  const outside = new Map<string, TcpConnection>();
  for (const one of connections) if (one.stack === tunnel.outerStack) outside.set(keyOf(one), one);
  if (outside.size === 0) return [];
  const ways = new Map(tunnel.tunnels.map(({ stack, ways: ofStack }) => [stack, ofStack]));
  return connections.flatMap((inside) => {
    const ofStack = ways.get(inside.stack);
    const native = outside.get(keyOf(inside));
    if (!ofStack || !native) return [];
    const index =
      inside.a.sentSyn && inside.b.segments === 0 ? 0 : inside.b.sentSyn && inside.a.segments === 0 ? 1 : -1;
    if (index < 0) return [];
    const [client, server] = index === 0 ? [inside.a, native.b] : [inside.b, native.a];
    const isThisWay = ofStack.some(
      (way) => way.from === client.address && way.to === server.address && way.outerDirection === direction,
    );
    const isClientInside = (index === 0 ? native.a : native.b).segments === 0;
    if (!isThisWay || !isClientInside || !server.sentSyn || !server.sentAck) return [];
    return [{ client, server, inside, outside: native }];
  });
}

function keyOf({ a, b }: TcpConnection): string {
  return `${a.address} ${a.port} ${b.address} ${b.port}`;
}

function refOf({ firstFrame, firstNs, segment }: TcpConnection): FrameRef {
  return { frame: firstFrame, timeNs: firstNs, segment };
}

function subjectOf({ kind, low, high }: SeenTunnel): Problem['subject'] {
  return { kind: 'tunnel', tunnel: kind, endpoints: [low, high] };
}
