import type { Severity } from '../report/report.js';
import type { FaultKind } from './fault-kinds.js';

export interface Threshold {
  readonly value: number;
  readonly unit: string;
  readonly why: string;
  /**
   * True where a configuration may set another value: the diagnosis reads it by `thresholdOf`. Others are built into
   * what correlators keep, or follow from a protocol.
   */
  readonly adjustable?: true;
}

/** What a finding is about; each id of the catalogue names one. */
export type SubjectKind = 'capture' | 'tunnel' | 'pair' | 'session' | 'server' | 'host' | 'flow' | 'datagram';

/** Layers, lowest first; between two faults of one kind the lower layer holds the cause (see fault-kinds). */
export type BlameLayer =
  | 'capture'
  | 'link'
  | 'underlay'
  | 'fragments'
  | 'tunnel-control'
  | 'tunnel-data'
  | 'overlay-control'
  | 'names-and-transport'
  | 'application';

/**
 * What evidence may show of a finding. `worked-before`: the same subject was well earlier in the capture. `both-alive`: both
 * hosts of the pair sent to each other as late as the symptom. `lost-on-path`, `arrives`: captures of both ends prove that the
 * packets do not reach the other host, or that they do. `capture-complete`: the files count what the capture dropped, and it
 * is nothing.
 */
export const EVIDENCE_FACTS = {
  'worked-before': 'it worked earlier in the capture',
  'both-alive': 'both hosts send to each other as late as the symptom',
  'lost-on-path': 'captures of both ends show that the packets are lost between them',
  arrives: 'captures of both ends show that the packets arrive',
  'capture-complete': 'the capture counts what it dropped, and that is nothing',
} as const;

export type EvidenceFact = keyof typeof EVIDENCE_FACTS;

export interface DiagnosisMetadata {
  /** `area.problem`; stable for ever once released. */
  readonly id: string;
  readonly title: string;
  /** Default severity; a judgement may say otherwise. */
  readonly severity: Severity;
  readonly subject: SubjectKind;
  readonly layer: BlameLayer;
  readonly priority: 1 | 2 | 3;
  /** When it fires, in words. */
  readonly rule: string;
  /** When it must stay silent, in words. */
  readonly notWhen: string;
  readonly causes: readonly string[];
  readonly nextSteps: readonly string[];
  /** By fact: beginnings of causes and steps that are no longer ones where it holds. */
  readonly ruledOut?: Readonly<Partial<Record<EvidenceFact, readonly string[]>>>;
  /** What would disprove it. */
  readonly refutedBy: string;
  /** Standards and guides it rests on. */
  readonly source: string;
  readonly thresholds: Readonly<Record<string, Threshold>>;
  /** What kind of fault it states. */
  readonly fault: FaultKind;
  /** Kinds of fault of which it may be a consequence (see blame-graph). */
  readonly consequenceOf: readonly FaultKind[];
  /** Ids of which it may be a consequence besides: for the exact cases that no kind says. */
  readonly consequenceOfIds?: readonly string[];
  /**
   * The tunnel or control protocol that it is about (`ipsec`, `vxlan`, `bgp`), if one: what is wrong with that explains
   * nothing of another between the same hosts.
   */
  readonly technology?: string;
  /**
   * Seconds from the onset of the fault until it is noticed (a detection or hold time, a timeout): so much later than
   * its consequences it may begin. 0 where not stated.
   */
  readonly noticedAfterSeconds?: number;
  /** True where the evidence is an explicit signal of a protocol (notify, RST, ICMP): such a finding is never a consequence. */
  readonly explicitSignal?: boolean;
  /**
   * What becomes of it where packets are known by the lines that tcpdump printed of them (no payload, and without -v and -e
   * neither hop limit nor identification nor MAC addresses). 'suffice': all that it reads stands there, so that it may
   * call something healthy. 'mislead': it reads what lines do not say, and is not judged. Not stated: what it finds
   * stands, and what it does not find proves nothing.
   */
  readonly lines?: 'suffice' | 'mislead';
  /**
   * 'suffice': what it finds holds for a list of packets too, as tshark prints it: innermost addresses, one protocol, no ports
   * but those of TCP and UDP. Not stated, and lines do not suffice either: it is not judged there.
   */
  readonly lists?: 'suffice';
}

/** A threshold as a diagnosis states it; `adjustable` where a configuration may set another value. */
export type StatedThreshold =
  | readonly [value: number, unit: string, why: string, adjustable?: 'adjustable']
  | Threshold;

/** What a diagnosis writes down of itself: without thresholds where it has none, without causes where it stands alone. */
export interface StatedMetadata extends Omit<DiagnosisMetadata, 'thresholds' | 'consequenceOf'> {
  readonly thresholds?: Readonly<Record<string, StatedThreshold>>;
  readonly consequenceOf?: readonly FaultKind[];
}

/** The whole metadata of what a diagnosis states. */
export function metadataOf<Stated extends StatedMetadata>(
  stated: Stated,
): Omit<Stated, 'thresholds' | 'consequenceOf'> & Pick<DiagnosisMetadata, 'thresholds' | 'consequenceOf'> {
  const { thresholds = {}, consequenceOf = [] } = stated;
  const named = Object.entries(thresholds).map(([name, one]) => [name, thresholdFrom(one)] as const);
  return { ...stated, thresholds: Object.fromEntries(named), consequenceOf };
}

function thresholdFrom(stated: StatedThreshold): Threshold {
  if (!('why' in stated)) {
    const [value, unit, why, adjustable] = stated;
    return { value, unit, why, ...(adjustable ? { adjustable: true } : {}) };
  }
  return stated;
}
