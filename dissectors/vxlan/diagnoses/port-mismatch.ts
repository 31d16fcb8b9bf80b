import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { icmpErrors } from '../../icmp/correlator.js';
import { citationsOf, type ErrorPair, errorFilter, errorPairs } from '../../icmp/shared/error-pairs.js';
import { judgeOfRefusal } from '../../icmp/shared/refusals.js';
import type { PortUse, VxlanTunnel } from '../correlator.js';
import { vxlanTunnels } from '../correlator.js';
import { portsAgainstDevices } from '../device-settings.js';
import { requestCount, type TunnelRequests, tunnelRequests } from '../requests.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const ID = 'vxlan.port-mismatch';
const PACKETS_MIN = 3;
const REQUESTS_MIN = 3;
/** A single refusal may be a moment in which the peer restarts. */
const REFUSALS_MIN = 3;

export default defineDiagnosis({
  id: ID,
  title: 'VXLAN ports differ',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'ICMP port unreachable quotes a packet to a port of VXLAN: nobody listens there (information where fewer than 3 came and ' +
    'the peer sends in the tunnel afterwards). Or: in one tunnel the two directions go to different UDP ports, at least 3 packets each, and at ' +
    'least 3 inner requests stay unanswered. Or: the VXLAN device of an endpoint (--log, ip -d link) has another dstport than its packets (a warning where the tunnel works).',
  notWhen:
    'Inner requests are answered although the ports differ. Source ports differ in any tunnel: they are a hash.',
  causes: [
    'The destination port is configured differently on the two ends (vtep_port in Cloud Foundry; 8472 is the default of Linux, 4789 that of IANA)',
    'The tunnel device of the peer is down, does not exist or is bound to another address',
  ],
  nextSteps: [
    'Compare dstport on both ends: ip -d link show type vxlan',
    'On the peer: ss -lun and look for the port that is sent to',
    'Cloud Foundry: set the same vtep_port on all cells and redeploy',
  ],
  refutedBy: 'An inner answer to a packet that was sent to the port.',
  source: 'RFC 7348, section 5; RFC 1122, section 3.2.2.1; Cloud Foundry guide, inspecting the VTEP',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'a stray packet names no port of a tunnel'],
    requests: [REQUESTS_MIN, 'requests', 'one lost request is normal'],
    refusals: [REFUSALS_MIN, 'errors', 'fewer may be a restart of the peer'],
  },
  fault: 'mismatch',
  technology: 'vxlan',
  explicitSignal: true,
  *diagnose(evidence) {
    const refused = [...refusedPorts(evidence)];
    yield* refused;
    yield* portsAgainstDevices(evidence);
    const said = new Set(
      refused.flatMap(({ pair }) => (pair ? [pair.join(' '), [...pair].reverse().join(' ')] : [])),
    );
    for (const one of tunnelRequests(evidence)) {
      // Port unreachable names the closed port; that the ports differ is the same once more.
      if (said.has(`${one.tunnel.low} ${one.tunnel.high}`)) continue;
      const judgement = judge(evidence.quality, one);
      if (judgement) yield judgement;
    }
  },
});

function* refusedPorts(evidence: Evidence): Generator<Problem> {
  const tunnels = evidence.sessions(vxlanTunnels);
  const refusals = evidence
    .sessions(icmpErrors)
    .filter((error) => judgeOfRefusal(evidence.quality, error) === ID);
  for (const pair of errorPairs(refusals)) yield refusalProblem(tunnels, pair);
}

function refusalProblem(tunnels: readonly VxlanTunnel[], pair: ErrorPair): Problem {
  const { source, destination, count, errors, first, last, stack } = pair;
  const ports = [...new Set(errors.map(({ quoted }) => quoted.destinationPort))].sort((a, b) => a - b);
  const sentBack = tunnels
    .filter(({ outerStack }) => outerStack === stack)
    .flatMap(({ directions }) => directions)
    .filter(({ from, to }) => from === destination && to === source);
  const isAlive = sentBack.some((one) => one.last !== null && one.last.frame > last.frame);
  const isMomentary = isAlive && count < REFUSALS_MIN;
  const usedBack = [...new Set(sentBack.flatMap((one) => one.ports.map(({ port }) => port)))];
  const isSamePort = usedBack.length > 0 && ports.every((port) => usedBack.includes(port));
  return {
    result: 'problem',
    ...(isSamePort ? { title: 'Nobody listens on the VXLAN port of the peer' } : {}),
    subject: { kind: 'pair', endpoints: [source, destination], ports },
    severity: isMomentary ? 'info' : 'error',
    confidence: 'high',
    explanation:
      `${pair.reporters.slice(0, 3).join(', ')} answered ${count} VXLAN packets from ${source} to ${destination} with port unreachable: ` +
      `nobody listens on UDP ${ports.join(' and ')} there.` +
      backWords(destination, usedBack, isSamePort) +
      (isMomentary ? ' It sends in the tunnel afterwards, so it may just have been restarting.' : ''),
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: !isMomentary,
    counts: { refusals: count, ports: ports.length },
    evidence: citationsOf(pair),
    displayFilter: errorFilter(pair),
  };
}

function backWords(destination: string, usedBack: readonly number[], isSamePort: boolean): string {
  if (usedBack.length === 0) return '';
  return isSamePort
    ? ` ${destination} uses the same port for what it sends: its tunnel device is down or gone, not on another port.`
    : ` ${destination} itself sends VXLAN to port ${usedBack.join(' and ')}.`;
}

function judge(quality: CaptureQuality, { tunnel, sides }: TunnelRequests): Judgement | null {
  const [there, back] = tunnel.directions;
  if (there.packets < PACKETS_MIN || back.packets < PACKETS_MIN) return null;
  const subject = tunnelSubject(tunnel);
  const isShared = there.ports.some(({ port }) => back.ports.some((other) => other.port === port));
  if (isShared || sides.some(({ answered }) => answered > 0)) return { result: 'healthy', subject };
  const asked = sides.flatMap(({ unanswered }) => unanswered);
  if (requestCount(asked) < REQUESTS_MIN) {
    return insufficientData(
      subject,
      `${tunnelWords(tunnel)} goes to port ${words(there.ports)} one way and ${words(back.ports)} the other way, but no request shows whether that works; ping through the tunnel while capturing.`,
    );
  }
  const first = earliest(asked.map((one) => one.first)) ?? asked[0].first;
  const last = latest(asked.map((one) => one.last)) ?? asked[0].last;
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation:
      `${there.from} sends to port ${words(there.ports)} of ${there.to}, ${back.from} to port ${words(back.ports)} of ${back.to}, in the same VNI ${tunnel.vni}; ` +
      `${requestCount(asked)} inner requests stay unanswered. Each end listens on the port that it sends to, so neither receives.`,
    pair: pairOf(tunnel),
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { requests: requestCount(asked), packetsThere: there.packets, packetsBack: back.packets },
    evidence: citations(
      [there.first, `${there.from} sends to port ${words(there.ports)}`],
      [there.last, `${there.from} sends to port ${words(there.ports)} (last of ${there.packets})`],
      [back.first, `${back.from} sends to port ${words(back.ports)}`],
      [back.last, `${back.from} sends to port ${words(back.ports)} (last of ${back.packets})`],
    ),
    displayFilter: tunnelFilter(quality, [tunnel]),
  };
}

function words(ports: readonly PortUse[]): string {
  return ports.map(({ port }) => port).join(', ');
}
