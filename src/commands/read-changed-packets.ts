import { dissectors } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { SelectedFrames } from '../capture/selected-frames.js';
import { isRenumbered } from '../compare/channel.js';
import type { ComparedPacket } from '../compare/compared-packet.js';
import type { Comparison } from '../compare/comparison.js';
import { type DiffContext, fieldDifferences, type PacketBytes } from '../compare/field-diff.js';
import type { ChangedPacket } from '../compare/packet-changes.js';
import type { Side } from '../compare/side.js';
import type { IdentitySink } from '../correlate/identity-sink.js';
import type { HeaderField } from '../dissect/dissector.js';
import { IDENTITY_DEPTH_MASK, IDENTITY_DEPTH_SHIFT } from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import { type FrameId, frameId } from '../units.js';
import { runPipeline } from '../workers/pipeline.js';

/** Bytes of a packet that are compared; in what is behind them fields are no more than a count of bytes. */
const PACKET_BYTES_MAX = 2048;

/** Opens the captures of a point once more; null where they are pipes or still go on. */
export type Reopen = (() => Promise<CaptureSource>) | null;

/** Two points of a path that were compared, as indices of `points`. */
export interface ComparedPair {
  readonly comparison: Comparison;
  readonly points: Readonly<Record<Side, number>>;
}

/** Reads the packets again that arrived changed, and notes in the comparisons which fields. Each point is read once. */
export async function describeChanges(
  pairs: readonly ComparedPair[],
  reopens: readonly Reopen[],
): Promise<void> {
  const bytes: Map<string, PacketBytes>[] = [];
  for (const [point, reopen] of reopens.entries())
    bytes.push(await readPackets(pairs, reopens, point, reopen));
  for (const { comparison, points } of pairs) {
    for (const { tally } of comparison.directions) {
      for (const pair of tally.changed) {
        if (reopens[points.a] === null || reopens[points.b] === null) {
          tally.changes.unread.notAgain++;
          continue;
        }
        const [sent, received] = [pair.sent, pair.received].map((packet) =>
          bytes[points[packet.side]].get(keyOf(packet)),
        );
        if (sent === undefined || received === undefined) tally.changes.unread.notAgain++;
        else noteDifferences(comparison, pair, sent, received);
      }
    }
  }
}

function noteDifferences(
  comparison: Comparison,
  pair: ChangedPacket,
  sent: PacketBytes,
  received: PacketBytes,
): void {
  const { plan, directions } = comparison;
  const channel = plan.channels[pair.sent.channel];
  const { tally } = directions[channel.direction];
  const differences = fieldDifferences(sent, received, contextOf(pair, isRenumbered(channel)));
  for (const difference of differences) tally.changes.note(difference, pair);
  if (differences.length === 0) tally.changes.unread.notCaptured++;
}

async function readPackets(
  pairs: readonly ComparedPair[],
  reopens: readonly Reopen[],
  point: number,
  reopen: Reopen,
): Promise<Map<string, PacketBytes>> {
  const read = new Map<string, PacketBytes>();
  const wanted = new Set<FrameId>();
  for (const { comparison, points } of pairs) {
    if (reopens[points.a] === null || reopens[points.b] === null) continue;
    for (const { tally } of comparison.directions) {
      for (const { sent, received } of tally.changed) {
        for (const packet of [sent, received]) {
          if (points[packet.side] === point) wanted.add(frameId(packet.capture, packet.frame));
        }
      }
    }
  }
  if (reopen === null || wanted.size === 0) return read;
  const source = new SelectedFrames(await reopen(), wanted);
  try {
    await runPipeline(source, dissectors, [], { threads: 0, identities: new PacketCopies(read) });
  } finally {
    await source.close();
  }
  return read;
}

/** Keeps the bytes of every IP packet of the frames that it is given. */
class PacketCopies implements IdentitySink {
  readonly seed = 0;

  constructor(private readonly read: Map<string, PacketBytes>) {}

  take({ identities, chunk }: Slot): void {
    const { frames, bytes } = chunk;
    for (let row = 0; row < identities.rows.length; row++) {
      const index = identities.rows.frame[row];
      const from = identities.packetOffset[row];
      const captured = frames.offset[index] + frames.capturedLength[index];
      const end = Math.min(captured, from + identities.networkLength[row], from + PACKET_BYTES_MAX);
      const depth = depthOf(identities.flags[row]);
      this.read.set(
        `${frameId(frames.capture[index], frames.number[index])} ${depth}`,
        bytes.slice(from, Math.max(from, end)),
      );
    }
  }
}

function keyOf({ capture, frame, flags }: ComparedPacket): string {
  return `${frameId(capture, frame)} ${depthOf(flags)}`;
}

function depthOf(flags: number): number {
  return (flags >> IDENTITY_DEPTH_SHIFT) & IDENTITY_DEPTH_MASK;
}

/** Protocols of both packets that name their fields, by what carries them. */
function contextOf({ sent, received }: ChangedPacket, renumbered: boolean): DiffContext {
  const protocols = sent.protocols | received.protocols;
  const present = dissectors.filter((_, bit) => bit < 32 && (protocols & (1 << bit)) !== 0);
  return {
    isRenumbered: renumbered,
    fieldsOf: (protocol, ports): readonly HeaderField[] => {
      const named = present.filter(({ headerFields }) => headerFields !== undefined);
      const owner =
        ports.length === 0
          ? named.find(({ carriedBy }) => carriedBy.ipProtocol?.includes(protocol))
          : (named.find(({ carriedBy }) => carriedBy.udpPort?.some((port) => ports.includes(port))) ??
            named.find(({ carriedBy }) => carriedBy.udpHeuristic !== undefined));
      return owner?.headerFields ?? [];
    },
  };
}
