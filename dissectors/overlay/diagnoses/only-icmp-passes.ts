import { momentOf } from '../../../src/correlate/frame-reference.js';
import { unseenAnswers } from '../../../src/diagnose/carried-tunnel.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import type { Subject } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import type { EchoStream } from '../../icmp/correlator.js';
import { type FailedAsk, type InnerTransport, innerTransport } from '../inner-transport.js';
import { betweenEnds, type SeenTunnel, tunnelName, tunnelsSeen } from '../tunnels-seen.js';

const TRIES_MIN = 3;
const HOSTS_MIN = 2;
const CITED_MAX = 3;

export default defineDiagnosis({
  id: 'overlay.only-icmp-passes',
  title: 'Only pings pass through the tunnel',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Pings through a tunnel are answered while inner TCP connections and DNS questions get nowhere: at least 3 tries, each repeated, to at least 2 inner hosts, or ' +
    'to one where TCP or UDP worked before. None of them succeeds from then on, and nobody says that it turns them away. Error where several services fail and ' +
    'one of these hosts answers pings or was reached before, else warning.',
  notWhen:
    'Any TCP connection comes about in the tunnel after the first failure, either way, or UDP is answered (then it is one service, or a policy for it). A reset or an ICMP error ' +
    'rejects them. Only one host fails that never worked (default-deny policy of one workload, monitoring by ping). The answers leave in this capture, and nothing shows that ' +
    'pings get through that way.',
  causes: [
    'Inner TCP and UDP checksums are wrong when they arrive, ICMP ones are not: checksum offload of the tunnel device or of the card',
    'A policy or packet filter drops TCP and UDP inside the tunnel without a word and permits ICMP',
    'A service on the way (kube-proxy, connection tracking, load balancer) takes TCP and UDP elsewhere',
  ],
  nextSteps: [
    'On the receiving end, look whether the checksums are right: tcpdump -vv -nn -i TUNNEL_DEVICE tcp; nstat -az TcpInCsumErrors UdpInCsumErrors',
    'Switch offload off on both ends and try again: ethtool -K DEV tx off; ethtool -K TUNNEL_DEVICE tx-checksum-ip-generic off',
    'On the receiving end, look for a filter with counters that grow: nft list ruleset; iptables -L -v -n; and for network policies of both inner hosts',
    'Capture inside the receiving host too, behind the tunnel device, and see whether the SYN gets there',
  ],
  refutedBy: 'One TCP connection that comes about through this tunnel in the same time.',
  source:
    'RFC 9293, section 3.1 (checksum); projectcalico/calico 3145, flannel-io/flannel 1279 (checksum offload of tunnels)',
  thresholds: {
    tries: [TRIES_MIN, 'packets', 'SYN and question are repeated where they are lost by chance'],
    hosts: [HOSTS_MIN, 'inner hosts', 'one that never worked may be down or closed on purpose'],
  },
  fault: 'refused',
  consequenceOf: ['path-loss', 'addressing', 'policy'],
  *diagnose(evidence) {
    for (const tunnel of tunnelsSeen(evidence)) {
      const judgement = judge(evidence, tunnel);
      if (judgement) yield judgement;
    }
  },
});

function judge(evidence: Evidence, tunnel: SeenTunnel): Judgement | null {
  const transport = innerTransport(evidence, tunnel);
  const { failed, passed, isRejected } = transport;
  const subject: Subject = { kind: 'tunnel', tunnel: tunnel.kind, endpoints: [tunnel.low, tunnel.high] };
  const [first] = failed;
  if (!first) return passed.length > 0 ? { result: 'healthy', subject } : null;
  if (passed.some(({ frame }) => frame > first.first.frame)) return { result: 'healthy', subject };
  const answered = transport.pings.filter(
    ({ lastReply }) => lastReply && lastReply.frame > first.first.frame,
  );
  if (answered.length === 0 || isRejected) return null;
  const unproven = failed.find((ask) => !isWayBackProven(evidence, tunnel, ask, answered));
  if (unproven) {
    return insufficientData(
      subject,
      `Pings and the SYN of ${unproven.from} to ${unproven.to} are answered in this capture, and the SYN-ACK is repeated: it does not tell whether what ${unproven.to} sends gets through; capture at the end of ${unproven.from}.`,
    );
  }
  const pings = answered;
  const hosts = new Set(failed.map(({ to }) => to));
  const workedBefore = passed.length > 0;
  if (hosts.size < HOSTS_MIN && !workedBefore) {
    return insufficientData(
      subject,
      `Pings pass ${tunnelName(evidence, tunnel)} between ${tunnel.low} and ${tunnel.high}, ${first.words} of ${first.to} does not answer, and nothing else was tried: that may be this host or the tunnel; capture while you connect to two inner hosts.`,
    );
  }
  if (failed.reduce((sum, { tries }) => sum + tries, 0) < TRIES_MIN) return null;
  const { quality } = evidence;
  const limit = unseenAnswers(quality, tunnel, failed);
  return limit ? insufficientData(subject, limit) : problemOf(evidence, tunnel, transport, pings);
}

