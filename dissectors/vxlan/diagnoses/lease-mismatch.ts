import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Evidence, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { vxlanTunnels } from '../correlator.js';
import type { VxlanTunnel } from '../session.js';
import { CONFORMING_MIN, isLeaseBase, type SilkPair, silkFacts } from '../silk.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'silk.lease-mismatch',
  title: "Container IP outside its cell's lease",
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'In a capture in which at least 2 MAC addresses follow the convention of silk: inner frames go from or to the MAC address of one ' +
    "lease with an IPv4 address of another one; or two cells send, in turns, with the tunnel endpoint's MAC address of one lease.",
  notWhen:
    'The lease moved once from one cell to another (the cell was recreated): then the first one is silent afterwards.',
  causes: [
    'A cell kept its lease after it was recreated, and the lease was given to another one',
    'Stale routes or neighbour entries on the sending cell: silk-daemon does not reach silk-controller',
    'Two cells have the same lease',
  ],
  nextSteps: [
    'Compare the leases of the cells: the address of silk-vtep on each (ip addr show silk-vtep) with the database of silk-controller',
    'On the sending cell: ip route show dev silk-vtep, ip neigh show dev silk-vtep, bridge fdb show dev silk-vtep',
    'Look at the logs of silk-daemon and silk-controller; recreate the cell that holds a wrong lease',
  ],
  refutedBy: 'A lease table in which the address belongs to that cell.',
  source: 'Cloud Foundry guide, silk leases and VTEP; silk-release, lease polling',
  thresholds: {
    conforming: [CONFORMING_MIN, 'MAC addresses', 'the form alone may be a coincidence'],
  },
  fault: 'mismatch',
  consequenceOfIds: ['overlay.subnet-overlap'],
  technology: 'vxlan',
  *diagnose(evidence) {
    const { pairs, isInUse } = silkFacts(evidence);
    if (!isInUse) return;
    const inTunnels = pairs.filter(({ tunnel }) => tunnel !== null);
    const accused = new Set<VxlanTunnel>();
    for (const [tunnel, wrong] of strangersByTunnel(inTunnels)) {
      accused.add(tunnel);
      yield strangerProblem(evidence.quality, tunnel, wrong);
    }
    for (const contest of contestedLeases(inTunnels)) {
      for (const { tunnel } of contest) if (tunnel) accused.add(tunnel);
      yield contestProblem(evidence.quality, contest);
    }
    yield* healthyTunnels(evidence, inTunnels, accused);
  },
});

function* healthyTunnels(
  evidence: Evidence,
  pairs: readonly SilkPair[],
  accused: ReadonlySet<VxlanTunnel>,
): Generator<{ result: 'healthy'; subject: Problem['subject'] }> {
  for (const tunnel of evidence.sessions(vxlanTunnels)) {
    if (accused.has(tunnel) || !pairs.some((pair) => pair.tunnel === tunnel)) continue;
    yield { result: 'healthy', subject: tunnelSubject(tunnel) };
  }
}

/** Addresses of another lease than their MAC address is of. */
function strangersByTunnel(pairs: readonly SilkPair[]): Map<VxlanTunnel, SilkPair[]> {
  const groups = new Map<VxlanTunnel, SilkPair[]>();
  for (const pair of pairs) {
    if (!pair.tunnel || pair.isConforming || !isLeaseBase(pair.encoded)) continue;
    addTo(groups, pair.tunnel, pair);
  }
  return groups;
}

function strangerProblem(quality: CaptureQuality, tunnel: VxlanTunnel, wrong: readonly SilkPair[]): Problem {
  const first = earliest(wrong.map((pair) => pair.first)) ?? wrong[0].first;
  const last = latest(wrong.map((pair) => pair.last)) ?? wrong[0].last;
  const [{ address, mac, encoded, addressing }] = wrong;
  const role = addressing?.isSource ? 'come from' : 'go to';
  return {
    result: 'problem',
    subject: tunnelSubject(tunnel),
    confidence: 'medium',
    explanation:
      `${tunnelWords(tunnel)}: inner packets ${role} ${address} with the MAC address ${mac}, that of the cell whose lease begins at ${encoded}; ` +
      `${address} is outside of that lease. ${wrong.length} such pairs of addresses were seen.`,
    pair: pairOf(tunnel),
    where: addressing?.isSource ? 'sender' : 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: {
      pairs: wrong.length,
      packets: wrong.reduce((sum, pair) => sum + (pair.addressing?.packets ?? 0), 0),
    },
    evidence: citations(
      ...wrong.slice(0, 4).flatMap((pair): [FrameRef, string][] => [
        [pair.first, `${pair.address} with MAC address ${pair.mac} of lease ${pair.encoded}`],
        [pair.last, `${pair.address} with MAC address ${pair.mac}, last time`],
      ]),
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}

/** Leases whose MAC address several outer addresses send with, in turns. */
function contestedLeases(pairs: readonly SilkPair[]): SilkPair[][] {
  const byMac = new Map<string, SilkPair[]>();
  for (const pair of pairs) {
    if (!pair.isConforming || !pair.addressing?.isSource) continue;
    addTo(byMac, pair.mac, pair);
  }
  return [...byMac.values()].filter((senders) =>
    senders.some((a) => senders.some((b) => outerOf(a) !== outerOf(b) && overlaps(a, b))),
  );
}

function outerOf({ tunnel, addressing }: SilkPair): string {
  return tunnel?.directions[addressing?.outerDirection ?? 0].from ?? '';
}

function overlaps(a: SilkPair, b: SilkPair): boolean {
  const isSameSegment = a.first.segment === b.first.segment;
  return (
    isSameSegment &&
    a.first.frame < b.last.frame &&
    b.first.frame < a.last.frame &&
    a.first.frame !== a.last.frame
  );
}

function contestProblem(quality: CaptureQuality, senders: readonly SilkPair[]): Problem {
  const outer = [...new Set(senders.map(outerOf))];
  const [{ mac, encoded }] = senders;
  const first = earliest(senders.map((pair) => pair.first)) ?? senders[0].first;
  const last = latest(senders.map((pair) => pair.last)) ?? senders[0].last;
  return {
    result: 'problem',
    subject: { kind: 'pair', endpoints: outer, lease: encoded },
    confidence: 'medium',
    title: 'Two cells use one lease',
    explanation: `${outer.join(' and ')} both send, in turns, with the MAC address ${mac} of the lease that begins at ${encoded}.`,
    pair: [outer[0], outer[1]],
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: {
      pairs: senders.length,
      packets: senders.reduce((sum, { addressing }) => sum + (addressing?.packets ?? 0), 0),
    },
    evidence: citations(
      ...senders.slice(0, 4).flatMap((pair): [FrameRef, string][] => [
        [pair.first, `${outerOf(pair)} sends with ${mac}`],
        [pair.last, `${outerOf(pair)} sends with ${mac}, last time`],
      ]),
    ),
    displayFilter: senders
      .flatMap(({ tunnel }) => (tunnel ? [`(${tunnelFilter(quality, [tunnel])})`] : []))
      .filter((filter, index, all) => all.indexOf(filter) === index)
      .join(' || '),
  };
}
