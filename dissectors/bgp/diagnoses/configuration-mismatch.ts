import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { originText } from '../../../src/side-files/origin.js';
import { cite } from '../../../src/wording/citations.js';
import { type ConfiguredSide, configuredSides } from '../configured-side.js';
import { CODE_OPEN } from '../layout.js';
import { citationsInOrder, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, notificationsOf, type Peering } from '../peerings.js';
import type { BgpOpen } from '../session.js';

export default defineDiagnosis({
  id: 'bgp.configuration-mismatch',
  title: 'BGP session differs from the configuration',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'The configuration of a BGP daemon is given (--log, show running-config), and a neighbour of it opens a session: the AS, the hold time or the router id in ' +
    'the OPEN of this side, or the AS in that of the neighbour, is another one than in the configuration; or a password is configured and the SYNs of this side carry no TCP-MD5. ' +
    'Error where no session was established, otherwise a warning; information where only times or the router id differ.',
  notWhen:
    'No OPEN is in the capture. The neighbour rejects the OPEN: then bgp.open-rejected says so, with the configuration.',
  causes: [
    'remote-as names another AS than the neighbour has',
    'The daemon runs with another configuration than the one given: not reloaded, or of another router',
  ],
  nextSteps: [
    'In vtysh on the router: show run; show ip bgp neighbors ADDRESS: configured and negotiated times, remote AS',
    'Correct neighbor ADDRESS remote-as AS on the side that is wrong, then clear ip bgp ADDRESS',
    'MidoNet: ip netns exec mbgpX_ns vtysh; the AS of the peer is set with midonet-cli at the BGP port of the router',
  ],
  refutedBy: 'A configuration of the time of the capture that names what the OPENs carry.',
  source: 'MidoNet guide, BGP (show run: remote-as, timers); RFC 4271, section 4.2',
  fault: 'session-down',
  technology: 'bgp',
  *diagnose(evidence) {
    for (const peering of bgpPeerings(evidence)) {
      for (const side of configuredSides(evidence, peering)) yield* judge(evidence, peering, side);
    }
  },
});

interface Difference {
  readonly words: string;
  readonly isGrave: boolean;
  readonly at: BgpOpen | null;
}

function* judge(evidence: Evidence, peering: Peering, side: ConfiguredSide): Generator<Judgement> {
  const { quality } = evidence;
  const opens = [side.ownOpen, side.neighbourOpen].flatMap((one) => one ?? []);
  if (opens.length === 0 && !side.lacksPassword) return;
  const subject = peeringSubject(quality, peering);
  const found = differences(side);
  const isRejected = notificationsOf(peering).some(({ notification }) => notification.code === CODE_OPEN);
  if (found.length === 0 || isRejected) {
    if (!isRejected) yield { result: 'healthy', subject };
    return;
  }
  const isUp = peering.connections.some(({ established }) => established !== null);
  const isGrave = found.some((one) => one.isGrave);
  const first = earliest(peering.connections.map(({ transport }) => transport.first));
  const last = latest(peering.connections.map(({ transport }) => transport.last));
  if (!first || !last) return;
  yield {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: isGrave ? (isUp ? 'warning' : 'error') : 'info',
    confidence: 'high',
    explanation:
      `By ${originText(side.neighbour.origin)} ${found.map(({ words }) => words).join('; ')}.` +
      (isUp
        ? ' The session is established all the same, so that the daemon runs with another configuration.'
        : ''),
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { differences: found.length },
    evidence: citationsInOrder([
      ...opens.map((open) => cite(open, `OPEN: AS ${open.as}, hold time ${open.holdTime} s`)),
      ...(opens.length === 0 ? [cite(first, 'first segment of the connection')] : []),
    ]),
  };
}

function differences(side: ConfiguredSide): Difference[] {
  const { speaker, neighbour, own, ownOpen, neighbourOpen, lacksPassword } = side;
  const found: Difference[] = [];
  const add = (isGrave: boolean, at: BgpOpen | null, words: string): void => {
    found.push({ isGrave, at, words });
  };
  if (ownOpen && ownOpen.as !== speaker.as)
    add(true, ownOpen, `${own} is in AS ${speaker.as}, and its OPEN says AS ${ownOpen.as}`);
  if (neighbourOpen && neighbour.remoteAs !== null && neighbourOpen.as !== neighbour.remoteAs) {
    const words = `${neighbour.address} is in AS ${neighbour.remoteAs} (remote-as), and its OPEN says AS ${neighbourOpen.as}`;
    add(true, neighbourOpen, words);
  }
  if (lacksPassword) add(true, null, `a password is set, and the SYNs of ${own} carry no TCP-MD5 signature`);
  if (ownOpen && neighbour.holdSeconds !== null && ownOpen.holdTime !== neighbour.holdSeconds) {
    const times = `keepalive ${neighbour.keepaliveSeconds} s, hold ${neighbour.holdSeconds} s`;
    add(false, ownOpen, `the timers are ${times}, and ${own} offers a hold time of ${ownOpen.holdTime} s`);
  }
  if (ownOpen && speaker.routerId !== null && identifierText(ownOpen) !== speaker.routerId)
    add(false, ownOpen, `the router id is ${speaker.routerId}, and the OPEN says ${identifierText(ownOpen)}`);
  return found;
}

function identifierText({ identifier }: BgpOpen): string {
  return [24, 16, 8, 0].map((shift) => (identifier >>> shift) & 0xff).join('.');
}
