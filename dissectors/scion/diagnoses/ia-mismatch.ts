import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { scionLinks } from '../correlator.js';
import type { ScionDirection, ScionLink } from '../session.js';
import hostIsdAs from '../side-files/gen-ia.js';
import topologies from '../side-files/topology.js';
import { type IsdAsObservation, isdAsJudgements } from '../topology-judgements.js';

export default defineDiagnosis({
  id: 'scion.ia-mismatch',
  title: 'Wrong ISD-AS in packets',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule: 'A topology is given (--topology). On a link of it the SCION headers name another ISD-AS than the topology: for the own side, or, in packets from router to router, for the neighbour. Or: the host has another AS in gen/ia, or asks for paths as another one (--log), than its topology.',
  notWhen:
    'The AS may be crossed by others (it has child, core or peer links) and the packets are not from router to router. Packets of a direction name several ASes at both ends.',
  causes: [
    'The configuration of another AS was unpacked on the host',
    'The topology given here is that of another AS',
  ],
  nextSteps: [
    'Compare the ISD-AS in topology.json with the one that the coordinator assigned (in file names it is written with _ for :)',
    'Download the configuration again and restart all services',
  ],
  refutedBy: 'A topology of the time of the capture with the ISD-AS that the packets name.',
  source: 'SCIONLab guide (the AS in gen/ia); SCION header specification, address header',
  fault: 'mismatch',
  technology: 'scion',
  *diagnose(evidence) {
    const transmissions = evidence.sessions(scionLinks).flatMap((link) => [...transmissionsOf(link)]);
    yield* hostJudgements(evidence);
    yield* isdAsJudgements(evidence.side.of(topologies), transmissions);
  },
});

/** What `cat gen/ia` prints must be the AS of one of the topologies; several hosts may have been pasted. */
function* hostJudgements(evidence: Evidence): Generator<Judgement> {
  const known = evidence.side.of(topologies);
  if (known.length === 0) return;
  for (const { isdAs, origin } of evidence.side.of(hostIsdAs)) {
    const [{ file, links, isdAs: expected }] = known;
    const endpoints = links.slice(0, 1).flatMap(({ local, remote }) => [local.host ?? '', remote.host ?? '']);
    const subject = { kind: 'tunnel', tunnel: 'scion', endpoints, host: originText(origin) };
    if (known.some((one) => one.isdAs === isdAs)) yield { result: 'healthy', subject };
    else {
      yield statedProblem(evidence, {
        subject,
        explanation: `The host is ${isdAs} by ${originText(origin)}, and ${file} is the topology of ${expected}: the machine runs with the configuration of another AS.`,
        where: 'sender',
        counts: { topologies: known.length },
      });
    }
  }
}

function* transmissionsOf({ low, high, directions }: ScionLink): Generator<IsdAsObservation> {
  for (const [from, to, direction] of [
    [low, high, directions[0]],
    [high, low, directions[1]],
  ] as const) {
    const { neighbours, first, last, sources, destinations, packets } = direction;
    if (!first || !last) continue;
    if (neighbours) {
      const { from: source, to: destination } = neighbours;
      yield { from, to, source, destination, isOfLink: true, packets: routerPackets(direction), first, last };
    }
    // Where both ends vary it is not known which source goes with which destination.
    if (sources.length !== 1 && destinations.length !== 1) continue;
    const [source, destination] = [sources[0], destinations[0]];
    yield { from, to, source, destination, isOfLink: false, packets, first, last };
  }
}

function routerPackets({ bfd, oneHopPackets }: ScionDirection): number {
  return Math.max(1, bfd.count + oneHopPackets);
}
