import type { CaptureQuality } from '../correlate/capture-quality.js';
import { type HostGroup, hostGroup } from '../correlate/host-groups.js';
import { isOnLink } from '../correlate/mirrors.js';
import type { PairTraffic, Traffic } from '../correlate/traffic.js';
import type { Severity } from '../report/report.js';
import { NS_PER_SECOND } from '../units.js';
import type { Evidence, Problem } from './diagnosis.js';

/*
 * Which findings may be errors or warnings: those about the two ends of a tunnel. One about any other pair of hosts is
 * information, unless its hosts talk so little, with each other and with others, that the capture was taken for them.
 * What hosts do that have nothing to do with them is of no account: see `hostGroup`.
 */

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

const QUIET_SECONDS = 60;
/** Below that many server endpoints a group is quiet, however long; from the second number on it is not, however short. */
const QUIET_SERVERS = 5;
const BUSY_SERVERS = 20;

/** A host and the tunnel stack in which it talks (0: in none). */
export interface HostInStack {
  readonly host: string;
  readonly stack: number;
}

/** How much a finding about a pair matters: 'tunnel' the ends of a tunnel, 'focus' what the capture was taken for. */
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
  return isQuietGroup(quality, { host: a, stack }) ? 'focus' : 'background';
}

/** `whenTunnel` for the ends of a tunnel, a warning at most in a quiet group, information otherwise. */
export function severityFor(relevance: Relevance, whenTunnel: Severity): Severity {
  if (relevance === 'tunnel' || whenTunnel === 'info') return whenTunnel;
  return relevance === 'focus' ? 'warning' : 'info';
}

/** Whether a flow that is neither tunnel nor control session may be what was captured: inside a tunnel, or in a quiet group. */
function mayBeSubject(quality: CaptureQuality, at: HostInStack): boolean {
  return !isOnLink(quality, at.stack) || isQuietGroup(quality, at);
}

/**
 * An error or a warning about hosts of the same group, beside those of `ownAreas` (`dns.`) and those about the capture:
 * it explains the trouble of a single service better than the service does. For diagnoses that judge last.
 */
export function hasOtherFault(
  { judgements, quality }: Evidence,
  { host, stack }: HostInStack,
  ownAreas: readonly string[],
): boolean {
  const surroundings = addressesOf(hostGroup(quality, host, stack));
  for (const [id, judged] of judgements) {
    if (id.startsWith('capture.') || ownAreas.some((area) => id.startsWith(area))) continue;
    if (
      judged.some((one) => one.result === 'problem' && one.severity !== 'info' && concerns(one, surroundings))
    ) {
      return true;
    }
  }
  return false;
}

/** `warning` where the flow may be the subject of the capture and nothing else is wrong; otherwise `info`. */
export function severityOfFlow(
  evidence: Evidence,
  at: HostInStack,
  ownAreas: readonly string[],
): 'warning' | 'info' {
  return mayBeSubject(evidence.quality, at) && !hasOtherFault(evidence, at, ownAreas) ? 'warning' : 'info';
}

/**
 * Whether the hosts that have to do with this one talk so little that they were captured for one purpose: under 60 s, or
 * with under 5 server endpoints. Of a capture that goes on, neither is known in its first 60 s.
 */
export function isQuietGroup(quality: CaptureQuality, { host, stack }: HostInStack): boolean {
  const group = hostGroup(quality, host, stack);
  if (quality.isRunning && secondsCaptured(quality) < QUIET_SECONDS) return false;
  const servers = serverCount(group.pairs, BUSY_SERVERS);
  if (servers < QUIET_SERVERS) return true;
  return servers < BUSY_SERVERS && group.seconds < QUIET_SECONDS;
}

/** Every address of a group. */
const addressesOfGroup = new WeakMap<HostGroup, ReadonlySet<string>>();

function addressesOf(group: HostGroup): ReadonlySet<string> {
  const known = addressesOfGroup.get(group);
  if (known) return known;
  const addresses = new Set(group.pairs.flatMap(({ a, b }) => [a, b]));
  addressesOfGroup.set(group, addresses);
  return addresses;
}

/** Whether a problem is about one of these hosts, or names no host at all. */
function concerns({ pair, subject }: Problem, hosts: ReadonlySet<string>): boolean {
  const { endpoints } = subject;
  const ends = Array.isArray(endpoints) ? endpoints : [];
  const named = [...(pair ?? []), ...ends, subject.address, subject.source, subject.destination];
  const texts = named.filter((one) => typeof one === 'string');
  return texts.length === 0 || texts.some((text) => hosts.has(text) || hosts.has(text.replace(/:\d+$/, '')));
}

/** Distinct server endpoints, counted up to `limit`: the lower port is the server's; without ports, the pair. */
function serverCount(pairs: readonly PairTraffic[], limit: number): number {
  const servers = new Set<string>();
  for (const { a, b, conversations } of pairs) {
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
