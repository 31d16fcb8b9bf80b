import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { networksAgainstDevices } from '../device-settings.js';
import { PORT_MIDONET } from '../layout.js';
import { requestCount, type TunnelRequests, tunnelRequests, type UnansweredRequests } from '../requests.js';
import type { MacPair, VxlanTunnel } from '../session.js';
import { citations, pairOf, tunnelFilter } from '../tunnel-subject.js';
import { judgeVnis } from '../vni-at-both-ends.js';

const REQUESTS_MIN = 3;
/** Unanswered over that time, where nothing but the two ends says that both VNIs are one network. */
const LASTING_SECONDS = 10;

export default defineDiagnosis({
  id: 'vxlan.vni-mismatch',
  title: 'Each direction uses another VNI',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'Between two tunnel endpoints one VNI is used only one way and another VNI only the other way, the inner MAC addresses ' +
    '(or the addresses that ARP asks about) of one mirror those of the other, and at least 3 requests in one of them stay unanswered. A warning where nothing mirrors, but these are the only two VNIs between the two, and requests stay unanswered for 10 s. Or: none of the VXLAN devices of an endpoint (--log, ip -d link) has the VNI of its packets.',
  notWhen:
    'The requests are answered, in whatever VNI: asymmetric routing (EVPN, NSX) uses another VNI each way. The port is ' +
    '6677: MidoNet names the destination port by the VNI. Captures of both ends show that the packets do not arrive.',
  causes: [
    'The two ends are configured with different VNIs for the same segment',
    'A gateway or controller maps the segment to different VNIs on the two sites',
  ],
  nextSteps: [
    'Compare the id on both ends: ip -d link show type vxlan',
    'In a controller (EVPN, NSX, silk) compare the VNI of the segment or VRF on both sites',
  ],
  refutedBy: 'An answer to one of the cited requests.',
  source: 'RFC 7348, section 4.1 (a receiver checks the VNI); Cloud Foundry guide, inspecting the VTEP',
  thresholds: {
    requests: [REQUESTS_MIN, 'requests', 'one lost request is normal'],
    lasting: [LASTING_SECONDS, 's', 'a host that is down is asked for some seconds'],
  },
  fault: 'mismatch',
  technology: 'vxlan',
  judgePair: judgeVnis,
  *diagnose(evidence) {
    yield* networksAgainstDevices(evidence);
    const all = tunnelRequests(evidence);
    const accused = new Set<VxlanTunnel>();
    for (const [there, back] of oppositePairs(all)) {
      const judgement = judge(evidence.quality, there, back, areOnlyTwo(all, there.tunnel));
      if (!judgement) continue;
      accused.add(there.tunnel).add(back.tunnel);
      yield judgement;
    }
    for (const { tunnel } of all) {
      const [there, back] = tunnel.directions;
      if (there.packets === 0 || back.packets === 0 || accused.has(tunnel)) continue;
      yield { result: 'healthy', subject: subjectOf(tunnel, [tunnel.vni]) };
    }
  },
});

/** Tunnels between the same endpoints of which one goes only one way and the other only the other way. */
function* oppositePairs(
  all: readonly TunnelRequests[],
): Generator<readonly [TunnelRequests, TunnelRequests]> {
  const forth = all.filter((one) => isOnly(one.tunnel, 0));
  const back = all.filter((one) => isOnly(one.tunnel, 1));
  for (const a of forth) {
    for (const b of back) {
      const isSamePair =
        a.tunnel.low === b.tunnel.low &&
        a.tunnel.high === b.tunnel.high &&
        a.tunnel.outerStack === b.tunnel.outerStack &&
        a.tunnel.segment === b.tunnel.segment;
      if (isSamePair) yield [a, b];
    }
  }
}

function isOnly({ directions }: VxlanTunnel, direction: number): boolean {
  const own = directions[direction];
  return (
    own.packets > 0 &&
    directions[1 - direction].packets === 0 &&
    own.ports.every(({ port }) => port !== PORT_MIDONET)
  );
}

function areOnlyTwo(
  all: readonly TunnelRequests[],
  { low, high, outerStack, segment }: VxlanTunnel,
): boolean {
  const between = all.filter(
    ({ tunnel: one }) =>
      one.low === low && one.high === high && one.outerStack === outerStack && one.segment === segment,
  );
  return between.length === 2;
}

