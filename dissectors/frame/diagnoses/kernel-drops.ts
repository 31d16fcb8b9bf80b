import type { CaptureFacts } from '../../../src/capture/capture-source.js';
import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { DROP_SHARE_NOTABLE, DROP_SHARE_SEVERE } from '../../../src/correlate/gates.js';
import { isWatched } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { CHECKSUM_TCP, VERDICT_WRONG } from '../../../src/dissect/checksum-note.js';
import type { Citation } from '../../../src/moment.js';
import {
  captureSpan,
  captureSubject,
  framesFilter,
  inFile,
  lastFrameOf,
} from '../../../src/wording/capture-subject.js';
import { checksumFaults } from '../../checksum/correlator.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../../tcp/correlator.js';

const ACKS_MIN = 3;
/** Percent of the segments of a connection with a wrong checksum (one found in few is sampled) that make its numbers unbelievable. */
const WRONG_SHARE = 10;

const CAUSES = [
  'The disk or the terminal was too slow for the traffic, or the capture was written through SSH',
  'The kernel buffer of the capture was too small for bursts',
  'A mirror port that carries more than it can forward drops packets before they are captured',
];
/** Of packets that are merely missing. */
const CAUSE_EXTRACT = 'The file is an extract: frames were selected with a display filter, or by hand';

export default defineDiagnosis({
  id: 'capture.kernel-drops',
  title: 'The capture itself lost packets',
  severity: 'warning',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule:
    'The file reports packets that the capturing host received and did not write (pcapng interface statistics, packet drop ' +
    'counts): a warning above 0.1 %, an error above 2 %, otherwise info. Or at least 3 TCP ACKs cover data that the capture does ' +
    'not hold, in connections of which both directions and part of that data were captured: a warning, as their number is only ' +
    'a lower bound.',
  notWhen:
    'The statistics count more packets than the file holds: they are those of a larger capture, of which it is a part. ' +
    'Data that passed in a pause, in which the capture may not have run. ' +
    'At least 10 % of the segments of the connection have a wrong checksum, so that its numbers are not to be believed. ' +
    'All data of a direction is missing (then the path is asymmetric or the filter keeps it out), or the data turns up ' +
    'behind its ACK. Probes of TCP keepalive are no data.',
  causes: CAUSES,
  nextSteps: [
    'Capture to a local file with a larger buffer and a narrower filter: tcpdump -B 4096 -s 0 -w FILE "host <peer> and not port 22"',
    'Read the summary of tcpdump at its end ("packets dropped by kernel") or ip -s link of the mirror target',
    'Take single missing packets in this capture for losses of the capture until a second capture shows them lost',
  ],
  refutedBy:
    'tcpdump ends with "0 packets dropped by kernel", and a capture at the other end lacks the same packets.',
  source:
    'draft-ietf-opsawg-pcapng (isb_ifdrop, isb_osdrop, epb_dropcount); RFC 9293, section 3.4 (an ACK covers only what was received)',
  thresholds: {
    notableShare: [
      DROP_SHARE_NOTABLE,
      '%',
      'below that a single gap in a sequence is more likely loss on the network',
    ],
    severeShare: [DROP_SHARE_SEVERE, '%', 'above that no statement about loss can rest on this capture'],
    acksOfUncapturedData: [ACKS_MIN, 'ACKs', 'one or two may come from reordering at a tap'],
  },
  fault: 'capture',
  *diagnose(evidence): Iterable<Judgement> {
    const { quality } = evidence;
    const sides = transfersOf(evidence.sessions(tcpConnections), damagedConnections(evidence));
    const acks = sides.reduce((sum, side) => sum + uncapturedAcks(quality, side), 0);
    const stated = [...quality.captures.entries()].filter(([, { drops }]) => (drops ?? 0) > 0);
    const isStatedEnough = stated.some(([, facts]) => shareOf(facts) > DROP_SHARE_NOTABLE);
    if (!isStatedEnough && acks >= ACKS_MIN) yield inferred(quality, sides, acks);
    else if (stated.length > 0)
      for (const [index, facts] of stated) yield reported(quality, facts, index, acks);
    else if (sides.length > 0 || quality.captures.some(({ drops }) => drops !== null))
      yield { result: 'healthy', subject: captureSubject(quality) };
  },
});

/** Directions of connections of which both directions and some data were captured. */
function transfersOf(
  connections: readonly TcpConnection[],
  damaged: (connection: TcpConnection) => boolean,
): TcpDirection[] {
  const twoWay = connections.filter((one) => one.a.segments > 0 && one.b.segments > 0 && !damaged(one));
  return twoWay.flatMap(({ a, b }) => [a, b]).filter(({ payloadBytes }) => payloadBytes > 0);
}

