import { matchesIdPattern } from '../../src/commands/id-patterns.js';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Finding, Report } from '../../src/report/report.js';
import { writePcap, writePcapng } from '../build/capture-file.js';
import { ADDRESS } from './addresses.js';
import type { Dressed, DressedFile, Transformation } from './trace.js';
import { isOfWrapper } from './wrapped.js';

/* Runs a dressed capture and says where its verdict is not that of the capture as it was. */

export interface Violation {
  readonly kind:
    | 'alarm'
    | 'vanished'
    | 'louder'
    | 'quieter'
    | 'doubled'
    | 'another-cause'
    | 'silent'
    | 'detail'
    | 'error';
  readonly id: string;
  readonly detail: string;
}

export function bytesOf({ frames, linkType, interfaces, drops }: DressedFile): Uint8Array {
  if (interfaces === undefined) return writePcap(frames, { linkType, nanoseconds: true });
  const description = { linkType, tsresol: 9 };
  const last = frames[frames.length - 1].timeNs;
  const statistics = { timeNs: last, received: frames.length + (drops ?? 0), droppedBySystem: drops ?? 0 };
  return writePcapng([
    {
      interfaces: Array.from({ length: interfaces }, () =>
        drops === undefined ? description : { ...description, statistics },
      ),
      frames,
    },
  ]);
}

export function reportOf({ files }: Dressed): Promise<Report> {
  const inputs = files.map((file, index) => {
    const bytes = bytesOf(file);
    const stream = (async function* () {
      yield bytes;
    })();
    return { name: String(index).padStart(5, '0'), stream };
  });
  return analyze(inputs, { threads: 0 });
}

/** Who a finding is about, as the capture was before: the addresses of its subject, sorted. */
function aboutWhom({ subject }: Finding, nameBefore: Dressed['nameBefore']): string {
  const { kind, inside: _, ...rest } = subject;
  const text = nameBefore(JSON.stringify(rest).replace(MAC, ''));
  const addresses = text.match(ADDRESS) ?? [];
  return `${kind} ${[...new Set(addresses)].sort().join(' ')}`;
}

interface Told {
  readonly id: string;
  readonly about: string;
  readonly severity: Finding['severity'];
  readonly confidence: Finding['confidence'];
  readonly isConsequence: boolean;
  readonly detail: string;
  readonly origins: readonly number[];
}

/**
 * What a finding becomes where a part of its evidence is missing: the same fault by what is left of it, without the cause
 * that the missing part told.
 */
const WEAKER_FORMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ike.auth-failure', ['ike.notify', 'ike.retry-loop']],
  ['ike.responder-not-accepted', ['ike.retry-loop']],
  ['mtu.blackhole', ['tcp.retransmissions']],
  ['overlay.mtu-exceeded', ['tcp.retransmissions']],
  ['openvpn.ping-timeout', ['tcp.half-open']],
  ['openvpn.one-way-data', ['tcp.half-open']],
  ['bgp.hold-expiry', ['tcp.half-open', 'tcp.arrived-not-acknowledged']],
  ['packet.corrupted', ['underlay.ping-loss']],
]);

const MAC = /\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/g;

const RANK = { info: 0, warning: 1, error: 2 } as const;

function told(report: Report, { files, nameBefore }: Dressed): Told[] {
  return report.findings.map((finding) => {
    const origins = finding.evidence.map(
      ({ capture, frame }) => files[capture]?.frames[frame - 1]?.origin ?? -1,
    );
    return {
      id: finding.id,
      about: aboutWhom(finding, nameBefore),
      severity: finding.severity,
      confidence: finding.confidence,
      isConsequence: finding.causedBy !== undefined,
      detail: JSON.stringify({
        confidence: finding.confidence,
        where: finding.where,
        counts: finding.counts,
        ongoingAtEnd: finding.ongoingAtEnd,
      }),
      origins,
    };
  });
}

function isLoud({ severity, isConsequence }: Told): boolean {
  return severity !== 'info' && !isConsequence;
}

function key({ id, about }: Told): string {
  return `${id} (${about})`;
}

function grouped(all: readonly Told[]): Map<string, Told[]> {
  const groups = new Map<string, Told[]>();
  for (const one of all) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}

export interface Ran {
  readonly report: Report;
  readonly dressed: Dressed;
}

