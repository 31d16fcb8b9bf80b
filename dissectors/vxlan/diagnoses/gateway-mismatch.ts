import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import type { FrameRef } from '../../../src/moment.js';
import { originText } from '../../../src/side-files/origin.js';
import type { ArpPair } from '../../arp/correlator.js';
import type { LinkLane } from '../../eth/correlator.js';
import { silkAddressOf } from '../../eth/shared/silk-mac.js';
import routes from '../../host/side-files/routes.js';
import { CONFORMING_MIN, GATEWAY, isLeaseBase, silkFacts } from '../silk.js';
import { citations } from '../tunnel-subject.js';

const REQUESTS_MIN = 3;

export default defineDiagnosis({
  id: 'silk.gateway-mismatch',
  title: 'Container uses a wrong gateway',
  severity: 'error',
  subject: 'pair',
  layer: 'link',
  priority: 2,
  rule:
    'In a capture that shows the convention of silk (see silk.mac-mismatch), a container (its MAC address is ee:ee and its ' +
    'IPv4 address) asks by ARP at least 3 times for another neighbour than 169.254.0.1; or 169.254.0.1 is answered with a MAC address ' +
    'other than aa:aa and the address of the container; or the container sends at least 3 IP packets, and all of them, to MAC addresses that are not of that form. ' +
    'Or: the routing table of a container (--log, ip route or netstat -rn) has a default route by its interface c-… to another gateway.',
  notWhen: 'The asker is the tunnel endpoint of a cell (x.y.z.0).',
  causes: [
    'Routes inside the container were changed, or it was set up by another network plug-in',
    'The host side of its link has a wrong MAC address, or the container a static entry for it',
  ],
  nextSteps: [
    'In the container: ip route, ip neigh; the only gateway is 169.254.0.1',
    'On the cell: ip -d addr show dev INTERFACE, where the name is s- and the address of the container',
    'Look at the log of silk-cni on the cell',
  ],
  refutedBy: 'A route table of the container that names 169.254.0.1 alone.',
  source: 'Cloud Foundry guide, debugging the container side of the network',
  thresholds: {
    conforming: [CONFORMING_MIN, 'MAC addresses', 'the form alone may be a coincidence'],
    requests: [REQUESTS_MIN, 'requests or packets', 'an application may probe a neighbour once'],
  },
  fault: 'addressing',
  consequenceOfIds: ['silk.mac-mismatch'],
  *diagnose(evidence) {
    yield* judgeRoutes(evidence);
    const { questions, lanes, isInUse } = silkFacts(evidence);
    if (!isInUse) return;
    for (const question of questions) {
      if (isContainer(question)) yield judge(question);
    }
    for (const [container, sent] of lanesOfContainers(lanes)) yield judgeLanes(container, sent);
  },
});

/** `netstat -rn` in a container: its interface is called c- and its address, three digits a byte. */
const CONTAINER_DEVICE = /^c-(\d{3})(\d{3})(\d{3})(\d{3})$/;

function* judgeRoutes(evidence: Evidence): Generator<Judgement> {
  for (const { destination, gateway, device, origin } of evidence.side.of(routes)) {
    const parts = CONTAINER_DEVICE.exec(device ?? '')?.slice(1);
    if (destination !== '0.0.0.0/0' || parts === undefined) continue;
    const container = parts.map(Number).join('.');
    const subject = { kind: 'pair', endpoints: [container, gateway ?? GATEWAY] };
    if (gateway === GATEWAY) {
      yield { result: 'healthy', subject };
      continue;
    }
    yield statedProblem(evidence, {
      subject,
      explanation: `The default route of the container ${container} is ${gateway === null ? `on the link of ${device}` : `by ${gateway}`} (${originText(origin)}); its only neighbour is ${GATEWAY}.`,
      pair: [container, gateway ?? GATEWAY],
      where: 'sender',
      displayFilter: `ip.addr == ${container}`,
    });
  }
}

