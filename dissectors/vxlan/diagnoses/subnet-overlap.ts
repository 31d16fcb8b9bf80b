import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { isWithin } from '../../../src/side-files/networks.js';
import { geneveTunnels } from '../../geneve/correlator.js';
import { vxlanTunnels } from '../correlator.js';
import { overlayNetworks } from '../overlay-networks.js';
import type { InnerFlow, VxlanTunnel } from '../session.js';
import { citations, tunnelFilter } from '../tunnel-subject.js';

const UNANSWERED_MIN = 3;
/** What goes wrong with a host whose packets are routed into the overlay. */
const SYMPTOMS = [
  'vxlan.no-return',
  'underlay.ping-loss',
  'underlay.unreachable',
  'arp.unanswered',
  'tcp.syn-unanswered',
] as const;

export default defineDiagnosis({
  id: 'overlay.subnet-overlap',
  title: 'Overlay and underlay subnets overlap',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  judgesLast: true,
  rule:
    'The network of the overlay is configured (--config, overlay.networks; or the prefix of a VXLAN device, --log with ip addr), and the underlay address of a tunnel ' +
    'endpoint lies in it, and that endpoint is in trouble: at least 3 inner packets go to it and none comes back, or it does not answer outside of the tunnel either.',
  notWhen:
    'Networks that are only guessed from the capture do not count. Without a symptom it is no fault: some overlays contain the addresses of their nodes by design.',
  causes: [
    'The overlay network was set to the subnet of the hosts: their packets to each other are routed into the tunnel device',
  ],
  nextSteps: [
    'On a host: ip route get PEER must name the physical interface, not the tunnel device',
    'Choose another network for the overlay (network of silk-controller) and redeploy',
    'Cloud Foundry, to get the deployment unstuck: bosh update-resurrection off; bosh ignore INSTANCE; bosh delete-vm VM; after the deployment turn both on again',
  ],
  refutedBy: 'A route on the hosts that leads to the peer over the physical interface.',
  source: 'Cloud Foundry guide, diagnosing and recovering from subnet overlap',
  thresholds: {
    unanswered: [UNANSWERED_MIN, 'packets', 'one lost packet is normal'],
  },
  fault: 'addressing',
  *diagnose(evidence) {
    const networks = overlayNetworks(evidence);
    if (networks.length === 0) return;
    const tunnels = evidence.sessions(vxlanTunnels).filter(({ isMirror }) => !isMirror);
    const outer = [...tunnels, ...evidence.sessions(geneveTunnels)].filter(
      ({ outerStack }) => outerStack === 0,
    );
    const endpoints = [...new Set(outer.flatMap(({ low, high }) => [low, high]))];
    for (const endpoint of endpoints) {
      const network = networks.find((one) => isWithin(endpoint, one));
      yield judge(evidence, endpoint, network ?? null, tunnels);
    }
  },
});

function judge(
  evidence: Evidence,
  endpoint: string,
  network: string | null,
  tunnels: readonly VxlanTunnel[],
): Judgement {
  const subject = { kind: 'pair', endpoints: [endpoint], network: network ?? '' };
  if (network === null) return { result: 'healthy', subject: { kind: 'pair', endpoints: [endpoint] } };
  const inside = insideTunnel(endpoint, tunnels);
  if (inside) return { ...inside, subject, displayFilter: tunnelFilter(evidence.quality, [inside.tunnel]) };
  const symptom = symptomOf(evidence, endpoint);
  if (symptom) return outsideTunnel(endpoint, network, symptom);
  return insufficientData(
    subject,
    `The tunnel endpoint ${endpoint} lies in the overlay network ${network}, and nothing fails; ip route get ${endpoint} on its peers tells whether its packets leave by the tunnel device.`,
  );
}

/** Inner packets to the underlay address, and none back. */
function insideTunnel(
  endpoint: string,
  tunnels: readonly VxlanTunnel[],
): (Omit<Problem, 'subject' | 'displayFilter'> & { readonly tunnel: VxlanTunnel }) | null {
  for (const tunnel of tunnels) {
    const lost = tunnel.flows.filter((flow) => isUnansweredTo(flow, endpoint));
    const packets = lost.reduce((sum, { sides }) => sum + sides[0].packets + sides[1].packets, 0);
    if (packets < UNANSWERED_MIN) continue;
    const refs = lost.flatMap(({ sides }) => sides.flatMap(({ first, last }) => [first, last]));
    const first = earliest(refs);
    const last = latest(refs);
    if (!first || !last) continue;
    return {
      tunnel,
      result: 'problem',
      confidence: 'high',
      explanation:
        `${packets} packets to ${endpoint}, the underlay address of a tunnel endpoint, travel inside VXLAN ${tunnel.vni} between ${tunnel.low} and ${tunnel.high} ` +
        'and none comes back: the address lies in the network of the overlay, and is routed into it.',
      pair: [tunnel.low, tunnel.high],
      where: 'sender',
      first: momentOf(first),
      last: momentOf(last),
      ongoingAtEnd: true,
      counts: { packetsInside: packets, flows: lost.length },
      evidence: citations(
        [first, `inner packet to ${endpoint}`],
        [last, `inner packet to ${endpoint}, last one`],
      ),
    };
  }
  return null;
}

function isUnansweredTo({ low, high, sides }: InnerFlow, endpoint: string): boolean {
  if (low === endpoint) return sides[0].packets === 0 && sides[1].packets > 0;
  return high === endpoint && sides[1].packets === 0 && sides[0].packets > 0;
}

/** An error or warning about the endpoint. */
function symptomOf({ judgements }: Evidence, endpoint: string): { id: string; problem: Problem } | null {
  for (const id of SYMPTOMS) {
    for (const one of judgements.get(id) ?? []) {
      if (one.result !== 'problem' || one.severity === 'info') continue;
      if (one.pair?.includes(endpoint)) return { id, problem: one };
    }
  }
  return null;
}

function outsideTunnel(
  endpoint: string,
  network: string,
  { id, problem }: { id: string; problem: Problem },
): Problem {
  const evidence: (readonly [FrameRef, string])[] = problem.evidence.map((one) => [one, one.summary]);
  return {
    result: 'problem',
    subject: { kind: 'pair', endpoints: [endpoint], network },
    confidence: 'medium',
    explanation:
      `The tunnel endpoint ${endpoint} lies in the network of the overlay, ${network}, and does not answer (${id}): ` +
      'packets to it are routed into the tunnel device instead of to the underlay.',
    ...(problem.pair ? { pair: problem.pair } : {}),
    where: 'sender',
    first: problem.first,
    last: problem.last,
    lastGood: problem.lastGood ?? null,
    ongoingAtEnd: problem.ongoingAtEnd,
    counts: { packetsInside: 0, flows: 0 },
    evidence: citations(...evidence),
    displayFilter: problem.displayFilter,
  };
}
