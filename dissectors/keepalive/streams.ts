import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { isSamePeriod, isSteady, PERIODS_MIN } from '../../src/correlate/periodic/cadence.js';
import type { KeepaliveLink, KeepaliveStream, LinkDirection } from '../../src/correlate/periodic/session.js';
import type { PairTraffic } from '../../src/correlate/traffic.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { isIndependent } from '../../src/diagnose/silences.js';
import type { Subject } from '../../src/report/report.js';
import { endpointText } from '../../src/wording/endpoints.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { keepaliveLinks } from './correlator.js';

/** Where the other direction has the same period; see PERIODS_MIN. */
export const PERIODS_MIN_BOTH_WAYS = 5;
/** System ports (RFC 6335): services whose periodic datagrams are polls and announcements, not keepalives. */
const SYSTEM_PORT_MAX = 1023;

/** A direction that is a keepalive stream, and the direction opposite. */
export interface Keepalive {
  readonly link: KeepaliveLink;
  readonly direction: LinkDirection;
  readonly stream: KeepaliveStream;
  readonly reverse: LinkDirection;
  /** The stream opposite where it is one too. */
  readonly reverseStream: KeepaliveStream | null;
}

/** Every keepalive stream between two hosts, in order of first frame. */
export function keepalivesOf(evidence: Pick<Evidence, 'sessions'>): Keepalive[] {
  return evidence.sessions(keepaliveLinks).flatMap(keepalivesOfLink);
}

function keepalivesOfLink(link: KeepaliveLink): Keepalive[] {
  const [up, down] = link.directions;
  if (!isJudged(up)) return [];
  return [keepaliveOf(link, up, down), keepaliveOf(link, down, up)].flatMap((one) => one ?? []);
}

function keepaliveOf(
  link: KeepaliveLink,
  direction: LinkDirection,
  reverse: LinkDirection,
): Keepalive | null {
  const { stream } = direction;
  if (!isKeepalive(stream, reverse.stream)) return null;
  const reverseStream = isKeepalive(reverse.stream, stream) ? reverse.stream : null;
  return { link, direction, stream, reverse, reverseStream };
}

function isKeepalive(
  stream: KeepaliveStream | null,
  reverse: KeepaliveStream | null,
): stream is KeepaliveStream {
  if (stream === null || Number.isNaN(stream.periodNs)) return false;
  if (stream.intervals >= PERIODS_MIN) return isSteady(stream);
  return (
    stream.intervals >= PERIODS_MIN_BOTH_WAYS &&
    reverse !== null &&
    reverse.intervals >= PERIODS_MIN_BOTH_WAYS &&
    isSamePeriod(stream.periodNs, reverse.periodNs)
  );
}

/** Unicast both ways, and not the port of a system service. */
export function isJudged({ from, to, fromPort, toPort }: LinkDirection): boolean {
  return isUnicast(from) && isUnicast(to) && fromPort > SYSTEM_PORT_MAX && toPort > SYSTEM_PORT_MAX;
}

/** Without the netmask, an IPv4 address that ends in 255 may be that of a directed broadcast. */
function isUnicast(address: string): boolean {
  if (address.includes(':')) return !address.startsWith('ff') && address !== '::';
  const first = Number.parseInt(address, 10);
  return first > 0 && first < 224 && !address.endsWith('.255');
}

/** One direction follows the other within a fifth of the period: a question and its answer, or two timers that happen to agree. */
export function isPollLike({ stream, reverseStream }: Keepalive): boolean {
  return reverseStream === null || !(isIndependent(stream) && isIndependent(reverseStream));
}

/** All traffic of the two hosts, seen from the stream's sender. */
export function pairTraffic(quality: CaptureQuality, { direction, link }: Keepalive): PairTraffic | null {
  return quality.traffic.between(direction.from, direction.to, link.stack);
}

/** The stream as a subject: from its sender to its receiver; inside a tunnel, with its layers from the outside in. */
export function streamSubject(quality: CaptureQuality, { direction, link }: Keepalive): Subject {
  const { from, fromPort, to, toPort } = direction;
  const endpoints = [endpointText(from, fromPort), endpointText(to, toPort)];
  return subjectInside(quality, link.stack, { kind: 'session', protocol: 'udp', endpoints });
}

/** `10.0.8.8:50000 to 10.0.8.1:50015`. */
export function directionText({ from, fromPort, to, toPort }: LinkDirection): string {
  return `${endpointText(from, fromPort)} to ${endpointText(to, toPort)}`;
}
