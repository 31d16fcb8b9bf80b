import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit, tooShortAfter } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { type FrameRef, secondsBetween } from '../../../src/moment.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { ipProtocolName } from '../../../src/wire/ip-protocols.js';
import { vxlanTunnels } from '../correlator.js';
import { tagText } from '../inner-hosts.js';
import { isGroup } from '../requests.js';
import type { InnerFlow, InnerSide, TagChange, VxlanTunnel } from '../session.js';
import { citations, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const PACKETS_MIN = 3;
const SECONDS_MIN = 2;
/** Answers to what was sent with the tag before may come in for that long. */
const ANSWER_SECONDS = 1;

export default defineDiagnosis({
  id: 'vxlan.gbp-changed',
  title: 'Rejected since its group policy id changed',
  severity: 'error',
  subject: 'flow',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'In the middle of an inner conversation that was answered, the group policy id of one side changes (or is left out from then on); that side goes on sending, ' +
    'at least 3 packets over at least 2 s, and nothing of the conversation comes back any more.',
  notWhen:
    'Something of the conversation comes back after the change. Another conversation with the new id is answered by the same server port. The side had closed the ' +
    'conversation before (FIN, RST). ARP and other frames without IP never carry an id.',
  causes: [
    'The app was deployed, moved to another space or relabelled, and its containers got another id while connections were open: policies still name the old one',
    'A rule that sets the mark (nftables, eBPF, Open vSwitch) was changed on the sending host',
    'Policies of the new id have not reached the receiving host yet',
  ],
  nextSteps: [
    'On the receiving host: nft list ruleset or iptables -L -v -n, and look for a rule on the mark of the new id that counts',
    'On the sending host: which rule sets the mark (nft list ruleset | grep -i mark), and when it was changed',
    'Cloud Foundry: cf network-policies, and cf curl /networking/v1/external/tags for both ids',
  ],
  refutedBy: 'Packets of the conversation that come back after the change.',
  source:
    'draft-smith-vxlan-group-policy-05, section 2.1; Cloud Foundry guide, container-to-container networking',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'the last ones of a conversation need no answer'],
    seconds: [SECONDS_MIN, 's', 'an answer would have come'],
  },
  fault: 'policy',
  technology: 'vxlan',
  *diagnose(evidence) {
    for (const tunnel of evidence.sessions(vxlanTunnels)) {
      if (tunnel.isMirror || isGroup(tunnel.low) || isGroup(tunnel.high)) continue;
      let isTagged = false;
      let isAccused = false;
      for (const flow of tunnel.flows) {
        isTagged ||= flow.sides.some(({ tagged }) => tagged > 0);
        for (const judgement of judgeFlow(evidence, tunnel, flow)) {
          isAccused = true;
          yield judgement;
        }
      }
      if (isTagged && !isAccused) yield { result: 'healthy', subject: tunnelSubject(tunnel) };
    }
  },
});

function* judgeFlow({ quality }: Evidence, tunnel: VxlanTunnel, flow: InnerFlow): Generator<Judgement> {
  for (const direction of [0, 1]) {
    const side = flow.sides[direction];
    const back = flow.sides[1 - direction];
    const { change, last } = side;
    if (!change || !last || !isSilentSince(change, back)) continue;
    const packets = side.packets - change.packetsBefore;
    if (packets < PACKETS_MIN || !(secondsBetween(change.at, last) >= SECONDS_MIN)) continue;
    if (isAccepted(tunnel, flow, direction, change)) continue;
    const subject = subjectOf(tunnel, flow, direction);
    const limit =
      oneSidedLimit(quality, tunnel.low, tunnel.high, tunnel.outerStack) ??
      tooShortAfter(quality, change.at, SECONDS_MIN);
    yield limit
      ? insufficientData(subject, limit)
      : problemOf(quality, tunnel, flow, direction, change, packets);
  }
}

/** The other side did send until then, and does not since. */
function isSilentSince({ at }: TagChange, back: InnerSide): boolean {
  if (!back.first || !back.last || back.packets < PACKETS_MIN || back.first.frame > at.frame) return false;
  return secondsBetween(at, back.last) <= ANSWER_SECONDS;
}

/** Somebody else gets answers from that server port with the new id. */
function isAccepted(tunnel: VxlanTunnel, flow: InnerFlow, direction: number, { to }: TagChange): boolean {
  const peer = peerOf(flow, direction);
  return tunnel.flows.some((other) => {
    if (other === flow || other.protocol !== flow.protocol) return false;
    return [0, 1].some((way) => {
      const own = other.sides[way];
      const server = peerOf(other, way);
      const isSame = server.address === peer.address && server.port === peer.port;
      return isSame && own.policyId === to && own.change === null && other.sides[1 - way].packets > 0;
    });
  });
}

function peerOf(
  { low, high, lowPort, highPort }: InnerFlow,
  direction: number,
): { address: string; port: number } {
  return direction === 0 ? { address: high, port: highPort } : { address: low, port: lowPort };
}

function senderOf(flow: InnerFlow, direction: number): { address: string; port: number } {
  return peerOf(flow, 1 - direction);
}

function problemOf(
  quality: CaptureQuality,
  tunnel: VxlanTunnel,
  flow: InnerFlow,
  direction: number,
  change: TagChange,
  packets: number,
): Problem {
  const side = flow.sides[direction];
  const back = flow.sides[1 - direction];
  const last = side.last ?? change.at;
  const [sender, peer] = [senderOf(flow, direction), peerOf(flow, direction)];
  const what = `${ipProtocolName(flow.protocol)}${flow.protocol === PROTOCOL_TCP ? ` port ${peer.port}` : ''}`;
  const cited: [FrameRef | null, string][] = [
    [change.before, `${sender.address} sends with ${idWords(change.from)}`],
    [back.last, `the last that ${peer.address} sends back`],
    [change.at, `the first with ${idWords(change.to)}`],
    [last, `with ${idWords(change.to)}, no answer (last of ${packets})`],
  ];
  return {
    result: 'problem',
    subject: subjectOf(tunnel, flow, direction),
    confidence: 'medium',
    explanation:
      `${tunnelWords(tunnel)}: packets of ${sender.address} to ${peer.address} (${what}) carried ${idWords(change.from)} and were answered; in the middle of the ` +
      `conversation they change to ${idWords(change.to)}, and since then ${packets} packets got nothing back: the receiver drops that id.`,
    pair: [sender.address, peer.address],
    direction: { from: sender.address, to: peer.address },
    where: 'receiver',
    first: momentOf(change.at),
    last: momentOf(last),
    lastGood: back.last,
    ongoingAtEnd: true,
    packets: {
      of: peer.port > 0 ? [serviceWord(flow.protocol, peer.port)] : [],
      lost: packets,
      delivered: 0,
    },
    counts: {
      packets,
      packetsBefore: change.packetsBefore,
      idBefore: Math.max(0, change.from),
      idAfter: Math.max(0, change.to),
    },
    evidence: citations(...cited),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}

function idWords(policyId: number): string {
  return policyId < 0 ? 'no group policy id' : `group policy id ${tagText(policyId)}`;
}

function subjectOf(tunnel: VxlanTunnel, flow: InnerFlow, direction: number): Problem['subject'] {
  const [sender, peer] = [senderOf(flow, direction), peerOf(flow, direction)];
  return {
    kind: 'flow',
    endpoints: [sender.address, peer.address],
    ports: [sender.port, peer.port],
    protocol: ipProtocolName(flow.protocol),
    inside: [`vxlan ${tunnel.vni} ${tunnel.low} ${tunnel.high}`],
  };
}
