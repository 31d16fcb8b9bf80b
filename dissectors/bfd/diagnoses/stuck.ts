import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND, seconds } from '../../../src/units.js';
import { inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { bfdSessions } from '../correlator.js';
import { STATE_ADMIN_DOWN, STATE_DOWN, STATE_INIT } from '../layout.js';
import { stateName } from '../names.js';
import type { BfdPhase, BfdSession, BfdSide } from '../session.js';
import { otherSide, phaseCitation, sessionFacts, sessionSubject } from '../session-subject.js';

const STUCK_SECONDS = 5;
const PEER_SILENT_SECONDS = 10;
const PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'bfd.stuck',
  title: 'BFD session cannot come up',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'For more than 5 s a system says Down and names no peer while at least 3 packets of its peer pass the capture: it does not ' +
    'hear them. Or it stays in Init as long: it hears a peer that does not hear it. Warning where it says so for at least 10 s and the capture ' +
    'holds no packet of the peer at all.',
  notWhen: 'The peer says AdminDown. Both hear each other and come up in the end within that time.',
  causes: [
    'UDP port 3784 (4784, or the port of the protocol that carries BFD) is filtered in one direction',
    'The receiver throws the packets away: TTL other than 255, authentication that differs, an address that it does not expect',
    'The peer has no BFD session configured for this address, or its interface is another one',
  ],
  nextSteps: [
    'At the system that hears nothing: tcpdump -n -v udp port 3784; packets that arrive there and are not heard meet its filter or its checks',
    'iptables -L -v -n and nft list ruleset on both sides; TTL must be 255 for a single hop',
    'Compare both configurations: peer address, interface or VRF, single hop or multihop, authentication',
  ],
  ruledOut: {
    'lost-on-path': ['The receiver throws the packets away', 'The peer has no BFD session'],
    arrives: ['UDP port 3784'],
  },
  refutedBy: 'A packet in Init or Up of that system in the same time.',
  source: 'RFC 5880, sections 6.2 and 6.8.6; RFC 5881, section 5',
  thresholds: {
    stuckSeconds: [STUCK_SECONDS, 's', 'a session comes up within three packets of 1 s each'],
    peerSilentSeconds: [PEER_SILENT_SECONDS, 's', 'the peer may be about to start'],
    packets: [PACKETS_MIN, 'packets', 'one or two may be lost'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['bfd.detect-expired', 'bfd.session-down', 'bfd.ttl'],
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const session of sessions(bfdSessions)) {
      if (isStarting(session)) yield judge(quality, session);
    }
  },
});

/** Some system tries to bring the session up. */
function isStarting({ sides }: BfdSession): boolean {
  return sides.some(({ phases }) => phases.some(({ state }) => state === STATE_DOWN || state === STATE_INIT));
}

/** A stretch in which one side does not hear the other. */
interface Deafness {
  readonly hearer: BfdSide;
  readonly sender: BfdSide;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Packets of the sender that pass the capture meanwhile. */
  readonly passed: number;
  /** The phase that shows it. */
  readonly phase: BfdPhase;
  readonly shownBy: BfdSide;
}

function judge(quality: CaptureQuality, session: BfdSession): Judgement {
  const subject = sessionSubject(quality, session);
  const found = session.sides.flatMap((side) => [...deafIn(session, side), ...unheardIn(session, side)]);
  const proven = found.filter(isProven).sort((a, b) => a.first.frame - b.first.frame);
  if (proven.length > 0) return problemOf(quality, session, proven);
  const alone = found.find(isAlone);
  if (alone) return problemOf(quality, session, [alone]);
  const short = found.find(
    ({ sender, last }) => sender.ends.length === 0 && last.frame === session.last.frame,
  );
  if (short) {
    return {
      result: 'insufficient-data',
      subject,
      reason:
        `${short.hearer.address} says ${stateName(short.phase.state)} and names no peer, and the capture ends after ` +
        `${durationText(short.last.timeNs - short.first.timeNs)}; capture for at least ${PEER_SILENT_SECONDS} s.`,
      neededSeconds: PEER_SILENT_SECONDS,
    };
  }
  return { result: 'healthy', subject };
}

/** A side says Down without a peer: it hears nothing (RFC 5880, section 6.8.1, bfd.RemoteDiscr). */
function deafIn(session: BfdSession, hearer: BfdSide): Deafness[] {
  const sender = otherSide(session, hearer);
  return stretches(
    hearer,
    ({ state, yourDiscriminator }) => state === STATE_DOWN && yourDiscriminator === 0,
  ).map((phases) => deafness(session, hearer, sender, hearer, phases));
}

/** A side stays in Init: what it sends is not heard, or its peer would be Up by now. */
function unheardIn(session: BfdSession, sender: BfdSide): Deafness[] {
  const hearer = otherSide(session, sender);
  return stretches(sender, ({ state }) => state === STATE_INIT).map((phases) =>
    deafness(session, hearer, sender, sender, phases),
  );
}

