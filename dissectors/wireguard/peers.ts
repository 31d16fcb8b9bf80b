import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, secondsBetween } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { pairFilter } from '../../src/wording/display-filters.js';
import { socketText } from '../../src/wording/endpoints.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { wireguardFlows } from './correlator.js';
import { PORT } from './layout.js';
import type { Handshake, Socket, Way, WireguardDirection, WireguardFlow } from './session.js';

export function otherWay(way: Way): Way {
  return way === 0 ? 1 : 0;
}

/** The tunnel between two sockets: several peers may share an address. The side that asks stands first. */
export function flowSubject(quality: CaptureQuality, flow: WireguardFlow): Subject {
  const { from, to } = flow.directions[askingWay(flow)];
  return subjectInside(quality, flow.stack, {
    kind: 'tunnel',
    protocol: 'wireguard',
    endpoints: [from.address, to.address],
    from: socketText(from),
    to: socketText(to),
  });
}

/** The side that has no well-known port; if that does not tell, the one that began. */
function askingWay({ directions, handshakes }: WireguardFlow): Way {
  const [low, high] = directions;
  if (isAway(low.from, high.from)) return 0;
  if (isAway(high.from, low.from)) return 1;
  return handshakes[0]?.way ?? (low.first && (!high.first || low.first.frame < high.first.frame) ? 0 : 1);
}

/** A client that comes from whatever port, seen from a peer on the well-known one: it may leave at any time. */
export function isAway(one: Socket, other: Socket): boolean {
  return one.port !== PORT && other.port === PORT;
}

export function flowFilter({ directions: [{ from, to }] }: WireguardFlow): string {
  return `${pairFilter(from.address, to.address)} && udp.port == ${from.port} && udp.port == ${to.port}`;
}

export function cite({ frame, timeNs, segment }: FrameRef, summary: string): Citation {
  return { frame, timeNs, segment, summary };
}

/** Handshakes of one side in a row that `is` is true of: the longest such stretch. */
export function longestStretch(
  flow: WireguardFlow,
  way: Way,
  is: (handshake: Handshake, before: Handshake | null) => boolean,
): readonly Handshake[] {
  let longest: Handshake[] = [];
  let stretch: Handshake[] = [];
  for (const handshake of flow.handshakes) {
    if (handshake.way !== way) continue;
    const before = stretch[stretch.length - 1] ?? null;
    if (is(handshake, before)) stretch = [...stretch, handshake];
    else stretch = is(handshake, null) ? [handshake] : [];
    if (stretch.length > longest.length) longest = stretch;
  }
  return longest;
}

/** First proof after a frame that the tunnel works: a packet of data or a keepalive each way. */
export function worksAfter(flow: WireguardFlow, frame: number): FrameRef | null {
  const [low, high] = flow.directions;
  if (!low.lastTransport || !high.lastTransport) return null;
  if (low.lastTransport.frame < frame || high.lastTransport.frame < frame) return null;
  return low.lastTransport.frame < high.lastTransport.frame ? low.lastTransport : high.lastTransport;
}

/** A peer that went on from another socket while the other peer stayed where it was. */
export interface Move {
  readonly old: WireguardFlow;
  readonly now: WireguardFlow;
  /** The moving peer's directions. */
  readonly before: WireguardDirection;
  readonly after: WireguardDirection;
  /** The other peer's directions: to the old socket, and to the new one. */
  readonly toOld: WireguardDirection;
  readonly toNew: WireguardDirection;
  /** True where an index of the session proves that it is the same peer; else the same address makes it likely. */
  readonly isProven: boolean;
}

/** Packets may pass each other on the way. */
const OVERLAP_SECONDS = 2;
const movesOfRun = new WeakMap<Evidence, readonly Move[]>();

/** Moves of peers, in order; the diagnoses of one run ask for the same ones. */
export function movesOf(evidence: Evidence): readonly Move[] {
  const known = movesOfRun.get(evidence);
  if (known) return known;
  const latest = new Map<string, { readonly flow: WireguardFlow; readonly way: Way }>();
  const moves: Move[] = [];
  for (const flow of evidence.sessions(wireguardFlows)) {
    const seen = new Map<WireguardFlow, Move>();
    for (const way of [0, 1] as const) {
      for (const { key, isProof } of keysOf(flow, way)) {
        const last = latest.get(key);
        latest.set(key, { flow, way });
        const move = last && moveBetween(last.flow, last.way, flow, way, isProof);
        if (move && (isProof || !seen.has(move.old))) seen.set(move.old, move);
      }
    }
    moves.push(...seen.values());
  }
  movesOfRun.set(evidence, moves);
  return moves;
}

/** What a peer keeps when it moves: the socket it talks to, with its own address or an index of the session. */
function keysOf(
  { stack, segment, directions }: WireguardFlow,
  way: Way,
): { readonly key: string; readonly isProof: boolean }[] {
  const { from, to, packets, receivers } = directions[way];
  if (packets === 0) return [];
  const stays = `${stack} ${segment} ${socketText(to)}`;
  return [
    { key: `${stays} from ${from.address}`, isProof: false },
    ...receivers.map((receiver) => ({ key: `${stays} index ${receiver}`, isProof: true })),
  ];
}

function moveBetween(
  old: WireguardFlow,
  oldWay: Way,
  now: WireguardFlow,
  nowWay: Way,
  isProven: boolean,
): Move | null {
  const before = old.directions[oldWay];
  const after = now.directions[nowWay];
  if (old === now || !before.last || !after.first) return null;
  if (!(secondsBetween(before.last, after.first) >= -OVERLAP_SECONDS)) return null;
  const toOld = old.directions[otherWay(oldWay)];
  const toNew = now.directions[otherWay(nowWay)];
  return { old, now, before, after, toOld, toNew, isProven };
}
