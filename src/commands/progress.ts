import { formatBytes, formatDuration } from '../report/quantity.js';
import type { ProgressStream } from './terminal.js';

const SHOWN_AFTER_MS = 1000;
const REDRAWN_EVERY_MS = 100;
const BAR_CELLS = 24;
const COLUMNS_FALLBACK = 80;
/** The rate, and the time left by it, are those of so long a time: what comes first of an input may be read faster than the rest. */
const RECENT_MS = 5000;
const SAMPLE_EVERY_MS = 250;
const ERASE_LINE = '\r\u001b[K';

export interface Progress {
  /** Bytes of the input files as stored; the total is null for pipes. */
  update(consumedBytes: number, totalBytes: number | null): void;
  /** Leaves the line empty for what is written next. */
  clear(): void;
}

/** A bar with bytes, rate and time left. Work of less than a second never shows one. */
export function startProgress(
  stream: ProgressStream,
  now: () => number = performance.now.bind(performance),
): Progress {
  const startMs = now();
  let drawnMs = -Infinity;
  let drawn = false;
  const samples = [{ ms: startMs, bytes: 0 }];
  const rateOf = (ms: number, bytes: number): number => {
    if (ms - (samples.at(-1)?.ms ?? ms) >= SAMPLE_EVERY_MS) samples.push({ ms, bytes });
    while (samples.length > 2 && (samples[1]?.ms ?? ms) <= ms - RECENT_MS) samples.shift();
    const [oldest] = samples;
    return oldest === undefined || ms <= oldest.ms ? 0 : ((bytes - oldest.bytes) * 1000) / (ms - oldest.ms);
  };
  return {
    update(consumedBytes, totalBytes) {
      const nowMs = now();
      const elapsedMs = nowMs - startMs;
      const rate = rateOf(nowMs, consumedBytes);
      if (elapsedMs < SHOWN_AFTER_MS || nowMs - drawnMs < REDRAWN_EVERY_MS) return;
      drawnMs = nowMs;
      drawn = true;
      // The last column stays free: a terminal that wraps there would not erase the line.
      const columns = (stream.columns > 0 ? stream.columns : COLUMNS_FALLBACK) - 1;
      stream.write(ERASE_LINE + progressLine(consumedBytes, totalBytes, rate).slice(0, columns));
    },
    clear() {
      if (drawn) stream.write(ERASE_LINE);
      drawn = false;
    },
  };
}

/** @param rate bytes a second. @returns "[#######.................]  31 %  310 MB of 1.00 GB  155 MB/s  5 s left". */
export function progressLine(consumedBytes: number, totalBytes: number | null, rate: number): string {
  const rateText = `${formatBytes(rate)}/s`;
  if (totalBytes === null || totalBytes <= 0) return `${formatBytes(consumedBytes)}  ${rateText}`;
  const share = Math.min(1, consumedBytes / totalBytes);
  const cells = Math.floor(share * BAR_CELLS);
  const bar = `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}]`;
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  const left =
    rate > 0 ? `  ${formatDuration(Math.ceil(Math.max(0, totalBytes - consumedBytes) / rate))} left` : '';
  return `${bar} ${percent}  ${formatBytes(consumedBytes)} of ${formatBytes(totalBytes)}  ${rateText}${left}`;
}
