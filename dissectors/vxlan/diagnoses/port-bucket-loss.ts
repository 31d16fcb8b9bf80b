import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { tcpConnections } from '../../tcp/correlator.js';
import { vxlanTunnels } from '../correlator.js';
import { type PortBucket, type PortSample, portBucket } from '../port-buckets.js';
import { isGroup } from '../requests.js';
import type { VxlanTunnel } from '../session.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const SAMPLES_MIN = 20;
const LOST_MIN = 5;
const CHANCE_MAX = 1e-6;
/** How often lost and delivered ones take turns: an outage is one stretch of time. */
const TURNS_MIN = 6;

export default defineDiagnosis({
  id: 'underlay.port-bucket-loss',
  title: 'Packets of some source ports are lost on the way',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'underlay',
  priority: 2,
  rule:
    'Of the first packets of connections inside one direction of a tunnel (at least 20 between hosts that do answer), some (at least 5) are lost, as a repeated SYN shows; all lost ones, and ' +
    'no other one, have outer source ports in one range or with one remainder, lost and delivered ones take turns (at least 6 times), and by chance that would happen ' +
    'less often than once in a million times, all patterns that were tried counted.',
  notWhen:
    'The target of the lost ones never answers. The lost ones follow each other in time (an outage, a policer). The SYN-ACK is repeated too: then the SYN arrived.',
  causes: [
    'One link of an ECMP group or of a bond loses all packets: the hash of addresses and ports chooses the link',
    'One queue or core of a network card or router is stuck: receive side scaling chooses it by the same hash',
    'A rule by UDP source port drops a range of them',
  ],
  nextSteps: [
    'Look at the drop and error counters of every member link on the way: ip -s link, ethtool -S; cat /proc/net/bonding/BOND',
    'Send with fixed source ports of both kinds through the path: nping --udp -g PORT -p 4789 PEER; traceroute with Paris options (dublin-traceroute, mtr -u -L PORT) shows which link differs',
    'Take the suspected link out of the group and see whether the losses end',
  ],
  refutedBy: 'A packet with an outer source port of the bucket that arrives, in captures of both ends.',
  source:
    'RFC 7348, section 5 (the outer source port carries the entropy of the inner flow); RFC 2992; RFC 6438',
  thresholds: {
    samples: [SAMPLES_MIN, 'connections', 'fewer show no pattern'],
    lost: [LOST_MIN, 'connections', 'fewer may be chance'],
    chance: [CHANCE_MAX, 'probability', 'one in a million captures'],
    turns: [TURNS_MIN, 'changes', 'an outage hits whatever comes at that time'],
  },
  fault: 'path-loss',
  // Captures of both ends count every lost packet.
  consequenceOfIds: ['underlay.path-loss', 'underlay.selective-loss'],
  *diagnose(evidence) {
    for (const tunnel of evidence.sessions(vxlanTunnels)) {
      if (tunnel.isMirror || isGroup(tunnel.low) || isGroup(tunnel.high)) continue;
      for (const direction of [0, 1]) {
        const judgement = judge(evidence, tunnel, direction);
        if (judgement) yield judgement;
      }
    }
  },
});

interface FirstPacket extends PortSample {
  readonly at: FrameRef;
  readonly from: string;
  readonly to: string;
}

function judge(evidence: Evidence, tunnel: VxlanTunnel, direction: number): Judgement | null {
  const samples = firstPackets(evidence, tunnel, direction);
  if (samples.length < SAMPLES_MIN) return null;
  const subject = { ...tunnelSubject(tunnel), from: tunnel.directions[direction].from };
  const lost = samples.filter(({ isLost }) => isLost);
  const turns = samples.filter(
    ({ isLost }, index) => index > 0 && samples[index - 1].isLost !== isLost,
  ).length;
  const bucket = lost.length >= LOST_MIN && turns >= TURNS_MIN ? portBucket(samples) : null;
  if (!bucket || bucket.chance > CHANCE_MAX) return { result: 'healthy', subject };
  const limit = oneSidedLimit(evidence.quality, tunnel.low, tunnel.high, tunnel.outerStack);
  if (limit) return insufficientData(subject, limit);
  return problemOf(evidence, tunnel, direction, samples, bucket);
}