/** Where the verdict of `after` breaks the promise of the transformation. */
export function violationsOf(
  before: Ran,
  after: Ran,
  { promise, silences = [], isOneSided = false, isExact = false }: Transformation,
): Violation[] {
  const errors = after.report.errors.length > before.report.errors.length;
  const found: Violation[] = errors
    ? [{ kind: 'error', id: '', detail: JSON.stringify(after.report.errors) }]
    : [];
  const isSilenced = (id: string): boolean => silences.some((glob) => matchesIdPattern(id, glob));
  const was = told(before.report, before.dressed);
  const all = told(after.report, after.dressed);
  const is = all.filter(({ about }) => !isOfWrapper(about));
  // What fails inside a tunnel is then told of the tunnel around it.
  const isOfTunnel = all.some((one) => isOfWrapper(one.about) && isLoud(one));
  const rest =
    promise === 'not-stronger'
      ? weakerViolations(was, is, after, isOneSided)
      : equalViolations(was, is, promise, isExact);
  return [...found, ...rest.filter(({ id, kind }) => !isSilenced(id) && !(kind === 'quieter' && isOfTunnel))];
}

function equalViolations(
  was: readonly Told[],
  is: readonly Told[],
  promise: 'same' | 'twice',
  isExact: boolean,
): Violation[] {
  const found: Violation[] = [];
  const afterwards = grouped(is);
  const beforehand = grouped(was);
  for (const [name, group] of beforehand) {
    const others = afterwards.get(name) ?? [];
    const [{ id, about }] = group;
    const isOfCapture = id.startsWith('capture.') || about.startsWith('capture');
    const loud = group.filter(isLoud).length;
    const loudAfter = others.filter(isLoud).length;
    if (others.length === 0) {
      found.push({ kind: 'vanished', id, detail: `${name} ${group[0].severity}` });
      continue;
    }
    const expected = promise === 'twice' && !isOfCapture ? 2 * group.length : group.length;
    if (others.length !== expected)
      found.push({ kind: 'doubled', id, detail: `${name}: ${others.length}, not ${expected}` });
    else if (!isOfCapture && loudAfter !== (promise === 'twice' ? 2 * loud : loud)) {
      const isLouder = loudAfter > loud;
      found.push({
        kind: isLouder ? 'louder' : 'quieter',
        id,
        detail: `${name}: ${severities(group)} → ${severities(others)}`,
      });
    } else if (isExact && !isOfCapture && details(group) !== details(others)) {
      found.push({ kind: 'detail', id, detail: `${name}: ${details(group)} → ${details(others)}` });
    }
  }
  for (const [name, group] of afterwards) {
    if (beforehand.has(name)) continue;
    const [{ id, origins }] = group;
    const ours = origins.some((origin) => origin > 0);
    if (group.some(isLoud))
      found.push({
        kind: 'alarm',
        id,
        detail: `${name} ${severities(group)}${ours ? '' : ', about the company'}`,
      });
    else if (ours && isExact) found.push({ kind: 'detail', id, detail: `${name} is new` });
  }
  return found;
}

function severities(group: readonly Told[]): string {
  return group
    .map(({ severity, isConsequence }) => (isConsequence ? `${severity} (caused)` : severity))
    .join(', ');
}

function details(group: readonly Told[]): string {
  return group
    .map(({ detail, severity }) => `${severity} ${detail}`)
    .sort()
    .join(' ');
}

function weakerViolations(
  was: readonly Told[],
  is: readonly Told[],
  after: Ran,
  isOneSided: boolean,
): Violation[] {
  const found: Violation[] = [];
  const rank = new Map<string, number>();
  for (const one of was) rank.set(one.id, Math.max(rank.get(one.id) ?? 0, RANK[one.severity]));
  for (const one of is.filter(isLoud)) {
    if (one.id.startsWith('capture.')) continue;
    // Where nothing at all comes back, that the other direction was not captured cannot be told from a fault.
    if (isOneSided && one.confidence === 'low' && was.some(isLoud)) continue;
    const known = rank.get(one.id);
    const detail = `${key(one)} ${one.severity}, ${one.confidence} confidence`;
    if (was.some(({ id }) => WEAKER_FORMS.get(id)?.includes(one.id))) continue;
    if (known === undefined)
      found.push({ kind: was.some(isLoud) ? 'another-cause' : 'alarm', id: one.id, detail });
    else if (RANK[one.severity] > known) found.push({ kind: 'louder', id: one.id, detail });
  }
  const loudBefore = was.filter(isLoud);
  if (loudBefore.length === 0 || is.some(isLoud)) return found;
  const kept = new Set(after.dressed.files.flatMap(({ frames }) => frames.map(({ origin }) => origin)));
  const isWarned =
    after.report.checked.some(({ result }) => result === 'insufficient-data') ||
    after.report.quality.length > 0;
  for (const one of loudBefore) {
    if (one.id.startsWith('capture.')) continue;
    const isKept = one.origins.every((origin) => kept.has(origin));
    const isTold = isWarned || is.some(({ id }) => id === one.id || id.startsWith('capture.'));
    if (isKept && !isTold) found.push({ kind: 'silent', id: one.id, detail: key(one) });
  }
  return found;
}
