import type { ComparedSegment, Comparison } from '../compare/comparison.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Correlator } from '../correlate/correlator.js';
import type { Limit, Shortage } from '../correlate/gates.js';
import type { Citation, FrameRef, Moment } from '../moment.js';
import type { Confidence, Severity, Subject, Tunnel } from '../report/report.js';
import type { SideKnowledge } from '../side-files/side-knowledge.js';
import { type DiagnosisMetadata, metadataOf, type StatedMetadata } from './diagnosis-metadata.js';
import type { FaultKind } from './fault-kinds.js';
import type { FollowedTunnel } from './followed-tunnel.js';
import type { PacketClass } from './packet-class.js';

/** A subject that was judged and is ill. */
export interface Problem {
  readonly result: 'problem';
  readonly subject: Subject;
  readonly severity?: Severity;
  readonly confidence: Confidence;
  /** Overrides the catalogue's title where the case deserves sharper words. */
  readonly title?: string;
  readonly explanation: string;
  /** Endpoints concerned, for blame: a cause and its consequence share a pair. */
  readonly pair?: readonly [string, string];
  readonly direction?: { readonly from: string; readonly to: string };
  readonly where?: 'sender' | 'path' | 'receiver' | 'unknown';
  /** Onset of the symptom, not of the flow. */
  readonly first: Moment;
  readonly last: Moment;
  readonly lastGood?: FrameRef | null;
  readonly ongoingAtEnd: boolean;
  readonly counts: Readonly<Record<string, number>>;
  /** At most 10 are kept: first and last of the pattern, the last good one before it. */
  readonly evidence: readonly Citation[];
  /** Display filter that returns at least the evidence in a stock tshark. */
  readonly displayFilter: string;
  readonly causes?: readonly string[];
  readonly nextSteps?: readonly string[];
  /** Ids of capture.* facts that lowered the confidence. */
  readonly limitedBy?: readonly string[];
  /** The lost packets it is about, with counts: of findings about the same ones the sharpest leads. */
  readonly packets?: PacketClass;
  /** Class of the packets concerned ('ike', 'esp', 'fragment' …): a cause with another class does not explain it. */
  readonly packetClass?: string;
  /**
   * True where captures of both ends prove it: then it takes down both directions of a conversation, and what runs in a
   * tunnel between its ends.
   */
  readonly provenAtBothEnds?: boolean;
  /**
   * The sockets that are closed, as `endpointText` writes them, where the host itself says so: nothing comes from them either, so that it takes
   * down both directions of the conversations whose subjects name one among their endpoints.
   */
  readonly closedSockets?: readonly string[];
  /** Where this case is of another kind than the diagnosis says. */
  readonly fault?: FaultKind;
  /**
   * Of what a side file states: the cause that it is of faults of one tunnel or control, as the finding of the packets is
   * to say it (see stated-causes).
   */
  readonly statedCause?: {
    readonly technology: string;
    readonly cause: string;
    /** Then no other cause is left. */
    readonly isProven: boolean;
    readonly remedies: readonly string[];
  };
  /**
   * Of a judgement of both ends: ids of findings about the same subject that one side alone had to guess and that are
   * wrong, or not proven. They are left out of the report.
   */
  readonly refutes?: readonly string[];
}

export type Judgement =
  | Problem
  | { readonly result: 'healthy'; readonly subject: Subject }
  | InsufficientData;

/** A subject that cannot be judged by this capture. */
export interface InsufficientData {
  readonly result: 'insufficient-data';
  readonly subject: Subject;
  /** What is missing and which capture would settle it, in one sentence. */
  readonly reason: string;
  /** Ids of capture.* facts that stand in the way. */
  readonly limitedBy?: readonly string[];
  /** Length of capture after the trigger that the rule would have needed, where that is what is missing. */
  readonly neededSeconds?: number;
  /** As in a problem. */
  readonly refutes?: readonly string[];
}

/** The judgement of a rule that a gate of the capture keeps from being sure, or whatever the sentence says. */
export function insufficientData(subject: Subject, limit: Limit | Shortage | string): InsufficientData {
  if (typeof limit === 'string') return { result: 'insufficient-data', subject, reason: limit };
  const { id, reason } = limit;
  const needed = 'neededSeconds' in limit ? { neededSeconds: limit.neededSeconds } : {};
  return { result: 'insufficient-data', subject, reason, limitedBy: [id], ...needed };
}

/** All that a rule may look at: sessions and quality, never a frame. */
export interface Evidence {
  /** Sessions of a correlator, in order of their first frame. */
  sessions<Session>(correlator: Correlator<Session>): readonly Session[];
  readonly quality: CaptureQuality;
  /** Every kind of tunnel of the catalogue. */
  readonly tunnelKinds: readonly CarriedKind[];
  /** What the operator said beside the captures; empty where no side file was given. */
  readonly side: SideKnowledge;
  /** What every other diagnosis said, by id; empty except for diagnoses with `judgesLast`. */
  readonly judgements: ReadonlyMap<string, readonly Judgement[]>;
}

