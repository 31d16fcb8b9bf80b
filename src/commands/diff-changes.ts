import type { CaptureDiff, Change, FindingOfOne } from '../report/capture-diff.js';
import type { Finding, Report, Tunnel } from '../report/report.js';
import type { CaptureTraits, DirectionTraits } from '../select/traits.js';
import { isAddressText } from '../wire/address.js';
import type { SettingsByEnds } from './session-settings.js';

/** What one capture is known by. */
export interface Seen {
  readonly report: Report;
  readonly traits: CaptureTraits;
  readonly settings: SettingsByEnds;
}

/** Numbers that are nearer than this are the same: times and rates never repeat. */
const SAME_SHARE = 0.2;
/** Fewer packets make no rate. */
const RATE_PACKETS_MIN = 20;
/** A rate or a round trip has changed by at least this factor. */
const RATE_FACTOR = 2;
/** Round trips below are those of the same rack: their noise is no change. */
const ROUND_TRIP_SECONDS_MIN = 0.001;
/** Values of a trait that one packet in fifty has are those of the other traffic between the hosts. */
const RARE_SHARE = 0.02;
/** Facts of a tunnel that count or sum up, or that differ in every run. */
const COUNTING_FACTS = new Set([
  'id',
  'directions',
  'endpoints',
  'kind',
  'state',
  'key',
  'spis',
  'encapsulatedIn',
]);
const COUNTS =
  /packets|bytes|count|lost|frames|messages|exchanges|first|last|series|since|until|missing|duplicates|samples|spi|fragmented|childSas|established/i;

/** What is otherwise in the second capture. */
export function changesBetween(
  good: Seen,
  bad: Seen,
): Pick<CaptureDiff, 'changes' | 'findings' | 'compared'> {
  const tunnels = tunnelChanges(good.report, bad.report);
  const directions = directionChanges(good.traits, bad.traits);
  return {
    changes: [
      ...tunnels.changes,
      ...settingChanges(good, bad),
      ...directions.changes,
      ...roundTripChanges(good.traits, bad.traits),
    ],
    findings: {
      new: withoutThoseOf(bad.report.findings, good.report.findings),
      gone: withoutThoseOf(good.report.findings, bad.report.findings),
    },
    compared: { tunnels: tunnels.compared, directions: directions.compared },
  };
}

function tunnelChanges(good: Report, bad: Report): { changes: Change[]; compared: number } {
  const [before, after] = [good, bad].map(({ tunnels }) => new Map(tunnels.map((one) => [nameOf(one), one])));
  const changes: Change[] = [];
  let compared = 0;
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [one, other] = [before.get(name), after.get(name)];
    const change = (what: string, was: string | null, is: string | null): void => {
      changes.push({ tunnel: name, direction: null, what, good: was, bad: is });
    };
    if (one === undefined || other === undefined) {
      change('tunnel', one?.state ?? null, other?.state ?? null);
      continue;
    }
    compared++;
    if (one.state !== other.state) change('state', one.state, other.state);
    const [was, is] = [factsOf(one), factsOf(other)];
    for (const fact of new Set([...was.keys(), ...is.keys()])) {
      const [a, b] = [was.get(fact), is.get(fact)];
      if (!areSame(a, b)) change(fact, textOf(a), textOf(b));
    }
  }
  return { changes, compared };
}

/** SPIs are drawn anew with every key: a tunnel of IPsec is known by its ends. */
function nameOf({ kind, endpoints, key }: Tunnel): string {
  const named = typeof key === 'number' ? ` ${key}` : '';
  return `${kind}${named} ${[...endpoints].sort().join(' <-> ')}`;
}

function factsOf(tunnel: Tunnel): Map<string, unknown> {
  const facts = new Map<string, unknown>();
  const flatten = (value: unknown, path: string): void => {
    if (COUNTS.test(path)) return;
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      for (const [name, part] of Object.entries(value)) flatten(part, path === '' ? name : `${path} ${name}`);
    } else facts.set(path, value);
  };
  for (const [name, value] of Object.entries(tunnel)) if (!COUNTING_FACTS.has(name)) flatten(value, name);
  return facts;
}

function areSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return a === b || Math.abs(a - b) < SAME_SHARE * Math.max(Math.abs(a), Math.abs(b));
  return JSON.stringify(a) === JSON.stringify(b);
}

