import type { Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../src/diagnose/packet-class.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { ipProtocolName } from '../../src/wire/ip-protocols.js';
import { framesFilter } from '../../src/wording/capture-subject.js';
import { plural } from '../../src/wording/counts.js';
import { addressFilter } from '../../src/wording/display-filters.js';
import type { VppFault, VppFlow, VppPath, VppTrace, VppVisit } from './session.js';

/*
 * How findings speak of flows and paths.
 */

const NODES_SHOWN = 12;
const PORT_FIELDS: ReadonlyMap<number, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** `TCP from 10.0.0.1 to 10.0.0.2 port 80`; answers `from port`. */
export function flowWords({ protocol, source, destination, port, towardsPort }: VppFlow): string {
  const name = ipProtocolName(protocol);
  const at = port === 0 ? '' : ` port ${port}`;
  return `${name} from ${source}${towardsPort ? '' : at} to ${destination}${towardsPort ? at : ''}`;
}

export function flowSubject({ protocol, source, destination, port, towardsPort }: VppFlow): Subject {
  const subject = { kind: 'flow', endpoints: [source, destination], protocol };
  if (port === 0) return subject;
  return towardsPort ? { ...subject, destinationPort: port } : { ...subject, sourcePort: port };
}

/** The nodes of a path: `virtio-input > ip4-input > … > error-drop`. */
function pathWords({ nodes }: VppPath): string {
  if (nodes.length <= NODES_SHOWN) return nodes.join(' > ');
  const half = NODES_SHOWN / 2;
  return [...nodes.slice(0, half), '…', ...nodes.slice(-half)].join(' > ');
}

/** Where a text says so: `line 12`; and which packet. */
function placeWords(path: VppPath): string {
  if (path.origin !== 'show-trace') return '';
  const packet = path.number === 0 ? '' : `, packet ${path.number} of thread ${path.thread}`;
  return `line ${path.first.line}${packet}: `;
}

/** One citation of a packet: where its path was decided. */
function citationOf(path: VppPath): Citation {
  const reason = path.reason === '' ? '' : ` (${path.decidedBy}: ${path.reason})`;
  return { ...refOf(path.end), summary: `${placeWords(path)}${pathWords(path)}${reason}` };
}

export function refOf({ frame, timeNs, segment }: VppVisit): FrameRef {
  return { frame, timeNs, segment };
}

export function citationsOf(faults: readonly VppFault[]): Citation[] {
  const paths = faults.flatMap(({ examples, last }) => [...examples, last]);
  return paths.map(citationOf).sort((a, b) => a.frame - b.frame);
}

/** Frames in captures; text has none, so the filter finds the flow in a capture of the same packets elsewhere. */
function filterOf(flow: VppFlow, faults: readonly VppFault[]): string {
  if (faults[0]?.last.origin !== 'show-trace') return framesFilter(citationsOf(faults));
  const field = PORT_FIELDS.get(flow.protocol);
  const addresses = addressFilter(flow.source, flow.destination);
  return field === undefined || flow.port === 0 ? addresses : `${addresses} && ${field}.port == ${flow.port}`;
}

/** `after ip4-lookup ("ip4 destination lookup miss")`. */
export function decisionWords({ node, reason, last }: VppFault): string {
  if (reason !== '') return `at ${node}: "${reason}"`;
  return last.error === 0 ? `after ${node}` : `after ${node} (error ${last.error} of VPP)`;
}

export function countOf(faults: readonly VppFault[]): number {
  return faults.reduce((sum, { count }) => sum + count, 0);
}

/** The class of a flow's packets, see `PacketClass.of`. */
export function serviceOf({ protocol, port }: VppFlow): string[] {
  return port === 0 ? [] : [serviceWord(protocol, port)];
}

/** The fields that every finding about faults of a flow has. */
export function faultFields(
  trace: VppTrace,
  flow: VppFlow,
  faults: readonly VppFault[],
): Pick<
  Problem,
  | 'result'
  | 'subject'
  | 'pair'
  | 'direction'
  | 'first'
  | 'last'
  | 'lastGood'
  | 'ongoingAtEnd'
  | 'evidence'
  | 'displayFilter'
> {
  const ends = faults.flatMap(({ examples, last }) => [...examples, last]);
  const byFrame = (a: VppPath, b: VppPath): number => a.first.frame - b.first.frame;
  const sorted = [...ends].sort(byFrame);
  const [first] = sorted;
  const last = sorted.at(-1);
  const { lastThrough } = flow;
  const hasGoodBefore = lastThrough !== null && first !== undefined && lastThrough.frame < first.first.frame;
  return {
    result: 'problem',
    subject: flowSubject(flow),
    pair: [flow.source, flow.destination],
    direction: { from: flow.source, to: flow.destination },
    first: first ? refOf(first.first) : startOf(trace),
    last: last ? refOf(last.last) : startOf(trace),
    lastGood: hasGoodBefore ? lastThrough : null,
    ongoingAtEnd: faults.some(({ throughAfter }) => throughAfter === 0),
    evidence: citationsOf(faults),
    displayFilter: filterOf(flow, faults),
  };
}

function startOf({ first }: VppTrace): FrameRef {
  return first ?? { frame: 0, segment: 0, timeNs: Number.NaN };
}

export function healthy(flow: VppFlow): Judgement {
  return { result: 'healthy', subject: flowSubject(flow) };
}

/** `3 of 5 packets of TCP from … to …`. */
export function shareWords(flow: VppFlow, count: number): string {
  return `${count} of ${plural(flow.packets, 'packet')} of ${flowWords(flow)}`;
}

/** Seconds from the first to the last packet of a fault; 0 where times do not compare. */
export function secondsOf({ examples, last }: VppFault): number {
  const [first] = examples;
  if (!first || first.first.segment !== last.last.segment) return 0;
  const seconds = (last.last.timeNs - first.first.timeNs) / NS_PER_SECOND;
  return seconds > 0 ? seconds : 0;
}
