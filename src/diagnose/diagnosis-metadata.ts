import type { Severity } from '../report/report.js';

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

/** Layers of blame, lowest first (a cause lies at or below its consequences). */
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
  /** What would disprove it. */
  readonly refutedBy: string;
  /** Standards and guides it rests on. */
  readonly source: string;
  readonly thresholds: Readonly<Record<string, Threshold>>;
  /** Ids of findings that may be consequences of this one (see blame-order). */
  readonly explains: readonly string[];
  /** True where the evidence is the protocol's own word (notify, RST, ICMP): such a finding is never a consequence. */
  readonly ownWord?: boolean;
  /**
   * Ids among `explains` whose findings about the same subject this one only says more exactly (a refused connection to
   * a database): they are its consequences even where they are the protocol's own word.
   */
  readonly restates?: readonly string[];
}
