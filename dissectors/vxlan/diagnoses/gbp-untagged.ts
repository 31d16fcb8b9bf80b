import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { hasOtherFault } from '../../../src/diagnose/severity-policy.js';
import type { FrameRef } from '../../../src/moment.js';
import { type Attempt, type Rejection, rejectionsOf } from '../rejections.js';
import { type TunnelRequests, tunnelRequests } from '../requests.js';
import type { VxlanTunnel } from '../session.js';
import { citations, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const ATTEMPTS_MIN = 3;

export default defineDiagnosis({
  id: 'vxlan.gbp-untagged',
  title: 'Container traffic without policy tag',
  severity: 'warning',
  subject: 'flow',
  layer: 'tunnel-data',
  priority: 1,
  judgesLast: true,
  rule:
    'In a tunnel in which the same sender sets group policy ids (G), connections of an inner host go without one and are rejected by ICMP port ' +
    'unreachable, or at least 3 SYNs stay unanswered while the tunnel works. Warning where the capture shows no ' +
    'other fault, otherwise information.',
  notWhen:
    'Untagged connections of the host are answered. Its address is that of the tunnel endpoint (x.y.z.0): cells ping ' +
    'each other without a tag. It only answers connections of others.',
  causes: [
    'No network policy names the app: it gets no tag, and the destination rejects what has none',
    'The container metadata lacks policy_group_id: the app was started before the policy system and must be restaged',
    'The policy agent of the sending cell failed to mark the traffic',
  ],
  nextSteps: [
    'Cloud Foundry: cf network-policies; cf add-network-policy SOURCE DESTINATION --protocol tcp --port PORT',
    'On the sending cell: look for policy_group_id of the container in store.json, and for "missing key policy_group_id" in the log of vxlan-policy-agent; then cf restage APP',
  ],
  refutedBy: 'An answer to an untagged packet of the same source.',
  source:
    'Cloud Foundry guide, known issues (restage) and container-to-container networking; draft-smith-vxlan-group-policy-05',
  thresholds: {
    attempts: [ATTEMPTS_MIN, 'packets', 'one lost SYN is normal'],
  },
  fault: 'policy',
  consequenceOfIds: ['silk.metadata-missing'],
  technology: 'vxlan',
  *diagnose(evidence) {
    const all = tunnelRequests(evidence);
    const rejections = rejectionsOf(evidence, all);
    for (const one of all) yield* judge(evidence, one, rejections);
  },
});

function* judge(
  evidence: Evidence,
  { tunnel }: TunnelRequests,
  rejections: readonly Rejection[],
): Generator<Judgement> {
  if (tunnel.directions.every(({ tagged }) => tagged === 0)) return;
  const bySource = new Map<string, { readonly rejection: Rejection; readonly attempt: Attempt }[]>();
  for (const rejection of rejections) {
    if (rejection.tunnel !== tunnel) continue;
    for (const attempt of rejection.attempts) {
      if (!isUntagged(tunnel, attempt)) continue;
      addTo(bySource, attempt.client, { rejection, attempt });
    }
  }
  let isIll = false;
  for (const [source, failed] of bySource) {
    if (answersUntagged(tunnel, source)) continue;
    isIll = true;
    yield problemOf(evidence, tunnel, source, failed);
  }
  if (!isIll) yield { result: 'healthy', subject: tunnelSubject(tunnel) };
}

/** Sent without tag by a host whose tunnel endpoint tags what others send. */
function isUntagged(tunnel: VxlanTunnel, { client, sent }: Attempt): boolean {
  if (!sent || sent.tagged > 0 || sent.untagged === 0 || client.endsWith('.0')) return false;
  const side = tunnel.hosts.get(client);
  return tunnel.directions.some(({ tagged }, direction) => tagged > 0 && side === direction + 1);
}

/** An untagged conversation that the host opened, or seems to have opened, is answered. */
function answersUntagged(tunnel: VxlanTunnel, source: string): boolean {
  return tunnel.flows.some(({ low, high, lowPort, highPort, sides }) => {
    if (sides[0].packets === 0 || sides[1].packets === 0) return false;
    if (low === source && lowPort > highPort) return sides[0].untagged > 0 && sides[0].tagged === 0;
    return high === source && highPort > lowPort && sides[1].untagged > 0 && sides[1].tagged === 0;
  });
}

/** The service that all attempts went to, if it is one. */
function serviceOf(failed: readonly { readonly rejection: Rejection }[]): string[] {
  const services = new Set(failed.map(({ rejection: { protocol, port } }) => serviceWord(protocol, port)));
  return services.size === 1 ? [...services] : [];
}

function problemOf(
  evidence: Evidence,
  tunnel: VxlanTunnel,
  source: string,
  failed: readonly { readonly rejection: Rejection; readonly attempt: Attempt }[],
): Problem {
  const attempts = failed.map(({ attempt }) => attempt);
  const first = earliest(attempts.map((one) => one.first)) ?? attempts[0].first;
  const last = latest(attempts.flatMap((one) => [one.last, ...one.errors])) ?? attempts[0].last;
  const lost = attempts.reduce((sum, { packets }) => sum + packets, 0);
  const isSaid = failed.some(({ rejection }) => rejection.isSaid);
  const servers = [...new Set(failed.map(({ rejection }) => `${rejection.server} port ${rejection.port}`))];
  const direction = (tunnel.hosts.get(source) ?? 1) - 1;
  const own = tunnel.directions[direction];
  const isQuiet = hasOtherFault(evidence, { host: tunnel.low, stack: tunnel.outerStack }, [
    'vxlan.gbp-untagged',
    'overlay.policy-reject',
    'underlay.unreachable',
    'underlay.ping-loss',
  ]);
  return {
    result: 'problem',
    subject: { kind: 'flow', tunnel: 'vxlan', endpoints: [tunnel.low, tunnel.high], vni: tunnel.vni, source },
    severity: isQuiet ? 'info' : 'warning',
    confidence: isSaid ? 'high' : 'medium',
    explanation:
      `${tunnelWords(tunnel)}: connections of ${source} to ${servers.slice(0, 3).join(', ')} carry no group policy id and are ` +
      `${isSaid ? 'rejected with ICMP port unreachable' : 'not answered'}. ${own.tagged} other packets from ${own.from} do carry one.`,
    pair: [source, failed[0].rejection.server],
    direction: { from: source, to: failed[0].rejection.server },
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    packets: { of: serviceOf(failed), lost, delivered: 0 },
    counts: {
      attempts: attempts.length,
      packets: lost,
      servers: servers.length,
      taggedPackets: own.tagged,
      untaggedPackets: own.untagged,
    },
    evidence: cite(failed),
    displayFilter: filterOf(evidence.quality, tunnel),
  };
}

function cite(
  failed: readonly { readonly rejection: Rejection; readonly attempt: Attempt }[],
): Problem['evidence'] {
  return citations(
    ...failed
      .slice(0, 3)
      .flatMap(({ rejection, attempt }): [FrameRef, string][] => [
        [
          attempt.first,
          `${attempt.client} to ${rejection.server} port ${rejection.port}, no group policy id`,
        ],
        [
          attempt.last,
          `${attempt.client} to ${rejection.server} port ${rejection.port}, last of ${attempt.packets}`,
        ],
        ...attempt.errors.map((ref): [FrameRef, string] => [ref, 'rejected: ICMP port unreachable']),
      ]),
  );
}

function filterOf(quality: CaptureQuality, tunnel: VxlanTunnel): string {
  return tunnelFilter(quality, [tunnel]);
}