/**
 * Whether the capture shows that pings get through the way on which the answer to a request is lost. Answers that leave prove
 * nothing but that; a ping of the answering end that is answered has gone that way, and so has all that is captured at
 * the asking end.
 */
function isWayBackProven(
  { quality }: Evidence,
  tunnel: SeenTunnel,
  ask: FailedAsk,
  pings: readonly EchoStream[],
): boolean {
  if (!ask.isAnswered) return true;
  const way = outerDirectionOf(tunnel, ask);
  const ends = [tunnel.low, tunnel.high];
  if (quality.local.includes(ask.from) || (way !== null && quality.local.includes(ends[way]))) return true;
  return pings.some(({ source: from, destination: to, stack }) => {
    const other = outerDirectionOf(tunnel, { from, to, stack });
    return way !== null && other !== null && other !== way;
  });
}

function problemOf(
  evidence: Evidence,
  tunnel: SeenTunnel,
  { failed, passed }: InnerTransport,
  pings: readonly EchoStream[],
): Problem {
  const [first] = failed;
  const last = failed.reduce((a, one) => (one.last.timeNs > a.last.timeNs ? one : a), first).last;
  const tries = failed.reduce((sum, one) => sum + one.tries, 0);
  const hosts = new Set(failed.map(({ to }) => to));
  const replies = pings.reduce((sum, one) => sum + one.replies, 0);
  const isReached = pings.some(({ source, destination }) => hosts.has(destination) || hosts.has(source));
  const lastGood = passed.reduce<FrameRef | null>((a, one) => (a && a.frame > one.frame ? a : one), null);
  const services = new Set(failed.map(({ words, to }) => `${words} ${to}`));
  const isSure = services.size > 1 && (isReached || lastGood !== null);
  const name = tunnelName(evidence, tunnel);
  const seconds = (last.timeNs - first.first.timeNs) / NS_PER_SECOND;
  const direction = directionOf(tunnel, failed);
  const [ping] = pings;
  return {
    result: 'problem',
    subject: { kind: 'tunnel', tunnel: tunnel.kind, endpoints: [tunnel.low, tunnel.high] },
    ...(isSure ? {} : { severity: 'warning' }),
    confidence: isSure ? 'medium' : 'low',
    explanation:
      `${name} between ${tunnel.low} and ${tunnel.high} carries pings both ways (${ping.source} and ${ping.destination}: ${plural(replies, 'answer')}), but ` +
      `${plural(tries, 'TCP or UDP request')} over ${secondsText(seconds)} to ${plural(hosts.size, 'inner host')} (${asksOf(failed)}) came to nothing` +
      `${lastGood ? ', although TCP or UDP passed before' : ''}. The path is well: what is lost is lost because it is TCP or UDP, so look at checksums, offload and policies.`,
    pair: [tunnel.low, tunnel.high],
    ...(direction ? { direction } : {}),
    where: 'receiver',
    first: momentOf(first.first),
    last,
    lastGood,
    ongoingAtEnd: true,
    counts: { tries, conversations: failed.length, hosts: hosts.size, pingReplies: replies },
    evidence: inOrder([
      ...(lastGood ? [cite(lastGood, 'TCP or UDP passed the tunnel')] : []),
      ...failed
        .slice(0, CITED_MAX)
        .map((one) =>
          cite(one.first, `${one.words} from ${one.from} to ${one.to}, ${one.tries} tries in vain`),
        ),
      ...pings
        .slice(0, CITED_MAX)
        .flatMap(({ source, destination, lastReply }) =>
          lastReply ? [cite(lastReply, `${destination} answers a ping of ${source}`)] : [],
        ),
    ]),
    displayFilter: betweenEnds(evidence.quality, tunnel),
  };
}

/** `TCP port 80 of 10.0.0.2, TCP port 443 of 10.0.0.3 and others`. */
function asksOf(failed: readonly FailedAsk[]): string {
  const all = [...new Set(failed.map(({ words, to }) => `${words} of ${to}`))];
  return `${all.slice(0, CITED_MAX).join(', ')}${all.length > CITED_MAX ? ' and others' : ''}`;
}

/** Of the tunnel's packets, where all that fails was asked from one end. */
function directionOf(
  tunnel: SeenTunnel,
  failed: readonly FailedAsk[],
): { readonly from: string; readonly to: string } | null {
  const { low, high } = tunnel;
  const directions = new Set(failed.map((ask) => outerDirectionOf(tunnel, ask)));
  if (directions.size !== 1 || directions.has(null)) return null;
  return directions.has(0) ? { from: low, to: high } : { from: high, to: low };
}

/** 0: from the low end of the tunnel to the high one; null where the capture does not show it. */
function outerDirectionOf(
  { tunnels }: SeenTunnel,
  { from, to, stack }: { readonly from: string; readonly to: string; readonly stack: number },
): number | null {
  const ways = tunnels
    .filter((one) => one.stack === stack)
    .flatMap((one) => one.ways.filter((way) => way.from === from && way.to === to));
  const [first] = ways;
  return first && ways.every(({ outerDirection }) => outerDirection === first.outerDirection)
    ? first.outerDirection
    : null;
}
