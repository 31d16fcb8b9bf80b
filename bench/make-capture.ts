// Writes a capture of tunnel traffic, always the same for the same kind, size and seed; see README.md in this folder.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { DistinctSpis } from './traffic/distinct-spis.js';
import { DistinctTuples } from './traffic/distinct-tuples.js';
import type { Conversation, ConversationSource } from './traffic/exchange.js';
import { FatEspTunnels, FatVxlanTunnels, PlainTcp } from './traffic/fat-tunnel.js';
import { TrafficMix } from './traffic/mix.js';
import { makeOtherEnd } from './traffic/other-end.js';
import { type CaptureSize, type PcapWriter, START_SECONDS, writePcap } from './traffic/pcap-writer.js';
import { Random } from './traffic/random.js';
import { SmallFrameMix } from './traffic/small-frames.js';

const GIGABYTE = 1_000_000_000;
const SMALL = 32_000_000;
const DURATION_US = 20 * 60 * 1_000_000;
/** Exchanges whose frames alternate on the wire. */
const EXCHANGES_AT_ONCE = 8;
/** Frames of one burst follow each other this closely, unless the capture is too dense for it. */
const FRAME_GAP_US_MAX = 200;

interface Kind {
  /** Roughly; how dense frames are in time follows from it. */
  readonly frameBytesMean: number;
  readonly traffic: (random: Random, tunnels: number) => ConversationSource;
}

export const KINDS = {
  mixed: { frameBytesMean: 430, traffic: (random) => new TrafficMix(random, START_SECONDS) },
  'small-frames': { frameBytesMean: 90, traffic: (random) => new SmallFrameMix(random) },
  'fat-vxlan': { frameBytesMean: 430, traffic: (random, tunnels) => new FatVxlanTunnels(tunnels, random) },
  'fat-esp': { frameBytesMean: 430, traffic: (random, tunnels) => new FatEspTunnels(tunnels, random) },
  'plain-tcp': { frameBytesMean: 430, traffic: (random, tunnels) => new PlainTcp(tunnels, random) },
  'distinct-tuples': { frameBytesMean: 61, traffic: (random) => new DistinctTuples(random) },
  'distinct-spis': { frameBytesMean: 78, traffic: (random) => new DistinctSpis(random) },
} as const satisfies Record<string, Kind>;

export type KindName = keyof typeof KINDS;

export interface CaptureOrder {
  readonly kind: KindName;
  /** At least so many bytes; or exactly so many frames. */
  readonly size: { readonly bytes: number } | { readonly frames: number };
  readonly seed: number;
  /** Of the kinds that are made of equal tunnels, or of equal conversations without one. */
  readonly tunnels?: number;
}

/** Writes a capture with timestamps over 20 minutes to `file`, which appears under its name only once it is complete. */
export function makeCapture(file: string, { kind, size, seed, tunnels = 1 }: CaptureOrder): CaptureSize {
  const random = new Random(seed);
  const { frameBytesMean, traffic }: Kind = KINDS[kind];
  const source = traffic(random, tunnels);
  const framesExpected = 'frames' in size ? size.frames : size.bytes / frameBytesMean;
  return writePcap(file, (pcap) => writeTraffic(pcap, source, size, framesExpected, random));
}

function writeTraffic(
  pcap: PcapWriter,
  source: ConversationSource,
  size: CaptureOrder['size'],
  framesExpected: number,
  random: Random,
): void {
  const shareWritten = (): number => ('frames' in size ? pcap.frames / size.frames : pcap.bytes / size.bytes);
  const framesMax = 'frames' in size ? size.frames : Number.POSITIVE_INFINITY;
  const frameGapUs = Math.min(FRAME_GAP_US_MAX, DURATION_US / framesExpected / 2);
  let timeUs = 0;
  while (shareWritten() < 1) {
    timeUs = Math.max(timeUs, DURATION_US * shareWritten());
    const burst = startBurst(source, random);
    for (let turn = 0; burst.length > 0 && pcap.frames < framesMax; turn += 1) {
      const conversation = burst[turn % burst.length];
      if (conversation.idle) {
        burst.splice(turn % burst.length, 1);
        continue;
      }
      timeUs += frameGapUs * (0.5 + random.next() / 2 ** 32);
      const length = conversation.writeFrame(pcap.buffer, pcap.frameOffset, Math.floor(timeUs / 1_000));
      pcap.append(Math.floor(timeUs), length);
    }
  }
}

function startBurst(source: ConversationSource, random: Random): Conversation[] {
  const burst: Conversation[] = [];
  while (burst.length < Math.min(EXCHANGES_AT_ONCE, source.size)) {
    const conversation = source.pickIdle(random);
    conversation.startExchange(random);
    burst.push(conversation);
  }
  return burst;
}

const USAGE = `usage: make-capture FILE [--kind KIND] [--bytes N | --frames N | --small] [--tunnels N] [--seed N]
       make-capture FILE --other-end-of FILE [--seed N]
  KIND is one of ${Object.keys(KINDS).join(', ')}; N is a whole number\n`;

/** Undefined where the command line says nothing that can be made. */
function readOrder(): { file: string; order: CaptureOrder; otherEndOf: string | undefined } | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kind: { type: 'string', default: 'mixed' },
      bytes: { type: 'string' },
      frames: { type: 'string' },
      tunnels: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      small: { type: 'boolean', default: false },
      'other-end-of': { type: 'string' },
    },
  });
  const kind = Object.keys(KINDS).find((name): name is KindName => name === values.kind);
  const amount = Number(values.frames ?? values.bytes ?? (values.small ? SMALL : GIGABYTE));
  const tunnels = Number(values.tunnels);
  const seed = Number(values.seed);
  const isSensible = [amount, tunnels, seed + 1].every((value) => Number.isSafeInteger(value) && value > 0);
  if (kind === undefined || positionals.length !== 1 || !isSensible) return undefined;
  const size = values.frames === undefined ? { bytes: amount } : { frames: amount };
  return {
    file: positionals[0],
    order: { kind, size, seed, tunnels },
    otherEndOf: values['other-end-of'],
  };
}

function runFromCommandLine(): void {
  const wanted = readOrder();
  if (wanted === undefined) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const { file, order, otherEndOf } = wanted;
  const { frames, bytes } =
    otherEndOf === undefined ? makeCapture(file, order) : makeOtherEnd(file, otherEndOf, order.seed);
  process.stdout.write(`${file}: ${frames} frames, ${bytes} bytes\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) runFromCommandLine();
