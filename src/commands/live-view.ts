import type { FindingEvent } from '../live/finding-tracker.js';
import { shownText } from '../report/ascii-text.js';
import { liveEventJson, liveEventLine } from '../report/live-lines.js';
import { liveScreen, rateKey } from '../report/live-screen.js';
import type { Tunnel } from '../report/report.js';
import { paints } from './color-choice.js';
import type { LiveCommandOptions } from './live-options.js';
import type { LiveRound } from './run-live.js';
import type { ScreenStream, Terminal } from './terminal.js';

/** What people and programs see of a run while it goes on. */
export interface LiveView {
  begin(): void;
  round(round: LiveRound): void;
  /** What is still to be written is written. May be called twice. */
  end(): Promise<void>;
}

/** Lines that wait for a slow reader; beyond, updates are left out (the final report has their findings). */
const WAITING_LINES_MAX = 1000;

/** A table on a terminal, objects for programs, plain lines for everything else. */
export function liveView(
  options: LiveCommandOptions,
  terminal: Terminal,
  about: { readonly title: string },
): LiveView {
  const { format, output, quiet } = options;
  const isText = format === 'text';
  if (isText && !quiet && terminal.screen) {
    return new ScreenView(terminal.screen, about.title, {
      color: paints(options.color, terminal.color),
      ascii: terminal.ascii === true,
    });
  }
  // The report alone goes where another format was asked for.
  if (format === 'ndjson' && output === undefined)
    return new LinesView((text) => terminal.write(text), liveEventJson);
  if (quiet) return SILENT;
  const line = (event: FindingEvent, now: string | null) =>
    shownText(liveEventLine(event, now), terminal.ascii);
  if (isText) return new LinesView((text) => terminal.write(`${text}\n`), line);
  return new LinesView(async (text) => terminal.message(text), line);
}

const SILENT: LiveView = { begin() {}, round() {}, async end() {} };

class LinesView implements LiveView {
  private waiting = 0;
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly write: (text: string) => Promise<void>,
    private readonly lineOf: (event: FindingEvent, now: string | null) => string,
  ) {}

  begin(): void {}

  round({ events, now }: LiveRound): void {
    for (const event of events) {
      if (event.event === 'updated' && this.waiting >= WAITING_LINES_MAX) continue;
      const text = this.lineOf(event, now);
      this.waiting++;
      this.written = this.written.then(() => this.write(text)).finally(() => this.waiting--);
    }
  }

  end(): Promise<void> {
    return this.written;
  }
}

class ScreenView implements LiveView {
  private readonly startMs = performance.now();
  private lastMs = performance.now();
  private lastFrames = 0;
  private lastPackets = new Map<string, number>();

  constructor(
    private readonly screen: ScreenStream,
    private readonly title: string,
    private readonly look: { readonly color: boolean; readonly ascii: boolean },
  ) {}

  begin(): void {
    this.screen.enter();
    this.draw(
      { events: [], open: [], cleared: [], tunnels: [], frames: 0, bytes: 0, drops: null, now: null },
      0,
    );
  }

  round(round: LiveRound): void {
    const nowMs = performance.now();
    const seconds = (nowMs - this.lastMs) / 1000;
    this.lastMs = nowMs;
    this.draw(round, seconds);
  }

  async end(): Promise<void> {
    this.screen.leave();
  }

  private draw(round: LiveRound, seconds: number): void {
    const { screen, title, look, startMs, lastMs } = this;
    const framesPerSecond = seconds > 0 ? (round.frames - this.lastFrames) / seconds : 0;
    this.lastFrames = round.frames;
    const state = {
      ...round,
      title,
      elapsedSeconds: (lastMs - startMs) / 1000,
      framesPerSecond,
      rates: this.ratesOf(round.tunnels, seconds),
    };
    screen.draw(liveScreen(state, { columns: screen.columns, rows: screen.rows, ...look }));
  }

  private ratesOf(tunnels: readonly Tunnel[], seconds: number): Map<string, number> {
    const packets = new Map<string, number>();
    const rates = new Map<string, number>();
    for (const tunnel of tunnels) {
      for (const { from, to, packets: count } of tunnel.directions) {
        const key = rateKey(tunnel, from, to);
        packets.set(key, count);
        const before = this.lastPackets.get(key);
        if (before !== undefined && seconds > 0) rates.set(key, (count - before) / seconds);
      }
    }
    this.lastPackets = packets;
    return rates;
  }
}
