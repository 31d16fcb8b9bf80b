import { SIDES, type Side } from '../compare/side.js';
import { SSH_STALL_SECONDS } from '../live/capture-command.js';
import { ARRIVAL_MARGIN_SECONDS } from '../live/live-quality.js';
import { type OpenInput, openInput } from '../live/open-input.js';
import type { Report } from '../report/report.js';
import { LiveKeeping } from './live-keeping.js';
import { type LiveCommandOptions, type LiveOrigin, ruleOptions } from './live-options.js';
import { liveView } from './live-view.js';
import { type LiveEnd, runBothEnds } from './run-both-ends.js';
import { stopAfter } from './stop-after.js';
import type { Terminal } from './terminal.js';

type BothEnds = Extract<LiveOrigin, { kind: 'both-ends' }>;

/**
 * `capan live --a-command LINE --b-command LINE`.
 * @returns null where it was interrupted before there was anything to read.
 * @throws CaptureError where one end writes no capture; the other one is ended then.
 */
export async function captureBothEnds(
  options: LiveCommandOptions,
  origin: BothEnds,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Report | null> {
  const keeping = { a: new LiveKeeping(options, 'a'), b: new LiveKeeping(options, 'b') };
  const inputs = await openBoth(options, origin, keeping, signal);
  if (inputs === null) return null;
  const view = liveView(options, terminal, { title: 'both ends' });
  const stop = (): void => {
    for (const side of SIDES) inputs[side].stop();
  };
  const timer = options.durationSeconds === undefined ? null : stopAfter(options.durationSeconds, stop);
  try {
    view.begin();
    const report = await runBothEnds(
      { a: endOf(inputs.a), b: endOf(inputs.b) },
      {
        ...ruleOptions(options),
        local: options.local,
        marginSeconds: ARRIVAL_MARGIN_SECONDS + SSH_STALL_SECONDS,
        onTick: () => {
          for (const side of SIDES) keeping[side].tick();
        },
        onRound: (round) => {
          view.round(round);
          options.watch?.(round);
          for (const side of SIDES) keeping[side].noteEvents(round.events);
        },
      },
    );
    await view.end();
    for (const side of SIDES) {
      const lines = [...inputs[side].endLines(), ...keeping[side].lines()];
      for (const line of lines) terminal.message(line);
    }
    return report;
  } finally {
    timer?.stop();
    await view.end();
    for (const side of SIDES) keeping[side].close();
    await Promise.all(SIDES.map((side) => inputs[side].close()));
  }
}

/** Both are started at once; where one fails, the other one is ended, even while it waits for its first bytes. */
async function openBoth(
  options: LiveCommandOptions,
  origin: BothEnds,
  keeping: Readonly<Record<Side, LiveKeeping>>,
  signal: AbortSignal,
): Promise<Readonly<Record<Side, OpenInput>> | null> {
  const giveUp = new AbortController();
  const either = AbortSignal.any([signal, giveUp.signal]);
  const packetsMax = options.packets ?? Number.POSITIVE_INFINITY;
  const open = (side: Side): Promise<OpenInput | null> =>
    openInput(
      { kind: 'command', name: `${side}-command`, line: origin[side] },
      { packetsMax, keepers: keeping[side].keepers },
      either,
    ).catch((error: unknown) => {
      giveUp.abort();
      throw error;
    });
  const [a, b] = await Promise.allSettled([open('a'), open('b')]);
  const opened = [a, b].flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
  if (a.status === 'fulfilled' && a.value && b.status === 'fulfilled' && b.value)
    return { a: a.value, b: b.value };
  await Promise.all(opened.map((input) => input.close()));
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return null;
}

function endOf(input: OpenInput): LiveEnd {
  return { source: input.source, endIsKnown: () => input.endIsKnown, stop: () => input.stop() };
}
