import type { Readable } from 'node:stream';
import { ByteFeed } from '../capture/byte-feed.js';
import { CaptureError } from '../capture/capture-error.js';
import { addDamage, newCaptureFacts } from '../capture/capture-facts.js';
import type { CaptureFileReader } from '../capture/capture-file-reader.js';
import type {
  CaptureFacts,
  CaptureInterface,
  CaptureSource,
  TimeSegment,
} from '../capture/capture-source.js';
import { FRAMES_PER_EPOCH, type FrameChunk } from '../capture/chunk.js';
import { SNIFF_LENGTH, sniffCompression, sniffFormat } from '../capture/format-sniffer.js';
import { readerOf } from '../capture/input-file.js';
import { LiveByteSource } from './live-byte-source.js';

/** A chunk that is not full is given out after this long. */
const FLUSH_MS = 200;

/** What is known of a live input beside its bytes. */
export interface LiveSourceFacts {
  /** As `captures[].file` names it: the interface, HOST:INTERFACE, or `-`. */
  readonly name: string;
  /** The capture filter in force, which a pcap stream does not state; null where it is not known. */
  readonly filter: string | null;
  /** The name of the interface, for streams that do not state it. */
  readonly interfaceName: string | null;
  /** Frames after which the input is closed. */
  readonly packetsMax: number;
}

/** Sees every frame before it is dissected, to keep it in a file. */
export interface FrameKeeper {
  keep(chunk: FrameChunk, interfaces: readonly CaptureInterface[], segments: readonly TimeSegment[]): void;
}

/** Chunks from a stream that is still being written. `fill` gives out what there is every 200 ms, even nothing. */
export class LiveSource implements CaptureSource {
  readonly captures: readonly CaptureFacts[];
  readonly segments: TimeSegment[] = [];
  readonly totalBytes = null;
  /** Monotonic milliseconds at which the last chunk with frames was complete; NaN before. */
  lastArrivalMs = Number.NaN;
  readonly interfaces: CaptureInterface[] = [];
  /** Awaited before `fill` says that the input is over. */
  beforeEnd: (() => Promise<void>) | null = null;
  private completedInterfaces = 0;
  private readonly facts: CaptureFacts;
  private readonly feed: ByteFeed;
  private frameCount = 0;

  private reader: CaptureFileReader | null = null;

  private constructor(
    private readonly bytes: LiveByteSource,
    private readonly about: LiveSourceFacts,
    private readonly keepers: readonly FrameKeeper[],
  ) {
    this.facts = newCaptureFacts(about.name);
    this.captures = [this.facts];
    this.feed = new ByteFeed(bytes);
  }

  /**
   * Waits for the head of the capture.
   * @returns null where the stream ended before it.
   * @throws CaptureError for a stream that is no capture.
   */
  static async open(
    stream: Readable,
    about: LiveSourceFacts,
    keepers: readonly FrameKeeper[],
  ): Promise<LiveSource | null> {
    const source = new LiveSource(new LiveByteSource(stream, FLUSH_MS), about, keepers);
    const isOpen = await source.readHead();
    return isOpen ? source : null;
  }

  get consumedBytes(): number {
    return this.bytes.consumedBytes;
  }

  /** Whether as many frames were given out as were asked for. */
  get hasEnough(): boolean {
    return this.frameCount >= this.about.packetsMax;
  }

  fill(chunk: FrameChunk): boolean | Promise<boolean> {
    const { reader } = this;
    chunk.frameCount = 0;
    if (reader === null || reader.ended || this.hasEnough) return this.finish();
    this.bytes.beginChunk();
    const untilEpoch = FRAMES_PER_EPOCH - (this.frameCount % FRAMES_PER_EPOCH);
    const waiting = reader.fill(chunk, Math.min(untilEpoch, this.about.packetsMax - this.frameCount));
    return waiting === undefined
      ? this.afterFill(chunk, reader)
      : waiting.then(() => this.afterFill(chunk, reader));
  }

  /** The input was stopped on purpose: what has arrived is read, and a record that is cut then is no damage. */
  stop(isStreamCut: boolean): void {
    if (this.reader !== null) this.reader.tailMayBeCut = true;
    if (isStreamCut) this.bytes.stop();
  }

  /** A capture program that counts drops only in words told how many there were so far. */
  noteDrops(count: number): void {
    this.facts.drops = count;
  }

  /** The capture ended otherwise than it was meant to. */
  noteFailure(reason: string): void {
    addDamage(this.facts, this.facts.bytes, reason);
  }

  /** What still comes is thrown away, so that its writer can end in good order. */
  drain(): void {
    this.bytes.drain();
  }

  close(): void {
    this.feed.close();
  }

  private async readHead(): Promise<boolean> {
    const { feed } = this;
    await feed.ensure(SNIFF_LENGTH);
    const { name } = this.about;
    if (feed.heldLength === 0) {
      const { fault } = this.bytes;
      if (fault !== null) throw new CaptureError(`${name}: ${fault}`, name, 0);
      return false;
    }
    const head = feed.heldBytes();
    if (sniffCompression(head) !== null) {
      throw new CaptureError(
        `${name}: is compressed, which a live capture cannot be; use capan analyze ${name}`,
        name,
        0,
      );
    }
    const format = sniffFormat(head, name);
    const { facts, interfaces, segments } = this;
    const target = { facts, captureIndex: 0, interfaces, segments, previousEnd: null };
    this.reader = readerOf(feed, format, name, target);
    return true;
  }

  private afterFill(chunk: FrameChunk, reader: CaptureFileReader): boolean | Promise<boolean> {
    chunk.segment = Math.max(0, chunk.segment);
    this.frameCount += chunk.frameCount;
    chunk.endsEpoch = chunk.frameCount > 0 && this.frameCount % FRAMES_PER_EPOCH === 0;
    this.completeInterfaces();
    if (chunk.frameCount === 0) return reader.ended ? this.finish() : true;
    this.lastArrivalMs = performance.now();
    for (const keeper of this.keepers) keeper.keep(chunk, this.interfaces, this.segments);
    return true;
  }

  private async finish(): Promise<boolean> {
    // The reader has looked ahead.
    if (this.hasEnough) this.facts.frames = this.frameCount;
    await this.beforeEnd?.();
    return false;
  }

  /** Adds the name and the filter that the stream itself does not state. */
  private completeInterfaces(): void {
    const { interfaceName, filter } = this.about;
    for (; this.completedInterfaces < this.interfaces.length; this.completedInterfaces++) {
      const stated: { name: string | null; filter: string | null } =
        this.interfaces[this.completedInterfaces];
      stated.name ??= interfaceName;
      stated.filter ??= filter;
    }
  }
}
