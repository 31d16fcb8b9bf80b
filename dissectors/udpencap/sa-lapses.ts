import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { watchedSecondsBetween } from '../../src/correlate/watched.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import type { EspPair, EspSa, OneWayRun } from '../esp/session.js';
import { outagesOf } from '../esp/shared/outages.js';
import { hasParallelTunnels, judgedPairs, sasOf } from '../esp/shared/sa-pairs.js';

/*
 * NAT mappings that expired, by what the SAs of ESP in UDP show: they name the client whatever its port.
 */

/** RFC 3948, section 4: the default interval of NAT keepalives. */
export const KEEPALIVE_SECONDS = 20;
/** A mapping that changes while packets flow was not forgotten for want of them: the NAT restarted, or balances. */
const MOVE_PAUSE_SECONDS_MIN = 5;
const UNANSWERED_MIN = 5;

/** A pause of a client behind a NAT, after which its mapping was another one or none. */
export interface SaLapse {
  readonly pair: EspPair;
  readonly live: EspSa;
  readonly lapse: { readonly last: FrameRef; readonly next: FrameRef };
  /** Packets of the peer to the old port afterwards, or of the client without an answer. */
  readonly unanswered: number;
}

export function saLapses(evidence: Evidence): SaLapse[] {
  return judgedPairs(evidence).flatMap((pair) => [
    ...movedSas(pair, evidence.quality),
    ...deadSas(pair, evidence.quality),
  ]);
}

/** Seen outside of the NAT: the same SA from another port. */
function* movedSas(pair: EspPair, quality: CaptureQuality): Iterable<SaLapse> {
  for (const live of sasOf(pair)) {
    const { portMove } = live;
    if (!portMove) continue;
    const { last, first: next, before } = portMove;
    if (!(watchedSecondsBetween(quality, last, next) >= MOVE_PAUSE_SECONDS_MIN)) continue;
    const unanswered = runsTo(live.from, pair, quality, before)
      .filter(({ first }) => first.frame > last.frame)
      .reduce((sum, { packets }) => sum + packets, 0);
    yield { pair, live, lapse: { last, next }, unanswered };
  }
}

/** Stretches in which a side was sent packets and sent none; of several tunnels, those of its port. */
function runsTo(side: string, pair: EspPair, quality: CaptureQuality, port: number): readonly OneWayRun[] {
  if (!hasParallelTunnels(pair)) return pair.runs.filter(({ to }) => to === side);
  return outagesOf(pair, quality)
    .filter(({ run, sas }) => run.to === side && (!sas || sas.live.destinationPort === port))
    .map(({ run }) => run);
}

/** Seen inside of the NAT: a pause, and then no answer any more. */
function* deadSas(pair: EspPair, quality: CaptureQuality): Iterable<SaLapse> {
  for (const { run, severity, sas } of outagesOf(pair, quality)) {
    if (severity === 'info' || run.nextBack !== null || run.lastBack === null) continue;
    const live =
      sas?.live ?? sasOf(pair).find(({ from, last }) => from === run.from && last.frame === run.last.frame);
    if (!live || live.udpPackets === 0 || live.portMove || run.packets < UNANSWERED_MIN) continue;
    const idle = watchedSecondsBetween(quality, run.lastBack, run.first);
    if (idle >= KEEPALIVE_SECONDS) {
      yield { pair, live, lapse: { last: run.lastBack, next: run.first }, unanswered: run.packets };
    }
  }
}
