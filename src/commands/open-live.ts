import { Readable } from 'node:stream';
import { type Backend, SSH_STALL_SECONDS } from '../live/capture-command.js';
import type { FindingEvent } from '../live/finding-tracker.js';
import { ARRIVAL_MARGIN_SECONDS } from '../live/live-quality.js';
import { type LiveRequest, openInput } from '../live/open-input.js';
import type { Report } from '../report/report.js';
import type { AnalyzeOptions } from './run-analysis.js';
import { runLive } from './run-live.js';

/** An interface of this host, one of another host through ssh, or a stream of a capture that is being written. */
export type LiveInput =
  | { readonly interfaces: readonly string[]; readonly filter?: string; readonly backend?: Backend }
  | { readonly ssh: string; readonly interfaces: readonly string[]; readonly filter?: string }
  | { readonly name: string; readonly stream: AsyncIterable<Uint8Array> };

export interface OpenLiveOptions extends Omit<AnalyzeOptions, 'signal' | 'onProgress'> {
  /** Called when a finding is raised, updated or cleared. */
  readonly onEvent?: (event: FindingEvent) => void;
  /** Ends after so many packets. */
  readonly packets?: number;
}

/** A capture that is being judged. */
export interface LiveSession {
  /** Asks for the end; the report follows. */
  stop(): void;
  /** The report of the whole run; rejects with CaptureError where nothing could be captured. Null where it was stopped before there was anything to read. */
  readonly report: Promise<Report | null>;
}

/** Captures and judges until it is stopped or the input ends. */
export function openLive(input: LiveInput, options: OpenLiveOptions = {}): LiveSession {
  const stopping = new AbortController();
  return { stop: () => stopping.abort(), report: judge(input, options, stopping.signal) };
}

async function judge(
  input: LiveInput,
  { onEvent, packets = Number.POSITIVE_INFINITY, ...options }: OpenLiveOptions,
  signal: AbortSignal,
): Promise<Report | null> {
  const opened = await openInput(requestOf(input), { packetsMax: packets, keepers: [] }, signal);
  if (opened === null) return null;
  const isHere = 'interfaces' in input && !('ssh' in input);
  try {
    return await runLive(opened.source, {
      ...options,
      marginSeconds: ARRIVAL_MARGIN_SECONDS + (isHere ? 0 : SSH_STALL_SECONDS),
      onRound: ({ events }) => {
        for (const event of events) onEvent?.(event);
      },
      endIsKnown: () => opened.endIsKnown,
    });
  } finally {
    await opened.close();
  }
}

function requestOf(input: LiveInput): LiveRequest {
  if ('stream' in input) {
    const { name, stream } = input;
    const readable = stream instanceof Readable ? stream : Readable.from(stream, { objectMode: false });
    return { kind: 'stream', name, stream: readable };
  }
  const { interfaces, filter = '' } = input;
  if ('ssh' in input) return { kind: 'ssh', host: input.ssh, interfaces, filter };
  const { backend } = input;
  return { kind: 'interface', interfaces, filter, ...(backend === undefined ? {} : { backend }) };
}