/** Runs of phases that meet a condition, each to the last packet of the run. */
function stretches({ phases }: BfdSide, accepts: (phase: BfdPhase) => boolean): BfdPhase[][] {
  const runs: BfdPhase[][] = [];
  let isOpen = false;
  for (const phase of phases) {
    if (!accepts(phase)) isOpen = false;
    else if (isOpen) runs[runs.length - 1].push(phase);
    else {
      runs.push([phase]);
      isOpen = true;
    }
  }
  return runs;
}

function deafness(
  session: BfdSession,
  hearer: BfdSide,
  sender: BfdSide,
  shownBy: BfdSide,
  run: readonly BfdPhase[],
): Deafness {
  const [phase] = run;
  const until = run[run.length - 1].last;
  const other = otherSide(session, shownBy);
  const meanwhile = other.phases.filter(
    ({ state, first, last }) =>
      state !== STATE_ADMIN_DOWN && last.frame > phase.first.frame && first.frame < until.frame,
  );
  if (meanwhile.length === 0 || other.ends.length === 0) {
    const passed = shownBy === sender ? run.reduce((sum, { count }) => sum + count, 0) : 0;
    return { hearer, sender, first: phase.first, last: until, passed, phase, shownBy };
  }
  const first = later(phase.first, meanwhile[0].first);
  const last = earlier(until, meanwhile[meanwhile.length - 1].last);
  const sent = shownBy === sender ? run : meanwhile;
  const passed = sent.reduce((sum, one) => sum + packetsWithin(one, first, last), 0);
  return { hearer, sender, first, last, passed, phase, shownBy };
}

/** Packets of a phase between two frames, by its mean interval: phases keep no time of each packet. */
function packetsWithin({ first, last, count }: BfdPhase, from: FrameRef, to: FrameRef): number {
  if (first.frame >= from.frame && last.frame <= to.frame) return count;
  const overlap = Math.min(last.timeNs, to.timeNs) - Math.max(first.timeNs, from.timeNs);
  const whole = last.timeNs - first.timeNs;
  return whole > 0 && overlap > 0 ? Math.floor((count * overlap) / whole) : 0;
}

function isProven({ first, last, passed, sender, hearer, shownBy }: Deafness): boolean {
  const isSeen = shownBy === sender || sender.ends.length > 0;
  // In Init without a packet of the peer in the capture, it may be the peer that hears late.
  const isBothSeen = sender.ends.length > 0 && hearer.ends.length > 0;
  return isSeen && isBothSeen && passed >= PACKETS_MIN && last.timeNs - first.timeNs > seconds(STUCK_SECONDS);
}

/** Nothing of the peer is in the capture, and its own packets say that nothing reaches it. */
function isAlone({ first, last, sender, phase }: Deafness): boolean {
  return (
    sender.ends.length === 0 &&
    phase.state === STATE_DOWN &&
    last.timeNs - first.timeNs >= seconds(PEER_SILENT_SECONDS)
  );
}

function problemOf(quality: CaptureQuality, session: BfdSession, found: readonly Deafness[]): Problem {
  const [{ hearer, sender, first, shownBy, passed }] = found;
  const last = found.reduce(
    (latest, one) => (one.last.frame > latest.frame ? one.last : latest),
    found[0].last,
  );
  const isPeerSeen = sender.ends.length > 0 && passed > 0;
  const lasted = durationText(last.timeNs - first.timeNs);
  const shown =
    shownBy === hearer
      ? `${hearer.address} says Down and names no peer`
      : `${sender.address} stays in Init, so it hears ${hearer.address}, which does not come up`;
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    severity: isPeerSeen ? 'error' : 'warning',
    confidence: isPeerSeen ? 'high' : 'medium',
    ...(isPeerSeen ? {} : { title: 'BFD peer is silent' }),
    explanation:
      `For ${lasted} ${shown}` +
      (isPeerSeen
        ? `, while ${plural(passed, 'packet')} of ${sender.address} pass the capture point: what ${sender.address} sends does not reach the BFD of ${hearer.address}.`
        : `; the capture holds no packet of ${sender.address}: it does not send, or its packets are lost before the capture point.`),
    direction: { from: sender.address, to: hearer.address },
    where: 'unknown',
    first,
    last,
    ongoingAtEnd: session.last.timeNs - last.timeNs < 2 * NS_PER_SECOND,
    counts: { packetsNotHeard: passed, seconds: Math.round((last.timeNs - first.timeNs) / NS_PER_SECOND) },
    evidence: inOrder(
      found
        .slice(0, 3)
        .flatMap((one) => [
          phaseCitation(one.shownBy, one.phase),
          { ...one.phase.last, summary: `${one.shownBy.address} still says ${stateName(one.phase.state)}` },
          ...peerCitations(session, one),
        ]),
    ).slice(0, 10),
  };
}

function peerCitations(session: BfdSession, { shownBy, first, last }: Deafness) {
  const peer = otherSide(session, shownBy);
  const phase = peer.phases.find((one) => one.last.frame >= first.frame && one.first.frame <= last.frame);
  return phase ? [phaseCitation(peer, phase)] : [];
}

function later(a: FrameRef, b: FrameRef): FrameRef {
  return a.frame >= b.frame ? a : b;
}

function earlier(a: FrameRef, b: FrameRef): FrameRef {
  return a.frame <= b.frame ? a : b;
}