/** In order of time; only those between hosts of which some connection was answered. */
function firstPackets({ sessions }: Evidence, tunnel: VxlanTunnel, direction: number): FirstPacket[] {
  const opened = openings(tunnel, direction);
  const samples: FirstPacket[] = [];
  const answering = new Set<string>();
  for (const { a, b, stack, segment, firstFrame, firstNs } of sessions(tcpConnections)) {
    if (stack !== tunnel.stack || segment !== tunnel.segment) continue;
    for (const [client, server] of [
      [a, b],
      [b, a],
    ]) {
      const sent = opened.get(`${client.address} ${client.port} ${server.address} ${server.port}`);
      // Who opens sends the first packet; an answer that was sent again says that the SYN arrived.
      if (sent?.frame !== firstFrame || client.openings === 0 || server.openings > 1) continue;
      const [from, to] = [client.address, server.address];
      if (server.segments > 0) answering.add(`${from} ${to}`);
      const at = { frame: firstFrame, timeNs: firstNs, segment };
      samples.push({ port: sent.port, isLost: client.openings > 1, at, from, to });
    }
  }
  return samples
    .filter(({ from, to }) => answering.has(`${from} ${to}`))
    .sort((one, other) => one.at.frame - other.at.frame);
}

/** First frame and outer source port of what goes that way, by inner addresses and ports. */
function openings(
  { flows }: VxlanTunnel,
  direction: number,
): Map<string, { readonly frame: number; readonly port: number }> {
  const found = new Map<string, { frame: number; port: number }>();
  for (const { protocol, low, high, lowPort, highPort, sides } of flows) {
    if (protocol !== PROTOCOL_TCP) continue;
    for (const [index, { macs, first, outerPort }] of sides.entries()) {
      if (!first || macs?.outerDirection !== direction) continue;
      const key =
        index === 0 ? `${low} ${lowPort} ${high} ${highPort}` : `${high} ${highPort} ${low} ${lowPort}`;
      found.set(key, { frame: first.frame, port: outerPort });
    }
  }
  return found;
}

function problemOf(
  { quality }: Evidence,
  tunnel: VxlanTunnel,
  direction: number,
  samples: readonly FirstPacket[],
  bucket: PortBucket,
): Problem {
  const { from, to } = tunnel.directions[direction];
  const lost = samples.filter(({ isLost }) => isLost);
  const first = earliest(lost.map(({ at }) => at)) ?? lost[0].at;
  const last = latest(lost.map(({ at }) => at)) ?? first;
  const what =
    bucket.kind === 'range'
      ? `outer source ports from ${bucket.a} to ${bucket.b}`
      : `outer source ports that leave ${bucket.b} when divided by ${bucket.a}`;
  return {
    result: 'problem',
    subject: { ...tunnelSubject(tunnel), from },
    confidence: 'medium',
    explanation:
      `${tunnelWords(tunnel)}: of the first packets of ${samples.length} connections from ${from} to ${to}, ${lost.length} were lost and sent again: all of them, and no ` +
      `other one, have ${what}. Chance makes such a pattern with a probability of ${bucket.chance.toExponential(0)}: one of several links or queues, which the hash of the port chooses, loses what it gets.`,
    pair: pairOf(tunnel),
    direction: { from, to },
    where: 'path',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    packets: { of: ['vxlan', 'source-ports'], lost: lost.length, delivered: 0 },
    counts: {
      connections: samples.length,
      lost: lost.length,
      ...(bucket.kind === 'range'
        ? { firstPort: bucket.a, lastPort: bucket.b }
        : { divisor: bucket.a, remainder: bucket.b }),
    },
    evidence: citations(
      ...lost
        .slice(0, 4)
        .map((one): [FrameRef, string] => [
          one.at,
          `SYN in a datagram from port ${one.port}, sent again later`,
        ]),
      ...samples
        .filter(({ isLost }) => !isLost)
        .slice(0, 2)
        .map((one): [FrameRef, string] => [
          one.at,
          `SYN in a datagram from port ${one.port}, answered at once`,
        ]),
      [last, 'the last SYN that was sent again'],
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}
