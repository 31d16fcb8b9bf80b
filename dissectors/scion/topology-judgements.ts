import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { insufficientData, type Judgement, type Problem } from '../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, isNonEmpty, type NonEmpty, spanOf } from '../../src/moment.js';
import { originText } from '../../src/side-files/origin.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { endpointText } from '../../src/wording/endpoints.js';
import type { HostLink } from '../host/side-files/ip-link.js';
import type { ScionLink, ScionTopology } from './topology.js';

/*
 * SCION topologies held against the wire: which underlay addresses and ports a link uses, and which ISD-AS its
 * packets carry. Pure; the diagnoses of the scion folder hand on what these yield.
 */

/** Packets from which on a conversation with an endpoint that no topology lists counts. */
export const STRANGER_PACKETS_MIN = 3;

/** UDP between two underlay endpoints, `a` being the local one of a link. */
interface Conversation {
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly sent: number;
  readonly received: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** `scion.endpoint-mismatch`: the addresses and ports that each link of each topology uses. */
export function* endpointJudgements(
  topologies: readonly ScionTopology[],
  quality: CaptureQuality,
): Generator<Judgement> {
  for (const { links } of topologies) {
    const listed = new Set(links.flatMap(({ remote }) => remote.host ?? []));
    for (const link of links) yield judgeLink(link, listed, quality);
  }
}

function judgeLink(link: ScionLink, listed: ReadonlySet<string>, quality: CaptureQuality): Judgement {
  const subject = subjectOf(link);
  const conversations = conversationsOf(link, quality);
  const between = conversations.filter(({ remoteHost }) => remoteHost === link.remote.host);
  const [exact] = between.filter((one) => hasPorts(one, link));
  if (exact) return { result: 'healthy', subject };
  const [otherPort] = busiest(between.filter((one) => isOnePortRight(one, link)));
  if (otherPort) return portProblem(link, otherPort);
  const strangers = conversations.filter(
    (one) =>
      one.localPort === link.local.port &&
      !listed.has(one.remoteHost) &&
      one.sent + one.received >= STRANGER_PACKETS_MIN,
  );
  const [stranger] = busiest(strangers);
  if (stranger) return addressProblem(link, stranger);
  const [moved] = busiest(fromElsewhere(link, quality));
  if (moved) return localProblem(link, moved);
  return insufficientData(
    subject,
    `No packet of the link ${linkWords(link)} is in the capture; capture on the interface that has its local address.`,
  );
}

/** The neighbour's endpoint of this link, with another host than the local one. */
function fromElsewhere(link: ScionLink, quality: CaptureQuality): Conversation[] {
  const anyLocal = { ...link, local: { host: null, port: null } };
  return conversationsOf(anyLocal, quality).filter(
    ({ localHost, remotePort, sent, received }) =>
      link.remote.port !== null &&
      remotePort === link.remote.port &&
      localHost !== link.local.host &&
      localHost !== link.bind &&
      sent + received >= STRANGER_PACKETS_MIN,
  );
}

/** Right local side (or wildcard), whatever the other end. */
function conversationsOf({ local, bind, remote }: ScionLink, quality: CaptureQuality): Conversation[] {
  const isLocal = (host: string): boolean =>
    local.host === null ? host !== remote.host : host === local.host || host === bind;
  const found: Conversation[] = [];
  for (const { a, b, conversations } of quality.traffic.all()) {
    const isWild = local.host === null && a !== remote.host && b !== remote.host;
    if (isWild || (!isLocal(a) && !isLocal(b))) continue;
    const aIsLocal = isLocal(a) && (local.host !== null || b === remote.host);
    for (const one of conversations) {
      if (one.protocol !== PROTOCOL_UDP) continue;
      const [sent, received] = aIsLocal ? [one.fromA, one.fromB] : [one.fromB, one.fromA];
      const first = earlier(sent.first, received.first);
      const last = later(sent.last, received.last);
      if (!first || !last) continue;
      found.push({
        localHost: aIsLocal ? a : b,
        localPort: aIsLocal ? one.portOfA : one.portOfB,
        remoteHost: aIsLocal ? b : a,
        remotePort: aIsLocal ? one.portOfB : one.portOfA,
        sent: sent.packets,
        received: received.packets,
        first,
        last,
      });
    }
  }
  return found;
}

function hasPorts({ localPort, remotePort }: Conversation, { local, remote }: ScionLink): boolean {
  return (
    (local.port === null || localPort === local.port) && (remote.port === null || remotePort === remote.port)
  );
}

function isOnePortRight({ localPort, remotePort }: Conversation, { local, remote }: ScionLink): boolean {
  return localPort === local.port || remotePort === remote.port;
}

function busiest(conversations: readonly Conversation[]): Conversation[] {
  return [...conversations].sort(
    (a, b) => b.sent + b.received - (a.sent + a.received) || a.first.frame - b.first.frame,
  );
}

/** The same hosts on another port: the guide's own working example does so, hence no error while both directions live. */
function portProblem(link: ScionLink, seen: Conversation): Problem {
  const isTwoWay = seen.sent > 0 && seen.received > 0;
  // The router here sends by its own file: if it sends to another port, this is not the file that it runs with.
  const isOtherFile = seen.sent > 0;
  return {
    ...problemOf(link, seen),
    severity: isOtherFile ? 'warning' : 'error',
    ...(isOtherFile ? { fault: 'remark' as const } : {}),
    explanation:
      `The link ${linkWords(link)} runs on ports ${seen.localPort} and ${seen.remotePort} (${originText(link.origin)} has ${link.local.port ?? 'any'} and ${link.remote.port ?? 'any'}); ` +
      `${isTwoWay ? 'both directions carry packets' : `only ${seen.sent > 0 ? 'packets sent from here' : 'packets of the neighbour'} are seen`}.` +
      (isOtherFile
        ? ' The router sends there by a topology of its own, which is another than this one.'
        : ''),
  };
}

function localProblem(link: ScionLink, seen: Conversation): Problem {
  const isTwoWay = seen.sent > 0 && seen.received > 0;
  return {
    ...problemOf(link, seen),
    severity: isTwoWay ? 'warning' : 'error',
    explanation:
      `The neighbour of the link ${linkWords(link)} talks with ${seen.localHost}:${seen.localPort}, not with the local address in ${originText(link.origin)}; ` +
      `${isTwoWay ? 'both directions carry packets' : 'only one direction is seen'}.`,
  };
}

function addressProblem(link: ScionLink, seen: Conversation): Problem {
  return {
    ...problemOf(link, seen),
    severity: 'error',
    explanation:
      `${seen.localHost}:${seen.localPort} of the link to ${link.neighbour} exchanges packets with ${seen.remoteHost}, ` +
      `and with ${link.remote.host ?? 'any'} none; the neighbour is ${linkWords(link)} in ${originText(link.origin)}.`,
  };
}

function problemOf(link: ScionLink, seen: Conversation): Omit<Problem, 'severity' | 'explanation'> {
  const family = seen.localHost.includes(':') ? 'ipv6' : 'ip';
  return {
    result: 'problem',
    subject: subjectOf(link),
    confidence: 'medium',
    pair: [seen.localHost, seen.remoteHost],
    where: 'unknown',
    first: seen.first,
    last: seen.last,
    lastGood: null,
    ongoingAtEnd: true,
    counts: { sent: seen.sent, received: seen.received },
    evidence: citations(
      seen,
      `${seen.localHost}:${seen.localPort} and ${seen.remoteHost}:${seen.remotePort}`,
    ),
    displayFilter: `${family}.addr == ${seen.localHost} && ${family}.addr == ${seen.remoteHost} && udp.port == ${seen.localPort} && udp.port == ${seen.remotePort}`,
  };
}

function citations(
  { first, last }: { readonly first: FrameRef; readonly last: FrameRef },
  summary: string,
): Citation[] {
  const cited = (ref: FrameRef, text: string): Citation => {
    const { frame, segment, timeNs } = ref;
    return { frame, segment, timeNs, summary: text };
  };
  return [cited(first, `first packet: ${summary}`), cited(last, `last packet: ${summary}`)];
}

function subjectOf({ borderRouter, interfaceId, local, remote }: ScionLink) {
  return {
    kind: 'tunnel',
    tunnel: 'scion',
    endpoints: [local.host ?? '', remote.host ?? ''],
    borderRouter,
    interface: interfaceId,
  };
}

/** "10.0.8.8:50000 to 10.0.8.1:50202 (17-ffaa:0:1107)". */
function linkWords({ local, remote, neighbour }: ScionLink): string {
  const end = ({ host, port }: ScionLink['local']): string =>
    host === null || port === null ? `${host ?? 'any address'}:${port ?? 'any'}` : endpointText(host, port);
  return `${end(local)} to ${end(remote)} (${neighbour})`;
}

function earlier(a: FrameRef | null, b: FrameRef | null): FrameRef | null {
  return a && b ? (b.frame < a.frame ? b : a) : (a ?? b);
}

function later(a: FrameRef | null, b: FrameRef | null): FrameRef | null {
  return a && b ? (b.frame > a.frame ? b : a) : (a ?? b);
}

/**
 * `scion.tun-address-mismatch`: the tunnel interface of the host (`ip addr`) has an address that no link of the
 * topology has as its local one, and no other interface has one either. Judged only where packets of that address
 * are in the capture.
 */
export function* tunAddressJudgements(
  topologies: readonly ScionTopology[],
  interfaces: readonly HostLink[],
  quality: CaptureQuality,
): Generator<Judgement> {
  const tunnels = interfaces.filter(({ name, tunnel }) => tunnel?.kind === 'tun' || /^tun\d/.test(name));
  const owned = new Set(interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  for (const { links, file } of topologies) {
    const expected = links.flatMap(({ local, bind }) => [local.host, bind]).filter((host) => host !== null);
    if (expected.length === 0 || tunnels.length === 0) continue;
    const isThere = expected.some((host) => owned.has(host));
    for (const { name, addresses, origin } of tunnels) {
      for (const { address } of addresses.filter((one) => !one.address.startsWith('fe80:'))) {
        const subject = { kind: 'capture', interface: name, address };
        if (isThere) {
          yield { result: 'healthy', subject };
          continue;
        }
        const seen = packetsOf(address, quality);
        const words = `${name} has ${address} (${originText(origin)}), and no link of ${file} has that local address; theirs: ${expected.join(', ')}`;
        if (seen === null) {
          yield insufficientData(subject, `${words}. No packet of it is in the capture; capture on ${name}.`);
          continue;
        }
        yield {
          result: 'problem',
          subject,
          severity: 'error',
          confidence: 'high',
          explanation: `${words}.`,
          where: 'sender',
          first: seen.first,
          last: seen.last,
          lastGood: null,
          ongoingAtEnd: true,
          counts: { packets: seen.packets },
          evidence: citations(seen, `packet of ${address}`),
          displayFilter: `${address.includes(':') ? 'ipv6' : 'ip'}.addr == ${address}`,
        };
      }
    }
  }
}

function packetsOf(
  address: string,
  quality: CaptureQuality,
): { readonly packets: number; readonly first: FrameRef; readonly last: FrameRef } | null {
  let packets = 0;
  let first: FrameRef | null = null;
  let last: FrameRef | null = null;
  for (const { a, b, fromA, fromB } of quality.traffic.all()) {
    if (a !== address && b !== address) continue;
    packets += fromA.packets + fromB.packets;
    for (const way of [fromA, fromB]) {
      first = earlier(first, way.first);
      last = later(last, way.last);
    }
  }
  return first && last ? { packets, first, last } : null;
}

/** Packets of SCION between two underlay hosts with one pair of ISD-ASes in the header. */
export interface IsdAsObservation {
  readonly from: string;
  readonly to: string;
  /** `17-ffaa:1:64`, or `1-64512`. */
  readonly source: string;
  readonly destination: string;
  /** BFD and one-hop packets: they begin and end at the two ends of the link. */
  readonly isOfLink: boolean;
  readonly packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/**
 * `scion.ia-mismatch`: what a router sends must come from the ISD-AS of its topology, and what it receives must go
 * there; between the two ends of a link, both must be theirs. An AS that others may cross (child, core or peer
 * links) is judged by the packets of the link alone.
 */
export function* isdAsJudgements(
  topologies: readonly ScionTopology[],
  transmissions: readonly IsdAsObservation[],
): Generator<Judgement> {
  for (const topology of topologies) {
    const isLeaf = topology.links.every(({ linkTo }) => linkTo === 'parent');
    for (const link of topology.links) {
      const own = transmissions.filter(
        ({ from, to }) => isOnLink(link, from, to) || isOnLink(link, to, from),
      );
      const judged = own.filter(({ isOfLink }) => isOfLink || isLeaf);
      if (judged.length === 0) continue;
      const wrong = judged.filter((one) => isWrong(topology, link, one));
      if (isNonEmpty(wrong)) yield isdAsProblem(topology, link, wrong);
      else yield { result: 'healthy', subject: subjectOf(link) };
    }
  }
}

function isOnLink({ local, bind, remote }: ScionLink, here: string, there: string): boolean {
  return there === remote.host && (local.host === null || here === local.host || here === bind);
}

function isWrong({ isdAs }: ScionTopology, link: ScionLink, one: IsdAsObservation): boolean {
  const isSent = one.to === link.remote.host;
  const [ours, theirs] = isSent ? [one.source, one.destination] : [one.destination, one.source];
  return !isSameIsdAs(ours, isdAs) || (one.isOfLink && !isSameIsdAs(theirs, link.neighbour));
}

function isdAsProblem(topology: ScionTopology, link: ScionLink, wrong: NonEmpty<IsdAsObservation>): Problem {
  const { first, last } = spanOf(wrong);
  const one = faultiest(topology, link, wrong);
  const family = one.from.includes(':') ? 'ipv6' : 'ip';
  return {
    result: 'problem',
    subject: subjectOf(link),
    severity: 'error',
    confidence: 'high',
    explanation:
      `On the link ${linkWords(link)} packets from ${one.from} go from ${one.source} to ${one.destination}; ` +
      `${originText(link.origin)} is that of ${topology.isdAs} with the neighbour ${link.neighbour}.`,
    pair: [one.from, one.to],
    direction: { from: one.from, to: one.to },
    where: 'sender',
    first,
    last,
    lastGood: null,
    ongoingAtEnd: true,
    counts: { packets: wrong.reduce((sum, { packets }) => sum + packets, 0), pairsOfIsdAs: wrong.length },
    evidence: citations({ first, last }, `${one.source} to ${one.destination}`),
    displayFilter: `${family}.addr == ${one.from} && ${family}.addr == ${one.to} && udp`,
  };
}

/**
 * Of packets that contradict the topology those whose sender does: whoever names another AS as its own has the wrong
 * configuration, and the other end only answers it. The side of the topology goes first.
 */
function faultiest(
  { isdAs }: ScionTopology,
  { local, neighbour, remote }: ScionLink,
  wrong: readonly IsdAsObservation[],
): IsdAsObservation {
  const isSent = ({ from, to }: IsdAsObservation): boolean =>
    local.host === null ? to === remote.host : from !== remote.host;
  const names = (one: IsdAsObservation): boolean =>
    !isSameIsdAs(one.source, isSent(one) ? isdAs : neighbour) && (isSent(one) || one.isOfLink);
  return wrong.find((one) => isSent(one) && names(one)) ?? wrong.find(names) ?? wrong[0];
}

/** AS numbers are written in decimal below 2^32 and in three hexadecimal groups otherwise; some files write all in groups. */
export function isSameIsdAs(a: string, b: string): boolean {
  const first = isdAsNumbers(a);
  const second = isdAsNumbers(b);
  return first !== null && second !== null && first.isd === second.isd && first.as === second.as;
}

function isdAsNumbers(text: string): { readonly isd: number; readonly as: number } | null {
  const [, isd, as] = /^(\d{1,5})-([0-9a-f:]{1,20})$/i.exec(text.replaceAll('_', ':')) ?? [];
  if (as === undefined) return null;
  const groups = as.split(':');
  if (groups.length === 1) return { isd: Number(isd), as: Number(as) };
  if (groups.length !== 3) return null;
  return {
    isd: Number(isd),
    as: groups.reduce((sum, group) => sum * 65_536 + Number.parseInt(group, 16), 0),
  };
}
