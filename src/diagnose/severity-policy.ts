import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { PairTraffic, Traffic } from '../correlate/traffic.js';
import type { Severity } from '../report/report.js';
import { NS_PER_SECOND } from '../units.js';
import type { Evidence } from './diagnosis.js';

/*
 * Which findings may be errors or warnings: those about the two ends of a tunnel. One about any other pair of hosts is
 * information, unless the capture is so small that it was taken for that pair.
 */

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

const SMALL_CAPTURE_SECONDS = 60;
/** Below that many server endpoints a capture is small, however long; above the second number it is not, however short. */
const SMALL_CAPTURE_SERVERS = 5;
const BUSY_CAPTURE_SERVERS = 20;

/** How much a finding about a pair matters: 'tunnel' the ends of a tunnel, 'focus' the subject of a small capture. */
export type Relevance = 'tunnel' | 'focus' | 'background';

const tunnelPairsOfRun = new WeakMap<Traffic, readonly PairTraffic[]>();

/** Pairs whose traffic holds that of a tunnel. */
export function tunnelPairs({ traffic, protocols }: CaptureQuality): readonly PairTraffic[] {
  const known = tunnelPairsOfRun.get(traffic);
  if (known) return known;
  const pairs = [...traffic.all()].filter(({ conversations }) =>
    conversations.some((one) => protocols.isTunnel(one)),
  );
  tunnelPairsOfRun.set(traffic, pairs);
  return pairs;
}

/** Whether the traffic between two hosts holds that of a tunnel. */
export function isTunnelPair(
  { traffic, protocols }: CaptureQuality,
  a: string,
  b: string,
  stack = 0,
): boolean {
  return traffic.between(a, b, stack)?.conversations.some((one) => protocols.isTunnel(one)) ?? false;
}

export function relevanceOfPair(quality: CaptureQuality, a: string, b: string, stack = 0): Relevance {
  if (isTunnelPair(quality, a, b, stack)) return 'tunnel';
  return isSmallCapture(quality) ? 'focus' : 'background';
}

/** `whenTunnel` for the ends of a tunnel, a warning at most in a small capture, information otherwise. */
export function severityFor(relevance: Relevance, whenTunnel: Severity): Severity {
  if (relevance === 'tunnel' || whenTunnel === 'info') return whenTunnel;
  return relevance === 'focus' ? 'warning' : 'info';
}

/** A mirror session shows what some port of a switch sees, not what was captured for a purpose. */
export function isMirrored(quality: CaptureQuality, stack: number): boolean {
  return quality.flows.tunnelLayers(stack).some(({ kind }) => kind === 'erspan');
}

/** Whether a flow that is neither tunnel nor control session may be what was captured: inside a tunnel, or in a small capture. */
export function mayBeSubject(quality: CaptureQuality, stack: number): boolean {
  return stack === 0 ? isSmallCapture(quality) : !isMirrored(quality, stack);
}

/**
 * An error or a warning beside those of `ownAreas` (`dns.`) and those about the capture: it explains the trouble of a
 * single service better than the service does. For diagnoses that judge last.
 */
export function hasOtherFault({ judgements }: Evidence, ownAreas: readonly string[]): boolean {
  for (const [id, judged] of judgements) {
    if (id.startsWith('capture.') || ownAreas.some((area) => id.startsWith(area))) continue;
    if (judged.some((one) => one.result === 'problem' && one.severity !== 'info')) return true;
  }
  return false;
}

/** `warning` where the flow may be the subject of the capture and nothing else is wrong; otherwise `info`. */
export function severityOfFlow(
  evidence: Evidence,
  stack: number,
  ownAreas: readonly string[],
): 'warning' | 'info' {
  return mayBeSubject(evidence.quality, stack) && !hasOtherFault(evidence, ownAreas) ? 'warning' : 'info';
}

/** Taken for one purpose: under 60 s, or under 5 server endpoints. Of one that goes on, neither is known in its first 60 s. */
export function isSmallCapture(quality: CaptureQuality): boolean {
  if (quality.isRunning && secondsCaptured(quality) < SMALL_CAPTURE_SECONDS) return false;
  const servers = serverCount(quality, BUSY_CAPTURE_SERVERS);
  if (servers < SMALL_CAPTURE_SERVERS) return true;
  return servers < BUSY_CAPTURE_SERVERS && secondsCaptured(quality) < SMALL_CAPTURE_SECONDS;
}

/** Distinct server endpoints, counted up to `limit`: the lower port is the server's; without ports, the pair. */
function serverCount(quality: CaptureQuality, limit: number): number {
  const servers = new Set<string>();
  for (const { a, b, conversations } of quality.traffic.all()) {
    for (const { protocol, portOfA, portOfB } of conversations) {
      if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) servers.add(`${a} ${b}`);
      else if (portOfA < portOfB) servers.add(`${a} ${portOfA}`);
      else servers.add(`${b} ${portOfB}`);
      if (servers.size >= limit) return limit;
    }
  }
  return servers.size;
}

function secondsCaptured(quality: CaptureQuality): number {
  let seconds = 0;
  for (let segment = 0; segment < quality.segments.length; segment++) {
    const window = quality.window(segment);
    if (window) seconds += (window.last.timeNs - window.first.timeNs) / NS_PER_SECOND;
  }
  return seconds;
}
