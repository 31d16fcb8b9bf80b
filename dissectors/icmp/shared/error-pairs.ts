import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { SNAPLEN, WHOLE_PACKETS_RECIPE } from '../../../src/correlate/gates.js';
import { isBefore, type OneWayTraffic } from '../../../src/correlate/traffic.js';
import type { Judgement } from '../../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, mapped, type NonEmpty, spanOf } from '../../../src/moment.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../../../src/wire/ip.js';
import { ipProtocolName } from '../../../src/wire/ip-protocols.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import { endpointText } from '../../../src/wording/endpoints.js';
import { byDirection, type Direction, pairSubject } from '../../../src/wording/subjects.js';
import type { IcmpError, QuotedPacket } from '../icmp-errors.js';
import { wordsFor } from '../message-types.js';

const CITED_KINDS_MAX = 5;
const FILTER_KINDS_MAX = 8;

/** Errors about packets from one host to another, all reporters and flows together. */
export interface ErrorPair extends Direction {
  readonly errors: NonEmpty<QuotingError>;
  readonly count: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly reporters: readonly string[];
}

export type QuotingError = IcmpError & { readonly quoted: QuotedPacket };

/** Groups plausible errors with a readable quote by the direction of the packets that they are about. */
export function errorPairs(errors: readonly IcmpError[]): ErrorPair[] {
  const quoting = errors.filter(isUsable).map((error) => ({
    error,
    source: error.quoted.source,
    destination: error.quoted.destination,
    stack: error.stack,
  }));
  return byDirection(quoting).map((group) => {
    const ofPair = mapped(group, ({ error }) => error);
    const { source, destination, stack } = group[0];
    return {
      source,
      destination,
      stack,
      errors: ofPair,
      count: ofPair.reduce((sum, { count }) => sum + count, 0),
      ...spanOf(ofPair),
      reporters: [...new Set(ofPair.map(({ reporter }) => reporter))],
    };
  });
}

function isUsable(error: IcmpError): error is QuotingError {
  return error.isPlausible && error.quoted !== null;
}

/** Judgements about errors that cannot be attached to a flow, so that none is dropped in silence. */
export function* unusableErrors(quality: CaptureQuality, errors: readonly IcmpError[]): Generator<Judgement> {
  for (const { quoted, reporter, receiver, stack, meaning, isPlausible, count } of errors) {
    if (isPlausible) continue;
    const what = `${count} × ${wordsFor(meaning)} from ${reporter} to ${receiver}`;
    yield {
      result: 'insufficient-data',
      subject: pairSubject(quality, { source: receiver, destination: reporter, stack }),
      reason: quoted
        ? `${what} quotes a packet of ${quoted.source}, which is not the receiver: an address translation changed one header only, or it is forged; capture at ${quoted.source}.`
        : `${what} quotes too little of the packet that it is about; ${WHOLE_PACKETS_RECIPE}`,
      limitedBy: quoted ? [] : [SNAPLEN],
    };
  }
}

/** Packets that answer the quoted flow: of its ports where the error is about ports, of the whole pair otherwise. */
function answersTo(quality: CaptureQuality, error: QuotingError): OneWayTraffic | null {
  const { source, destination, protocol, sourcePort, destinationPort } = error.quoted;
  const pair = quality.traffic.between(source, destination, error.stack);
  if (!pair) return null;
  if (error.meaning !== 'port-unreachable' && error.meaning !== 'protocol-unreachable') return pair.fromB;
  const conversation = pair.conversations.find(
    (one) => one.protocol === protocol && one.portOfA === sourcePort && one.portOfB === destinationPort,
  );
  return conversation?.fromB ?? null;
}

/** Whether the quoted destination was heard again after the last error, by more than pings of its own. */
export function hasRecovered(quality: CaptureQuality, error: QuotingError): boolean {
  const answers = answersTo(quality, error);
  if (!answers?.last || !isBefore(error.last, answers.last)) return false;
  const { source, destination } = error.quoted;
  const pair = quality.traffic.between(source, destination, error.stack);
  if (!pair || answers !== pair.fromB) return true;
  const heard = quality.hearsPeer.find(destination, source);
  if (heard && error.reporter !== destination && isBefore(error.last, heard.last)) return true;
  return pair.conversations.some(
    ({ protocol, fromB }) => !isIcmp(protocol) && fromB.last !== null && isBefore(error.last, fromB.last),
  );
}

/** Its flows have no identifier: a ping of the other side is no answer to one's own. */
function isIcmp(protocol: number): boolean {
  return protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
}

/** First and last frame of each of the worst errors. */
export function citationsOf(pair: ErrorPair): Citation[] {
  const citations: Citation[] = [];
  for (const error of worstFirst(pair).slice(0, CITED_KINDS_MAX)) {
    citations.push({ ...at(error.first), summary: summaryOf(error) });
    if (error.count > 1)
      citations.push({ ...at(error.last), summary: `${summaryOf(error)} (last of ${error.count})` });
  }
  return citations.sort((a, b) => a.frame - b.frame);
}

export function summaryOf({ meaning, reporter, quoted }: QuotingError): string {
  return `${reporter} reports ${wordsFor(meaning)} for ${flowWords(quoted)}`;
}

/** `UDP 192.0.2.1:4500 -> 198.51.100.2:4500`, `ESP a -> b SPI 0x…`. */
export function flowWords(quoted: QuotedPacket): string {
  const { source, destination, sourcePort, destinationPort, spi } = quoted;
  const name = ipProtocolName(quoted.protocol);
  const from = sourcePort > 0 ? endpointText(source, sourcePort) : source;
  const to = destinationPort > 0 ? endpointText(destination, destinationPort) : destination;
  const tail = spi > 0 ? ` SPI 0x${spi.toString(16).padStart(8, '0')}` : '';
  return `${name} ${from} -> ${to}${tail}`;
}

function at({ frame, timeNs, segment }: FrameRef): FrameRef {
  return { frame, timeNs, segment };
}

/** Display filter for the errors of a pair: for all of them where they are of few kinds, else for the worst ones. */
export function errorFilter(pair: ErrorPair): string {
  const kinds = new Set<string>();
  for (const { family, type, code, reporter, receiver } of worstFirst(pair)) {
    if (kinds.size >= FILTER_KINDS_MAX) break;
    const icmp = family === 6 ? 'icmpv6' : 'icmp';
    kinds.add(`(${icmp}.type == ${type} && ${icmp}.code == ${code} && ${addressFilter(reporter, receiver)})`);
  }
  return [...kinds].join(' || ');
}

function worstFirst({ errors }: ErrorPair): QuotingError[] {
  return [...errors].sort((a, b) => b.count - a.count || a.first.frame - b.first.frame);
}