function judge(
  quality: CaptureQuality,
  there: TunnelRequests,
  back: TunnelRequests,
  areAlone: boolean,
): Judgement | null {
  const mirrored = mirroredPair(there.tunnel, back.tunnel);
  const asked = there.sides[0].unanswered;
  const askedBack = back.sides[1].unanswered;
  const isMirrored = mirrored !== null || mirroredQuestion(asked, askedBack);
  if (!isMirrored && !(areAlone && areLasting([...asked, ...askedBack]))) return null;
  const { tunnel } = there;
  const count = Math.max(requestCount(asked), requestCount(askedBack));
  const subject = subjectOf(tunnel, [tunnel.vni, back.tunnel.vni]);
  if (count < REQUESTS_MIN) {
    return insufficientData(
      subject,
      `${tunnel.low} sends in VNI ${tunnel.vni} and ${tunnel.high} in VNI ${back.tunnel.vni}, but fewer than ${REQUESTS_MIN} requests show whether that works; ping through the tunnel while capturing.`,
    );
  }
  const limit = oneSidedLimit(quality, tunnel.low, tunnel.high, tunnel.outerStack);
  if (limit) return insufficientData(subject, limit);
  return problemOf(quality, there, back, { mirrored, isMirrored });
}

function mirroredPair(there: VxlanTunnel, back: VxlanTunnel): MacPair | null {
  const mirrors = new Set(back.macPairs.map(({ source, destination }) => `${destination} ${source}`));
  return there.macPairs.find(({ source, destination }) => mirrors.has(`${source} ${destination}`)) ?? null;
}

function areLasting(asked: readonly UnansweredRequests[]): boolean {
  return asked.some((one) => secondsBetween(one.first, one.last) >= LASTING_SECONDS);
}

/** Both ends ask by ARP for each other's address. */
function mirroredQuestion(
  asked: readonly UnansweredRequests[],
  askedBack: readonly UnansweredRequests[],
): boolean {
  return asked.some(
    (one) =>
      one.kind === 'arp' &&
      askedBack.some(
        (other) =>
          other.kind === 'arp' && other.source === one.destination && other.destination === one.source,
      ),
  );
}

function problemOf(
  quality: CaptureQuality,
  there: TunnelRequests,
  back: TunnelRequests,
  { mirrored, isMirrored }: { readonly mirrored: MacPair | null; readonly isMirrored: boolean },
): Problem {
  const { tunnel } = there;
  const asked = [...there.sides[0].unanswered, ...back.sides[1].unanswered];
  const first = earliest(asked.map((one) => one.first)) ?? asked[0].first;
  const last = latest(asked.map((one) => one.last)) ?? asked[0].last;
  const [forth, reverse] = [tunnel.directions[0], back.tunnel.directions[1]];
  const isBoth = there.sides[0].unanswered.length > 0 && back.sides[1].unanswered.length > 0;
  const proof = mirrored
    ? `the inner MAC addresses ${mirrored.source} and ${mirrored.destination} are the same in both`
    : isMirrored
      ? 'in both, hosts ask by ARP for each other'
      : 'no other VNI is used between the two, so both are probably the same network';
  return {
    result: 'problem',
    subject: subjectOf(tunnel, [tunnel.vni, back.tunnel.vni]),
    ...(isMirrored ? {} : { severity: 'warning' as const }),
    confidence: !isMirrored ? 'low' : isBoth ? 'high' : 'medium',
    explanation:
      `${tunnel.low} sends to ${tunnel.high} in VNI ${tunnel.vni} (${forth.packets} packets), ${tunnel.high} sends to ${tunnel.low} in ` +
      `VNI ${back.tunnel.vni} (${reverse.packets} packets); ${proof}. ${requestCount(asked)} requests stay unanswered: each end discards what ` +
      'arrives with a VNI that it does not know.',
    pair: pairOf(tunnel),
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: {
      requests: requestCount(asked),
      packetsThere: forth.packets,
      packetsBack: reverse.packets,
      vniThere: tunnel.vni,
      vniBack: back.tunnel.vni,
    },
    evidence: citations(
      [forth.first, `${tunnel.low} sends with VNI ${tunnel.vni}`],
      [forth.last, `${tunnel.low} sends with VNI ${tunnel.vni} (last of ${forth.packets})`],
      [reverse.first, `${tunnel.high} sends with VNI ${back.tunnel.vni}`],
      [reverse.last, `${tunnel.high} sends with VNI ${back.tunnel.vni} (last of ${reverse.packets})`],
    ),
    displayFilter: tunnelFilter(quality, [tunnel, back.tunnel]),
  };
}

function subjectOf({ low, high }: VxlanTunnel, vnis: readonly number[]): Problem['subject'] {
  return { kind: 'tunnel', tunnel: 'vxlan', endpoints: [low, high], vnis };
}