/** How a diagnosis judges, beside what it states of itself. */
export interface Rule {
  /** Runs after all others and may look at their judgements. */
  readonly judgesLast?: boolean;
  /** Judges every subject it applies to; no judgement at all means "not applicable". Pure. */
  diagnose(evidence: Evidence): Iterable<Judgement>;
  /**
   * Judges what only captures of both ends can show; asked once for every comparison, after `diagnose` of every
   * diagnosis on each side. Frames and moments are those of the comparison (see `Comparison.refOf`).
   */
  judgePair?(evidence: PairEvidence): Iterable<Judgement>;
  /** True where one capture never suffices: outside a comparison such a diagnosis is not asked. */
  readonly needsTwoCaptures?: boolean;
}

export interface Diagnosis extends DiagnosisMetadata, Rule {}

/** All that a rule about two ends may look at. */
export interface PairEvidence {
  readonly comparison: Comparison;
  /** The stretches between neighbouring capture points, in the order of the path; none where there are only two points. */
  readonly segments: readonly ComparedSegment[];
  /** What each side shows by itself, with its own frames and moments. */
  readonly a: Evidence;
  readonly b: Evidence;
}

/** The value of an adjustable threshold: that of the configuration, or else the diagnosis' own. */
export function thresholdOf({ side }: Pick<Evidence, 'side'>, id: string, name: string, own: number): number {
  return side.configuration?.thresholds.get(id)?.get(name) ?? own;
}

/** As `thresholdOf`, for several of one diagnosis. */
export function thresholdsOf<Name extends string>(
  evidence: Pick<Evidence, 'side'>,
  id: string,
  own: Readonly<Record<Name, number>>,
): Readonly<Record<Name, number>> {
  const names = Object.keys(own) as Name[];
  return Object.fromEntries(
    names.map((name) => [name, thresholdOf(evidence, id, name, own[name])]),
  ) as Record<Name, number>;
}

/** One judgement a subject, in order; null where the rule does not apply to it. */
export function* judgeEach<One>(
  subjects: Iterable<One>,
  judge: (subject: One) => Judgement | null,
): Generator<Judgement> {
  for (const subject of subjects) {
    const judgement = judge(subject);
    if (judgement) yield judgement;
  }
}

export function defineDiagnosis(diagnosis: StatedMetadata & Rule): Diagnosis {
  return metadataOf(diagnosis);
}

/** A diagnosis that rests on captures of both ends alone. */
export function definePairDiagnosis(
  diagnosis: StatedMetadata & { judgePair(evidence: PairEvidence): Iterable<Judgement> },
): Diagnosis {
  return { ...metadataOf(diagnosis), needsTwoCaptures: true, diagnose: () => [] };
}

/**
 * `up`: packets both ways, and nothing says that either stops. `one-way`: packets of one end alone, or a finding says that one end
 * is not heard any more. `idle`: set up, and nothing to carry. `negotiating`, `failed`: not set up yet, or in vain.
 * `down`: an end takes it for dead. `mirror`: one way by design. `unknown`: nothing was learned of it.
 */
export type TunnelState =
  | 'up'
  | 'one-way'
  | 'idle'
  | 'negotiating'
  | 'failed'
  | 'down'
  | 'mirror'
  | 'unknown';

/** A row of `tunnels[]` before times are written out. */
export interface TunnelDraft {
  readonly kind: string;
  readonly endpoints: readonly [string, string];
  readonly key?: number | string | readonly string[];
  /** Where the protocol says more than the directions do: see `tunnels.ts`. */
  readonly state?: TunnelState;
  readonly directions: readonly {
    readonly from: string;
    readonly to: string;
    readonly packets: number;
    readonly bytes: number;
    readonly first: Moment;
    readonly last: Moment;
  }[];
  /** Protocol facts (`spis`, `implementation`, `nat` …), JSON values only. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Ids of the diagnoses that say of a kind of tunnel what holds for every kind. */
export interface TunnelJudges {
  /** Packets come one way only. */
  readonly oneWay: string;
  /** Its packets do not fit the path. */
  readonly size: string;
}

/**
 * What a kind of tunnel offers to be reported, judged and filtered as every other is; the default export of `tunnel.ts`
 * in the folder of the protocol that carries the data. What it adds to a packet stands in `roles.ts`.
 */
export interface CarriedKind {
  /** Of its rows in reports, and class of its packets for blame. */
  readonly kind: Tunnel['kind'];
  /** How prose names it: `IP in IP`. */
  readonly name: string;
  /**
   * True where answers may take another way by design (direct server return through IP in IP): silence counts only for
   * inner hosts that ask again, and an answer outside the tunnel is one.
   */
  readonly mayAnswerAround?: boolean;
  /** Who judges it. What the packets themselves do not tell one kind from another is judged by `dissectors/overlay`. */
  readonly judges: TunnelJudges;
  /** How subjects of its findings name the two ends; where not stated, as a tunnel of its kind. */
  subject?(low: string, high: string): Subject;
  /** Rows of `tunnels[]`. */
  describe(evidence: Evidence): Iterable<TunnelDraft>;
  /** What was seen of it, by ends and key in one time segment: its last good frames, its sizes, what runs inside. */
  followed(evidence: Evidence): readonly FollowedTunnel[];
  /** Display filter for its packets between two hosts. */
  filter(a: string, b: string): string;
}