function textOf(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Of what both captures tell; a value that only one of them shows is not known to have changed. */
function settingChanges(good: Seen, bad: Seen): Change[] {
  const changes: Change[] = [];
  for (const [ends, before] of good.settings) {
    for (const [what, was] of before) {
      const is = bad.settings.get(ends)?.get(what);
      if (is === undefined) continue;
      const [a, b] = [was, is].map((values) => [...values].sort().join(', '));
      if (a !== b) changes.push({ tunnel: ends, direction: null, what, good: a, bad: b });
    }
  }
  return changes;
}

function directionChanges(good: CaptureTraits, bad: CaptureTraits): { changes: Change[]; compared: number } {
  const changes: Change[] = [];
  let compared = 0;
  for (const [key, before] of good.directions) {
    const after = bad.directions.get(key);
    if (after === undefined || before.packets === 0 || after.packets === 0) continue;
    compared++;
    const { from, to, inside } = before;
    for (const [what, was, is] of [
      ...traitChanges(before, after),
      ...amountChanges(before, after, good, bad),
    ])
      changes.push({ tunnel: null, direction: { from, to, inside }, what, good: was, bad: is });
  }
  return { changes, compared };
}

type Difference = readonly [what: string, good: string | null, bad: string | null];

function traitChanges(before: DirectionTraits, after: DirectionTraits): Difference[] {
  const differences: Difference[] = [];
  for (const [name, was] of before.values) {
    const is = after.values.get(name);
    if (!was || !is) continue;
    const [usual, now] = [usualValues(was), usualValues(is)];
    if (usual.join() !== now.join()) differences.push([name, usual.join(', '), now.join(', ')]);
  }
  return differences;
}

function usualValues(values: ReadonlyMap<string, number>): string[] {
  const total = [...values.values()].reduce((sum, count) => sum + count, 0);
  return [...values]
    .filter(([, count]) => count > RARE_SHARE * total)
    .map(([value]) => value)
    .sort();
}

function amountChanges(
  before: DirectionTraits,
  after: DirectionTraits,
  good: CaptureTraits,
  bad: CaptureTraits,
): Difference[] {
  const differences: Difference[] = [];
  if (before.largest !== after.largest && Math.max(before.largest, after.largest) >= LARGE_BYTES)
    differences.push(['largest packet', `${before.largest} bytes`, `${after.largest} bytes`]);
  if (Math.max(before.packets, after.packets) < RATE_PACKETS_MIN || good.seconds <= 0 || bad.seconds <= 0)
    return differences;
  const [was, is] = [before.packets / good.seconds, after.packets / bad.seconds];
  if (was >= RATE_FACTOR * is || is >= RATE_FACTOR * was)
    differences.push(['rate', `${was.toPrecision(3)} packets/s`, `${is.toPrecision(3)} packets/s`]);
  return differences;
}

/** The size of small packets is that of what happened to be said. */
const LARGE_BYTES = 1200;

function roundTripChanges(good: CaptureTraits, bad: CaptureTraits): Change[] {
  const after = bad.roundTrips.medians();
  return [...good.roundTrips.medians()].flatMap(([name, was]): Change[] => {
    const is = after.get(name);
    if (is === undefined || Math.max(was, is) < ROUND_TRIP_SECONDS_MIN) return [];
    if (was < RATE_FACTOR * is && is < RATE_FACTOR * was) return [];
    const [a, b] = [was, is].map((seconds) => `${(seconds * 1000).toPrecision(3)} ms`);
    return [{ tunnel: null, direction: null, what: `round trip of ${name}`, good: a, bad: b }];
  });
}

function withoutThoseOf(findings: readonly Finding[], others: readonly Finding[]): FindingOfOne[] {
  const known = new Set(others.map(identityOf));
  return findings
    .filter((finding) => !known.has(identityOf(finding)))
    .map(({ id, severity, title, key }) => ({ id, severity, title, key }));
}

/** The id and the hosts: ports, SPIs and times of a subject are others in another capture. */
function identityOf({ id, subject }: Finding): string {
  const hosts = Object.values(subject)
    .flat()
    .filter((value) => typeof value === 'string' && isAddressText(value));
  return `${id} ${[...new Set(hosts)].sort().join(' ')}`;
}
