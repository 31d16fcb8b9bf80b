import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import {
  absoluteNs,
  type Nanoseconds,
  NS_PER_MILLISECOND,
  NS_PER_SECOND,
  type SegmentIndex,
} from '../../src/units.js';
import { durationText } from '../../src/wording/durations.js';
import { ntpAssociations } from './correlator.js';
import { LEAP_UNSYNCHRONISED, SECONDS_1900_TO_1970 } from './layout.js';
import type { NtpExchange, NtpTimestamp } from './session.js';

/*
 * Three clocks meet in a capture: the server's, the client's and that of the host that captured. From the server's times
 * and those of the frames follows server minus capture; from the client's own time in its request follows client minus
 * capture. Their difference, server minus client, does not depend on the capture's clock.
 */

/** Above this ntpd steps the clock instead of slewing it. */
export const OFFSET_MS = 128;
/** On the way from the client to a capture point that is not beside it. */
const TRANSIT_NS: Nanoseconds = 250 * NS_PER_MILLISECOND;
/** Two readings of one clock agree that well; random bits do so in one of 2^31 cases. */
const AGREEMENT_NS: Nanoseconds = NS_PER_SECOND;

export const EXCHANGES_MIN = 2;
/** While a client sets its clock its offset is large and no fault. */
export const STARTING_SECONDS = 300;
const SIMPLE_CLIENT_SECONDS = 30;

/** What one exchange says of the clocks. */
export interface Measurement {
  readonly server: string;
  readonly request: FrameRef;
  readonly reply: FrameRef;
  readonly exchange: NtpExchange;
  /** Round trip between capture point and server, without the server's own time; never negative. */
  readonly delayNs: Nanoseconds;
  /** Server's clock minus the capture's. */
  readonly captureOffsetNs: Nanoseconds;
  /** Server's clock minus the client's; NaN where the client does not tell its time. */
  readonly clientOffsetNs: Nanoseconds;
  /** How far the two offsets may be wrong. */
  readonly captureErrorNs: Nanoseconds;
  readonly clientErrorNs: Nanoseconds;
}

/** All exchanges of one host in one tunnel stack and time segment, with whatever servers. */
export interface HostClock {
  readonly client: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly measurements: readonly Measurement[];
}

/** In order of first frame; hosts without a complete exchange, and segments without date, are left out. */
export function hostClocks(evidence: Evidence): HostClock[] {
  const { quality } = evidence;
  const dated = evidence
    .sessions(ntpAssociations)
    .filter(
      ({ segment, exchanges }) => exchanges.length > 0 && quality.segments[segment]?.clock === 'absolute',
    );
  const groups = groupBy(dated, ({ stack, segment, client }) => `${stack} ${segment} ${client}`);
  return [...groups.values()].map((group) => ({
    client: group[0].client,
    stack: group[0].stack,
    segment: group[0].segment,
    measurements: measure(
      quality,
      group.flatMap(({ exchanges }) => exchanges),
    ),
  }));
}

function measure(quality: CaptureQuality, exchanges: readonly NtpExchange[]): Measurement[] {
  const readings = exchanges
    .map((exchange) => ({ exchange, clientNs: clientMinusCapture(quality, exchange) }))
    .sort((a, b) => a.exchange.reply.frame - b.exchange.reply.frame);
  return readings.flatMap(({ exchange, clientNs }, index) => {
    const isTold = readings.some(
      (other, at) => at !== index && Math.abs(other.clientNs - clientNs) <= AGREEMENT_NS,
    );
    return measurementOf(quality, exchange, isTold ? clientNs : Number.NaN);
  });
}

function measurementOf(
  quality: CaptureQuality,
  exchange: NtpExchange,
  clientNs: Nanoseconds,
): Measurement | [] {
  const { server, request, reply, serverReceive, serverTransmit } = exchange;
  const receivedNs = minusCapture(quality, serverReceive, request);
  const sentNs = minusCapture(quality, serverTransmit, reply);
  // (T2 - T1) - (T3 - T4); a server that answers before it is asked, or after it was heard, tells nonsense.
  const delayNs = receivedNs - sentNs;
  const heldNs = reply.timeNs - request.timeNs - delayNs;
  if (!(delayNs >= -NS_PER_MILLISECOND) || !(heldNs >= -NS_PER_MILLISECOND)) return [];
  const captureOffsetNs = (receivedNs + sentNs) / 2;
  const captureErrorNs = Math.max(0, delayNs) / 2;
  return {
    server,
    request,
    reply,
    exchange,
    delayNs: Math.max(0, delayNs),
    captureOffsetNs,
    clientOffsetNs: captureOffsetNs - clientNs,
    captureErrorNs,
    clientErrorNs: captureErrorNs + (exchange.isAtClient ? 0 : TRANSIT_NS),
  };
}

