import type { FrameChunk } from './chunk.js';

/** Something in the input that could not be read; what stands around it was. */
export interface Damage {
  /** Byte offset in the (decompressed) file. */
  readonly offset: number;
  readonly reason: string;
  /** The file ends inside a record: what is missing would follow all that was read. */
  readonly isCutShort: boolean;
}

/** An interface of a capture file: an IDB, or the one of a pcap file header. */
export interface CaptureInterface {
  readonly captureIndex: number;
  readonly linkType: number;
  /** 0: no limit. */
  readonly snaplen: number;
  readonly name: string | null;
  /** The capture filter, where the file states it (if_filter). */
  readonly filter: string | null;
  /** From interface statistics blocks: packets received and dropped, or null where not stated. */
  received: number | null;
  dropped: number | null;
  /**
   * From interface statistics blocks, where stated: packets handed to the program that wrote the file, and when capturing
   * began and ended, in nanoseconds since 1970. Wireshark and dumpcap write these times in microseconds whatever unit the
   * interface has, so there are two readings; what lies near the packets is meant.
   */
  delivered?: number;
  openedNs?: readonly bigint[];
  closedNs?: readonly bigint[];
}

/** What is known of one input file; fields grow while it is read and are final at its end. */
export interface CaptureFacts {
  readonly file: string;
  /** `NAME-text`: a text that is read as a capture (see `text-capture.ts`). */
  format: 'pcap' | 'pcapng' | `${string}-text` | 'unknown';
  readonly linkTypes: number[];
  /** Frames as tshark lists them. */
  frames: number;
  /** Records of the file: packets and, in pcapng, every other block. */
  records: number;
  /** Bytes of the decompressed file that were read. */
  bytes: number;
  /** 'relative': times count from an unknown start (VPP), no date may be printed. */
  clock: 'absolute' | 'relative';
  /** Nanoseconds since 1970 of the first and the last timed frame, or null. */
  firstTimeNs: bigint | null;
  lastTimeNs: bigint | null;
  readonly damaged: Damage[];
  /** Drops that the file itself reports, or null where it says nothing. */
  drops: number | null;
  /** Smallest non-zero snaplen of its interfaces, or 0. */
  snaplen: number;
  /** Packets of which the input has words and no bytes: their headers were put together from what the words say. */
  packetsInWords: number;
  /** Of these, the ones of a list that shows the innermost addresses and one protocol of each packet, as tshark's does. */
  packetsInLists: number;
  /** Later IP fragments of which words say no more than that: what they belong to is not known to be in fragments. */
  fragmentsUntold: number;
  readonly comments: string[];
  /** Things skipped on purpose, by name, with their count (unknown block types, frames without time …). */
  readonly skipped: Map<string, number>;
}

/** A stretch of frames whose times compare. */
export interface TimeSegment {
  /** Nanoseconds since 1970 of the segment's base. */
  readonly baseNs: bigint;
  readonly captureIndex: number;
  readonly clock: 'absolute' | 'relative';
  /** Why it was opened: 'start', 'section', 'file', 'step-forward', 'step-backward', 'span'. */
  readonly openedBy: string;
}

/** What is known of the whole input at its end, as one thread tells the other. */
export interface InputFacts {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: readonly CaptureInterface[];
  readonly segments: readonly TimeSegment[];
}

/** Files that another thread can open and read in place of this source, chunk for chunk the same. */
export interface ReopenableInput {
  readonly paths: readonly string[];
  /** Takes over what the other thread has learned; nothing may have been read here. */
  adopt(facts: InputFacts): void;
}

/** Where chunks come from. Filled in merged time order; the lists grow while chunks are read. */
export interface CaptureSource {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: readonly CaptureInterface[];
  readonly segments: readonly TimeSegment[];
  /** Sum of the sizes of the input files in bytes, or null for pipes. */
  readonly totalBytes: number | null;
  /** Bytes of the input files (as stored) consumed so far, for the progress bar. */
  readonly consumedBytes: number;
  /** What the inputs that are texts hold beside packets, once they were opened. */
  readonly texts?: readonly { readonly file: string; readonly content: string }[];
  /** Files of the directories given that hold no packets, and why each is not read. */
  readonly leftOut?: readonly { readonly file: string; readonly reason: string }[];
  /** Absent for pipes, for what is captured now, and where a file of several could not be opened. */
  readonly reopenable?: ReopenableInput;
  /**
   * Fills the chunk with the next frames: frames, frameCount, segment, endsEpoch.
   * @returns false at the end of the input (the chunk is then empty).
   * @throws CaptureError where nothing at all of the input can be read.
   */
  fill(chunk: FrameChunk): boolean | Promise<boolean>;
  close(): void | Promise<void>;
}
