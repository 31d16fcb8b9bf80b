import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { udpFlowFilter } from '../../src/wording/display-filters.js';
import { endpointText } from '../../src/wording/endpoints.js';
import { subjectInside } from '../../src/wording/subjects.js';
import type { ScionLink } from './session.js';

/** LINKTYPE_ values of interfaces that carry IP alone, as a tun interface does (RAW in its variants, IPv4, IPv6). */
const LINK_TYPES_RAW: ReadonlySet<number> = new Set([12, 14, 101, 228, 229]);

/** Sender and receiver of a direction of a link, with their ports. */
export interface Ends {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

export function endsOf({ low, lowPort, high, highPort }: ScionLink, direction: number): Ends {
  return direction === 0
    ? { from: low, fromPort: lowPort, to: high, toPort: highPort }
    : { from: high, fromPort: highPort, to: low, toPort: lowPort };
}

export function linkSubject(quality: CaptureQuality, link: ScionLink, more: Partial<Subject> = {}): Subject {
  return directionSubject(quality, link, 0, more);
}

/** One direction of a link: its endpoints from sender to receiver; inside a tunnel with its layers from the outside in. */
export function directionSubject(
  quality: CaptureQuality,
  link: ScionLink,
  direction: number,
  more: Partial<Subject> = {},
): Subject {
  const { from, fromPort, to, toPort } = endsOf(link, direction);
  const endpoints = [endpointText(from, fromPort), endpointText(to, toPort)];
  return subjectInside(quality, link.stack, { kind: 'session', protocol: 'scion', endpoints, ...more });
}

/** `10.0.8.8:50000 to 10.0.8.1:50015`. */
export function directionText(link: ScionLink, direction: number): string {
  const { from, fromPort, to, toPort } = endsOf(link, direction);
  return `${endpointText(from, fromPort)} to ${endpointText(to, toPort)}`;
}

/** Display filter for both directions of a link. */
export function linkFilter(link: ScionLink): string {
  return udpFlowFilter(endsOf(link, 0));
}

/** All interfaces of the capture carry IP without a link layer. */
export function isCapturedOnTunnelInterface(quality: CaptureQuality): boolean {
  const { captures } = quality;
  const linkTypes = captures.flatMap((capture) => capture.linkTypes);
  return linkTypes.length > 0 && linkTypes.every((linkType) => LINK_TYPES_RAW.has(linkType));
}

/** Seconds since 1970; null where the capture has no date. */
export function absoluteSeconds(quality: CaptureQuality, at: FrameRef): number | null {
  const segment = quality.segments[at.segment];
  if (!segment || segment.clock === 'relative' || !Number.isFinite(at.timeNs)) return null;
  return (
    Number(segment.baseNs / 1_000_000_000n) + Number(segment.baseNs % 1_000_000_000n) / 1e9 + at.timeNs / 1e9
  );
}
