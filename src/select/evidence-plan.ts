import type { CitedFrame, Finding, Report } from '../report/report.js';
import { nsOfSeconds } from '../units.js';
import { addressBytes } from '../wire/address-bytes.js';
import type { FilterExpression } from './filter-expression.js';
import { type Net, netOf, type Term } from './filter-terms.js';
import { timeWordOf } from './time-words.js';
import { tunnelFilter } from './tunnel-filter.js';

/** A stretch of time around a frame of a finding. */
export interface Window {
  /** Nanoseconds since 1970 by the clock of side a, or from the first frame of `capture` where there is no date. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** Index in `captures[]` of the report; null where times have a date, and any capture is meant. */
  readonly capture: number | null;
}

/** The frames that a finding rests on, and which others are kept to understand them. */
export interface EvidencePlan {
  /** `[1] esp.one-way-spi`: the finding by its place in the report. */
  readonly label: string;
  readonly severity: Finding['severity'];
  readonly id: string;
  readonly title: string;
  /** Why a frame matters, by `frameKey`. */
  readonly cited: ReadonlyMap<string, string>;
  readonly lastGood: { readonly frame: number; readonly timeNs: bigint } | null;
  readonly windows: readonly Window[];
  /** What is kept in the windows; null: nothing but the frames that are cited. */
  readonly around: FilterExpression | null;
}

/** @param capture index in `captures[]` of the report */
export function frameKey(capture: number, frame: number): string {
  return `${capture} ${frame}`;
}

/** More addresses than these are no pair of hosts: a frame of any of them is kept. */
const PAIRS_OF_MAX = 4;
const ADDRESSES_MAX = 12;

/** One plan for each finding that cites frames, in the order of the report. */
export function evidencePlans(report: Report, contextSeconds: number): EvidencePlan[] {
  const contextNs = nsOfSeconds(contextSeconds);
  return report.findings.flatMap((finding, index) => {
    if (finding.evidence.length === 0) return [];
    const { id, severity, title, lastGood } = finding;
    const lastGoodNs = lastGood === null ? null : absoluteNs(lastGood.time);
    return {
      label: `[${index + 1}] ${id}`,
      id,
      severity,
      title,
      cited: new Map(finding.evidence.map((one) => [frameKey(one.capture, one.frame), one.summary])),
      lastGood:
        lastGood === null || lastGoodNs === null ? null : { frame: lastGood.frame, timeNs: lastGoodNs },
      windows: merged(finding.evidence.flatMap((one) => windowOf(one, report, contextNs))),
      around: framesAround(finding, report),
    };
  });
}

function absoluteNs(time: string | null): bigint | null {
  const word = time === null ? null : timeWordOf(time);
  return word?.kind === 'absolute' ? word.ns : null;
}

function windowOf(one: CitedFrame, report: Report, contextNs: bigint): Window[] {
  const dated = absoluteNs(one.time);
  if (dated !== null) {
    const timeNs = dated - clockShiftNs(report, one.capture);
    return [{ fromNs: timeNs - contextNs, toNs: timeNs + contextNs, capture: null }];
  }
  if (one.relativeSeconds === null) return [];
  const timeNs = nsOfSeconds(one.relativeSeconds);
  return [{ fromNs: timeNs - contextNs, toNs: timeNs + contextNs, capture: one.capture }];
}

/** By how much the clock of that capture is ahead of side a's. */
export function clockShiftNs({ captures, compare }: Report, capture: number): bigint {
  const offset = captures[capture]?.side === 'b' ? (compare?.clock.offsetSeconds ?? 0) : 0;
  return nsOfSeconds(offset);
}

function merged(windows: readonly Window[]): Window[] {
  const sorted = [...windows].sort((a, b) => (a.fromNs < b.fromNs ? -1 : a.fromNs > b.fromNs ? 1 : 0));
  const kept: Window[] = [];
  for (const window of sorted) {
    const at = kept.findIndex((one) => one.capture === window.capture && one.toNs >= window.fromNs);
    if (at < 0) kept.push(window);
    else if (kept[at].toNs < window.toNs) kept[at] = { ...kept[at], toNs: window.toNs };
  }
  return kept;
}

/** The tunnel of the finding, or else what the hosts that it names say to each other. */
function framesAround({ tunnel, subject, direction }: Finding, { tunnels }: Report): FilterExpression | null {
  const known = tunnels.find(({ id }) => id === tunnel);
  const ofTunnel = known === undefined ? null : tunnelFilter(known, tunnels, null);
  if (ofTunnel !== null) return ofTunnel;
  const named = new Set<string>([...addressesIn(subject), ...addressesIn(direction ?? {})]);
  const nets = [...named].slice(0, ADDRESSES_MAX).flatMap((address) => {
    const bytes = addressBytes(address);
    return bytes === null ? [] : [netOf(bytes, bytes.length * 8)];
  });
  const terms = termsOf(nets);
  const [first, ...rest] = terms.map((_, term) => ({ op: 'term', term }) as const);
  if (first === undefined) return null;
  const root = rest.reduce<FilterExpression['root']>((left, right) => ({ op: 'or', left, right }), first);
  return { text: [...named].join(' '), terms, root };
}

function termsOf(nets: readonly Net[]): Term[] {
  if (nets.length === 1 || nets.length > PAIRS_OF_MAX)
    return nets.map((net) => ({ kind: 'net', end: 'either', net }));
  return nets.flatMap((a, at) => nets.slice(at + 1).map((b): Term => ({ kind: 'pair', a, b })));
}

function addressesIn(value: unknown): string[] {
  if (typeof value === 'string') return addressBytes(value) === null ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(addressesIn);
  if (value !== null && typeof value === 'object') return Object.values(value).flatMap(addressesIn);
  return [];
}
