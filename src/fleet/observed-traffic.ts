import type { FlowPassage, PassageClass } from './passage.js';

/** Packets from one host to another between two points, as the comparison of these counts them. */
export interface ObservedDirection {
  readonly from: string;
  readonly to: string;
  /** Names of the points. */
  readonly sender: string;
  readonly receiver: string;
  /** Rack, zone or subnet of the hosts. */
  readonly fromSite: string;
  readonly toSite: string;
  readonly sent: number;
  readonly lost: number;
  /** Flow by flow, times by the middle clock; empty where nothing is lost. */
  readonly flows: readonly ObservedFlow[];
  readonly total: PassageClass | null;
}

export interface ObservedFlow extends FlowPassage {
  /** The cause that accounts for what it misses. */
  explainedBy: LossCause | null;
}

/** What many losses have in common. */
export interface LossCause {
  readonly id: string;
  readonly title: string;
  readonly explanation: string;
  readonly severity: 'error' | 'warning';
  readonly confidence: 'high' | 'medium';
  readonly place: { readonly kind: string; readonly [field: string]: unknown };
  /** Hosts of which everything that looks like loss follows from it; empty where `pairs` tells more exactly. */
  readonly hosts: readonly string[];
  /** `from to` of the directions that it concerns. */
  readonly pairs: ReadonlySet<string>;
  /** Points that show it. */
  readonly points: readonly string[];
  /** The network (`vxlan 7`) of which everything follows from it, whoever speaks. */
  readonly network?: string;
  /** The host whose large packets get lost, whoever they are for. */
  readonly largeFrom?: string;
  /** Two sites: between hosts of them, whoever they are, loss follows from it. */
  readonly sites?: readonly [string, string];
  /** By the middle clock, in microseconds since 1970. */
  readonly sinceUs: number;
  readonly lastGoodUs: number | null;
  readonly lastUs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly nextSteps: readonly string[];
  readonly refutedBy: string;
}

export function pairKey({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${from} ${to}`;
}

export function pointsOf(directions: readonly ObservedDirection[]): string[] {
  return [...new Set(directions.flatMap(({ sender, receiver }) => [sender, receiver]))].sort();
}

/** Counters of several flows of several directions together, whose clocks are one. */
export function flowsOf(directions: readonly ObservedDirection[]): ObservedFlow[] {
  return directions.flatMap(({ flows }) => flows.filter(({ explainedBy }) => explainedBy === null));
}