/** Asks with the MAC address that its own address makes. */
function isContainer({ asker, askerMacs }: ArpPair): boolean {
  if (asker === GATEWAY || isLeaseBase(asker)) return false;
  return askerMacs.some(({ mac }) => {
    const silk = silkAddressOf(mac);
    return silk !== null && !silk.isHostSide && silk.address === asker;
  });
}

function judge(question: ArpPair): Judgement {
  const { asker, target, targetMacs, requests } = question;
  const subject = { kind: 'pair', endpoints: [asker, target] };
  if (target !== GATEWAY) {
    if (requests < REQUESTS_MIN) return { result: 'healthy', subject };
    return problemOf(
      question,
      subject,
      `The container ${asker} asks ${requests} times for the MAC address of ${target}; the only neighbour of a container is ${GATEWAY}.`,
      `${asker} asks for ${target}`,
      `arp.src.proto_ipv4 == ${asker} && arp.dst.proto_ipv4 == ${target}`,
    );
  }
  const wrong = targetMacs.find(({ mac }) => {
    const silk = silkAddressOf(mac);
    return !silk?.isHostSide || silk.address !== asker;
  });
  if (!wrong) return { result: 'healthy', subject };
  return problemOf(
    question,
    subject,
    `${GATEWAY}, the gateway of the container ${asker}, is answered with the MAC address ${wrong.mac}; the host side of its link has aa:aa and the address of the container.`,
    `${GATEWAY} is at ${wrong.mac}`,
    `arp && (arp.src.proto_ipv4 == ${asker} || arp.dst.proto_ipv4 == ${asker})`,
    wrong,
  );
}

/** What each container sends to single hosts, from the MAC address that its own address makes. */
function lanesOfContainers(lanes: readonly LinkLane[]): Map<string, LinkLane[]> {
  const sent = new Map<string, LinkLane[]>();
  for (const lane of lanes) {
    const silk = silkAddressOf(lane.sourceMac);
    const isGroup = (Number.parseInt(lane.destinationMac.slice(0, 2), 16) & 1) === 1;
    if (!silk || silk.isHostSide || silk.address !== lane.source || isLeaseBase(lane.source) || isGroup)
      continue;
    addTo(sent, lane.source, lane);
  }
  return sent;
}

/** A host side with the address of another container is told by silk.mac-mismatch. */
function judgeLanes(container: string, lanes: readonly LinkLane[]): Judgement {
  const subject = { kind: 'pair', endpoints: [container, GATEWAY] };
  const packets = lanes.reduce((sum, lane) => sum + lane.packets, 0);
  const first = earliest(lanes.map((lane) => lane.first));
  const last = latest(lanes.map((lane) => lane.last));
  const toSilk = lanes.some(({ destinationMac }) => silkAddressOf(destinationMac) !== null);
  if (toSilk || packets < REQUESTS_MIN || !first || !last) return { result: 'healthy', subject };
  const [{ destinationMac }] = lanes;
  const others = new Set(lanes.map((lane) => lane.destinationMac)).size - 1;
  return problemOf(
    { first, last, requests: packets, replies: 0, asker: container, target: GATEWAY },
    subject,
    `The container ${container} sends its ${packets} IP packets to ${destinationMac}${others > 0 ? ` and ${others} more MAC addresses` : ''}; the only neighbour of a container is ${GATEWAY}, with aa:aa and the address of the container.`,
    `${container} sends to ${destinationMac}`,
    `eth.src == ${lanes[0].sourceMac}`,
  );
}

function problemOf(
  {
    first,
    last,
    requests,
    replies,
    asker,
    target,
  }: Pick<ArpPair, 'first' | 'last' | 'requests' | 'replies' | 'asker' | 'target'>,
  subject: Problem['subject'],
  explanation: string,
  summary: string,
  displayFilter: string,
  span: { readonly first: FrameRef; readonly last: FrameRef } = { first, last },
): Problem {
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation,
    pair: [asker, target],
    direction: { from: asker, to: target },
    where: 'sender',
    first: momentOf(span.first),
    last: momentOf(span.last),
    ongoingAtEnd: true,
    counts: { requests, replies },
    evidence: citations([span.first, summary], [span.last, `${summary}, last time`]),
    displayFilter,
  };
}