/** NaN where the request holds no time. */
function clientMinusCapture(
  quality: CaptureQuality,
  { clientTransmit, request, isOutbound }: NtpExchange,
): Nanoseconds {
  // On the client itself both are one clock, whatever the request says.
  if (isOutbound) return 0;
  if (clientTransmit.seconds === 0) return Number.NaN;
  return minusCapture(quality, clientTransmit, request);
}

/**
 * An NTP time minus the capture's time of a frame, in the era that is nearest to it (RFC 5905, section 6). NaN where the
 * capture does not say when that was.
 */
function minusCapture(quality: CaptureQuality, time: NtpTimestamp, ref: FrameRef): Nanoseconds {
  const captureNs = absoluteNs(quality.segments[ref.segment].baseNs, ref.timeNs);
  if (captureNs === null) return Number.NaN;
  const seconds = BigInt(time.seconds) - SECONDS_1900_TO_1970;
  const fractionNs = (BigInt(time.fraction) * 1_000_000_000n) >> 32n;
  const eraNs = 1_000_000_000n << 32n;
  const difference = seconds * 1_000_000_000n + fractionNs - captureNs;
  const wrapped = ((difference % eraNs) + eraNs) % eraNs;
  return Number(wrapped > eraNs / 2n ? wrapped - eraNs : wrapped);
}

export function isOff(offsetNs: Nanoseconds, errorNs: Nanoseconds): boolean {
  return Math.abs(offsetNs) - errorNs > OFFSET_MS * NS_PER_MILLISECOND;
}

/**
 * Measurements by which the offset of a clock stands: at least 2, the newest among them, the same way, and against most of
 * the servers that were asked. Null where the clock is right, or was set right.
 */
export function lastingOffset(
  measurements: readonly Measurement[],
  offsetOf: (one: Measurement) => { readonly offsetNs: Nanoseconds; readonly errorNs: Nanoseconds },
): readonly Measurement[] | null {
  const newest = measurements[measurements.length - 1];
  if (!newest) return null;
  const sign = Math.sign(offsetOf(newest).offsetNs);
  const off = measurements.filter((one) => {
    const { offsetNs, errorNs } = offsetOf(one);
    return isOff(offsetNs, errorNs) && Math.sign(offsetNs) === sign;
  });
  if (off.length < EXCHANGES_MIN || !off.includes(newest)) return null;
  const servers = new Set(measurements.map(({ server }) => server));
  const disagreeing = [...servers].filter((server) =>
    off.includes(measurements.findLast((one) => one.server === server) ?? newest),
  );
  return disagreeing.length * 2 > servers.size ? off : null;
}

/** Seconds over which the client must have been off before that is a fault: while it starts it sets its clock. */
export function patienceSeconds(off: readonly Measurement[]): number {
  if (off.some(({ exchange }) => exchange.clientLeap === LEAP_UNSYNCHRONISED)) return STARTING_SECONDS;
  return off.some(({ exchange }) => exchange.clientStratum === 0) ? SIMPLE_CLIENT_SECONDS : 0;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `19.3 s`, `1 h 0 min 3 s`, `145 ms`. */
export function offsetWords(ns: Nanoseconds): string {
  const size = Math.abs(ns);
  const seconds = size / NS_PER_SECOND;
  if (seconds >= 60) {
    const whole = Math.round(seconds);
    const [days, hours, minutes] = [
      Math.floor(whole / 86_400),
      Math.floor(whole / 3600) % 24,
      Math.floor(whole / 60) % 60,
    ];
    if (days > 0) return `${days} d ${hours} h`;
    return hours > 0 ? `${hours} h ${minutes} min ${whole % 60} s` : `${minutes} min ${whole % 60} s`;
  }
  return durationText(size);
}
