import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { espPairs } from '../esp/correlator.js';
import type { EspPair } from '../esp/session.js';
import { ike } from './correlator.js';
import type { IkeSession } from './session.js';
import { espTakenForIke } from './shared/esp-bytes.js';
import type { Stall } from './stall.js';
import { stallsOf } from './stalls.js';

/** All IKE SAs that one host opened towards another, in one tunnel stack. */
export interface IkePair {
  readonly initiator: string;
  readonly responder: string;
  readonly stack: number;
  /** In order of first frame. */
  readonly sessions: readonly IkeSession[];
  readonly stalls: readonly Stall[];
  readonly subject: Subject;
}

/** The diagnoses of one run ask for the same pairs. */
const pairsOfRun = new WeakMap<Evidence, readonly IkePair[]>();

/** IKE SAs by who opened them towards whom, in order of first frame. */
export function ikePairs(evidence: Evidence): readonly IkePair[] {
  const known = pairsOfRun.get(evidence);
  if (known) return known;
  const groups = groupBy(
    ikeSessions(evidence),
    ({ paths, initiator, responder }) => `${paths[0].stack} ${initiator} ${responder}`,
  );
  const pairs = [...groups.values()].map((sessions) => pairOf(sessions, evidence));
  pairsOfRun.set(evidence, pairs);
  return pairs;
}

function pairOf(sessions: readonly IkeSession[], evidence: Evidence): IkePair {
  const { initiator, responder, paths } = sessions[0];
  const { stack } = paths[0];
  const endpoints = { kind: 'session', protocol: 'ike', endpoints: [initiator, responder] };
  return {
    initiator,
    responder,
    stack,
    sessions,
    stalls: sessions.flatMap((session) => stallsOf(session, evidence.quality)),
    subject: subjectInside(evidence.quality, stack, endpoints),
  };
}

/** Without what answers ESP as if that were IKE: nobody opened these sessions (see esp.taken-as-ike). */
export function ikeSessions(evidence: Evidence): readonly IkeSession[] {
  return evidence.sessions(ike).filter((session) => espTakenForIke(evidence, session) === null);
}

/** An IKE SA between the two hosts, opened by whomever, that was complete after that frame; null: there is none. */
export function establishedAfter(evidence: Evidence, pair: IkePair, frame: number): FrameRef | null {
  for (const session of ikeSessions(evidence)) {
    const { established } = session;
    if (established && established.frame > frame && isBetween(session, pair)) return established;
  }
  return null;
}

function isBetween(session: IkeSession, { initiator, responder, stack }: IkePair): boolean {
  return session.paths.some(
    (path) =>
      path.stack === stack &&
      ((path.initiator === initiator && path.responder === responder) ||
        (path.initiator === responder && path.responder === initiator)),
  );
}

/** ESP between the two hosts in any of the session's addresses, native or in UDP. */
export function espOf(evidence: Evidence, session: IkeSession): EspPair[] {
  return evidence
    .sessions(espPairs)
    .filter(
      ({ low, high, stack, segment }) =>
        segment === session.segment &&
        session.paths.some(
          (path) =>
            path.stack === stack &&
            ((path.initiator === low && path.responder === high) ||
              (path.initiator === high && path.responder === low)),
        ),
    );
}

/** ESP between the two hosts in that direction or any, at or after that frame. */
export function hasEspAfter(evidence: Evidence, session: IkeSession, frame: number): boolean {
  return espOf(evidence, session).some(({ directions }) =>
    directions.some(({ last }) => last !== null && last.frame >= frame),
  );
}
