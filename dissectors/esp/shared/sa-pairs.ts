import type { Evidence } from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { espPairs } from '../correlator.js';
import type { EspDirection, EspPair, EspSa } from '../session.js';

/**
 * A gateway sends what belongs to one tunnel with one SA at a time: after a rekey it comes back to the old one only for packets
 * that overtook each other.
 */
const PARALLEL_RETURNS_MIN = 8;
/** SAs of one direction that are both in use for this long belong to different tunnels, however seldom they alternate. */
const PARALLEL_SECONDS = 60;
const PARALLEL_PACKETS_MIN = 10;
/** The two sides of a NAT show the same packet within this time. */
const TWIN_SECONDS = 1;

export function spiText(spi: number): string {
  return `0x${spi.toString(16).padStart(8, '0')}`;
}

/** From this many SPIs on, pairs that use each of them about once are something else on port 4500. */
const RANDOM_SPIS_MIN = 8;

/** False where the numbers are no counters: another protocol on port 4500 that was taken for ESP. */
export function looksLikeEsp(pair: EspPair): boolean {
  let count = 0;
  let packets = 0;
  let astray = 0;
  for (const { sas } of pair.directions) {
    count += sas.length;
    for (const sa of sas) {
      packets += sa.packets;
      astray += sa.jumps + sa.beyondWindow;
    }
  }
  return (count < RANDOM_SPIS_MIN || packets >= 2 * count) && astray * 2 <= packets;
}

/** A dozen diagnoses ask for them. */
const judgedOfRun = new WeakMap<Evidence, readonly EspPair[]>();

/** Pairs to judge: of the same SAs seen on both sides of a NAT, those seen first. */
export function judgedPairs(evidence: Evidence): readonly EspPair[] {
  const known = judgedOfRun.get(evidence);
  if (known) return known;
  const pairs = pairsWithoutTwins(evidence);
  judgedOfRun.set(evidence, pairs);
  return pairs;
}

function pairsWithoutTwins(evidence: Evidence): EspPair[] {
  const index = new TwinIndex();
  const pairs: EspPair[] = [];
  for (const pair of evidence.sessions(espPairs)) {
    if (!looksLikeEsp(pair) || index.find(pair)) continue;
    index.add(pair);
    pairs.push(pair);
  }
  return pairs;
}

/** Pairs that are compared for one SPI: a NAT has two sides, and an SPI is as good as random. */
const CANDIDATES_MAX = 8;

/** Finds the pair that shows the same SAs as another, without comparing each with each. */
export class TwinIndex {
  private readonly bySpi = new Map<number, EspPair[]>();

  find(pair: EspPair): EspPair | null {
    for (const { sas } of pair.directions) {
      for (const { spi } of sas) {
        const twin = this.bySpi.get(spi)?.find((known) => isTwin(known, pair));
        if (twin) return twin;
      }
    }
    return null;
  }

  add(pair: EspPair): void {
    for (const { sas } of pair.directions) {
      for (const { spi } of sas) {
        const known = this.bySpi.get(spi);
        if (!known) this.bySpi.set(spi, [pair]);
        else if (known.length < CANDIDATES_MAX) known.push(pair);
      }
    }
  }
}

/** An SPI is unique for its destination only; beside a common address and the same time it is the same SA. */
function isTwin(a: EspPair, b: EspPair): boolean {
  if (a.segment !== b.segment || a.stack !== b.stack) return false;
  const hasCommonAddress = [a.low, a.high].some((address) => address === b.low || address === b.high);
  if (!hasCommonAddress || (a.low === b.low && a.high === b.high)) return false;
  return sasOf(a).some((one) => sasOf(b).some((other) => isSameSa(one, other)));
}

function isSameSa(a: EspSa, b: EspSa): boolean {
  const apart = Math.abs(a.first.timeNs - b.first.timeNs) / NS_PER_SECOND;
  return (
    a.spi === b.spi &&
    (a.from === b.from || a.to === b.to) &&
    a.firstSequence === b.firstSequence &&
    apart <= TWIN_SECONDS
  );
}

export function sasOf({ directions: [there, back] }: EspPair): EspSa[] {
  return [...there.sas, ...back.sas];
}

/** True where several tunnels run between the two addresses at a time, so that their directions must be told apart. */
export function hasParallelTunnels(pair: EspPair): boolean {
  return pair.directions.some(({ sas }) => {
    const used = sas
      .filter(({ packets }) => packets >= PARALLEL_PACKETS_MIN)
      .sort((a, b) => a.first.timeNs - b.first.timeNs);
    if (used.filter(({ returns }) => returns >= PARALLEL_RETURNS_MIN).length >= 2) return true;
    let end = Number.NEGATIVE_INFINITY;
    for (const { first, last } of used) {
      if ((Math.min(end, last.timeNs) - first.timeNs) / NS_PER_SECOND > PARALLEL_SECONDS) return true;
      end = Math.max(end, last.timeNs);
    }
    return false;
  });
}

/** The direction of packets that `from` sends. */
export function directionOf(pair: EspPair, from: string): EspDirection {
  return pair.directions[0].from === from ? pair.directions[0] : pair.directions[1];
}

/** Display filter for all ESP between two addresses. */
export function espFilter(a: string, b: string): string {
  return `esp && ${pairFilter(a, b)}`;
}

/** Display filter for some SAs of a pair. */
export function saFilter(sas: readonly { readonly spi: number }[]): string {
  const spis = [...new Set(sas.map(({ spi }) => spi))];
  return spis.map((spi) => `esp.spi == ${spiText(spi)}`).join(' || ');
}

/** Whether the capture was taken where the packets of an SA leave, so that its gaps are the capture's own. */
export function isCapturedAtSender(sas: readonly EspSa[], local: readonly string[]): boolean {
  const [first] = sas;
  if (first && local.includes(first.from)) return true;
  const outbound = sas.reduce((sum, sa) => sum + sa.outbound, 0);
  const inbound = sas.reduce((sum, sa) => sum + sa.inbound, 0);
  return outbound > 0 && inbound === 0;
}

export function isCapturedAtReceiver(sas: readonly EspSa[], local: readonly string[]): boolean {
  const [first] = sas;
  if (first && local.includes(first.to)) return true;
  const outbound = sas.reduce((sum, sa) => sum + sa.outbound, 0);
  const inbound = sas.reduce((sum, sa) => sum + sa.inbound, 0);
  return inbound > 0 && outbound === 0;
}