/**
 * Connections of which so many checksums are wrong that their numbers are not to be believed: packets that were damaged,
 * or rewritten after the capture (anonymised, fuzzed).
 */
function damagedConnections(evidence: Evidence): (connection: TcpConnection) => boolean {
  const wrong = new Map<string, number>();
  for (const { kind, verdict, conversation, packets } of evidence.sessions(checksumFaults)) {
    if (kind !== CHECKSUM_TCP || verdict !== VERDICT_WRONG) continue;
    const { stack, from, fromPort, to, toPort } = conversation;
    const ends = [`${from} ${fromPort}`, `${to} ${toPort}`].sort().join(' ');
    const key = `${stack} ${ends}`;
    wrong.set(key, (wrong.get(key) ?? 0) + packets);
  }
  return ({ a, b, stack }) => {
    const ends = [`${a.address} ${a.port}`, `${b.address} ${b.port}`].sort().join(' ');
    const damaged = wrong.get(`${stack} ${ends}`) ?? 0;
    return damaged * 100 >= WRONG_SHARE * (a.segments + b.segments);
  };
}

/** What passed while the capture may not have run, it did not drop. */
function uncapturedAcks(quality: CaptureQuality, { uncapturedAcks, quietAcks }: TcpDirection): number {
  const explained = quietAcks.filter(
    ({ at, sinceNs }) => !isWatched(quality, { segment: at.segment, timeNs: sinceNs }, at),
  );
  return uncapturedAcks - explained.length;
}

function shareOf({ drops, frames }: CaptureFacts): number {
  return drops === null || drops === 0 ? 0 : (100 * drops) / (drops + frames);
}

function reported(quality: CaptureQuality, facts: CaptureFacts, index: number, acks: number): Problem {
  const drops = facts.drops ?? 0;
  const share = shareOf(facts);
  const lastFrame = lastFrameOf(quality, index);
  const evidence: Citation[] = lastFrame ? [{ ...lastFrame, summary: 'last frame that was written' }] : [];
  return {
    result: 'problem',
    subject: captureSubject(quality, index),
    severity: share > DROP_SHARE_SEVERE ? 'error' : share > DROP_SHARE_NOTABLE ? 'warning' : 'info',
    confidence: 'high',
    explanation:
      `The capture reports ${drops} dropped packets beside ${facts.frames} captured ones${inFile(quality, index)} ` +
      `(${share.toFixed(share < 1 ? 2 : 1)} %). What is missing may have been on the network.`,
    ...captureSpan(quality, index),
    ongoingAtEnd: true,
    counts: { dropsReported: drops, frames: facts.frames, acksOfUncapturedData: acks },
    evidence,
    displayFilter: framesFilter(evidence),
  };
}

function inferred(quality: CaptureQuality, sides: readonly TcpDirection[], acks: number): Problem {
  const lossy = sides.filter((side) => uncapturedAcks(quality, side) > 0);
  const sum = (counted: (facts: CaptureFacts) => number): number =>
    quality.captures.reduce((total, facts) => total + counted(facts), 0);
  const missing = lossy.reduce((sum, { uncapturedBytes }) => sum + uncapturedBytes, 0);
  const captured = sides.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0);
  const frames = lossy
    .flatMap(({ uncapturedAt }) => uncapturedAt)
    .sort((one, other) => one.segment - other.segment || one.frame - other.frame);
  const evidence = [...frames.slice(0, 5), ...frames.slice(5).slice(-5)].map((frame) => ({
    ...frame,
    summary: 'ACK of data that is not in the capture',
  }));
  const span = captureSpan(quality);
  return {
    result: 'problem',
    subject: captureSubject(quality),
    severity: 'warning',
    confidence: 'medium',
    title: 'Packets that were delivered are missing from the capture',
    causes: [...CAUSES, CAUSE_EXTRACT],
    explanation:
      `${acks} ACKs (${lossy.length === 1 ? 'one direction of a TCP connection' : `${lossy.length} directions of TCP connections`}) cover ${missing} bytes that were delivered and are not in the ` +
      `capture (${captured} bytes are): the capture missed packets that were on the network, or frames were taken out of the file later.`,
    first: frames[0] ?? span.first,
    last: frames.at(-1) ?? span.last,
    ongoingAtEnd: false,
    counts: {
      dropsReported: sum(({ drops }) => drops ?? 0),
      frames: sum(({ frames }) => frames),
      acksOfUncapturedData: acks,
    },
    evidence,
    displayFilter: framesFilter(evidence),
  };
}
