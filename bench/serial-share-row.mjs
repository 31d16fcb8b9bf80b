import { availableParallelism } from 'node:os';
import { drawChart } from './chart.mjs';
import { markdownTable, spreadOf, spreadText } from './ratios.mjs';
import { machine, today } from './results-page.mjs';
import { gainOver } from './scaling.mjs';
import { measureThreads, profileDissecting, seesThreads } from './thread-clock.mjs';

const CORES_DRAWN = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
const CORES_MARKED = [1, 2, 4, 8, 16, 32];

/**
 * The row of the serial share: CPU time of the main thread without the dissection that it does when no worker is free,
 * of the CPU time of all threads. Draws what follows from it for more cores.
 * @returns {import('./target-rows.mjs').Row}
 */
export function serialShareRow({ capture, limit, rounds }) {
  return {
    name: 'serial-share',
    work: 'share of CPU time that is serial (main thread), 1 GB mixed',
    target: `≤ ${limit * 100} %`,
    captures: [capture],
    tools: [],
    rounds,
    async measure(session) {
      if (!seesThreads())
        return { measured: '–', met: undefined, details: 'needs /proc to tell threads apart' };
      const file = await session.capture(capture);
      const options = session.defaultThreads;
      const command = session.capan(file, options);
      const alone = session.capan(file, ['--threads', '0']);
      const dissecting = profileDissecting(command);
      const runs = [];
      for (let round = 1; round <= session.roundsOf({ rounds }); round += 1) {
        const run = {
          ...(await measureThreads(command)),
          aloneSeconds: (await measureThreads(alone)).wallSeconds,
        };
        runs.push(stagesOf(run, dissecting ?? 0));
        console.log(`round ${round}  ${(runs[runs.length - 1].serialShare * 100).toFixed(1)} % serial`);
      }
      const shares = spreadOf(runs.map(({ serialShare }) => serialShare * 100));
      const name = ['capan', ...options].join(' ');
      return {
        measured: `${spreadText(shares)} %`,
        met: shares.median <= limit * 100,
        details: stageText(name, session.describe(capture), runs, dissecting),
        plot: { name: 'scaling', svg: scalingChart(name, session, session.describe(capture), runs) },
      };
    },
  };
}

/**
 * @param {import('./thread-clock.mjs').ThreadTimes & { aloneSeconds: number }} run
 * @param {number} dissecting share of the main thread's time, 0 to 1
 */
export function stagesOf({ wallSeconds, cpuSeconds, mainSeconds, otherSeconds, aloneSeconds }, dissecting) {
  const serialSeconds = mainSeconds * (1 - dissecting);
  return {
    wallSeconds,
    cpuSeconds,
    mainSeconds,
    otherSeconds,
    serialSeconds,
    parallelSeconds: cpuSeconds - serialSeconds,
    serialShare: serialSeconds / cpuSeconds,
    gain: aloneSeconds / wallSeconds,
  };
}

function medianOf(runs, key) {
  return spreadOf(runs.map((run) => run[key])).median;
}

function stageText(name, capture, runs, dissecting) {
  const all = medianOf(runs, 'cpuSeconds');
  const line = (title, key) => {
    const seconds = medianOf(runs, key);
    return [title, seconds.toFixed(2), `${((seconds / all) * 100).toFixed(0)} %`];
  };
  const table = markdownTable([
    [`${name}, medians`, 'CPU seconds', 'share'],
    line('all threads', 'cpuSeconds'),
    line('main thread', 'mainSeconds'),
    line('main thread, not dissecting: serial', 'serialSeconds'),
    line('workers, reads, garbage collection, compilation', 'otherSeconds'),
  ]);
  const help =
    dissecting === undefined
      ? 'How much of it is dissection is not known for this command: all of it counts as serial.'
      : `${(dissecting * 100).toFixed(0)} % of it is dissection, by a CPU profile of one more run.`;
  return (
    `${capture}. The clocks of all threads were read every 20 ms. The main thread dissects where no worker is free; ` +
    `${help} What follows for more cores: [plots/scaling.svg](plots/scaling.svg).\n\n${table}`
  );
}

function scalingChart(name, session, capture, runs) {
  const serial = medianOf(runs, 'serialSeconds');
  const parallel = medianOf(runs, 'parallelSeconds');
  const gains = CORES_DRAWN.map((cores) => ({ cores, ...gainOver(serial, parallel, cores) }));
  const gain = spreadOf(runs.map((run) => run.gain));
  const cores = availableParallelism();
  const scale = session.isScaled ? `, SCALED by ${session.options.scale}` : '';
  return drawChart({
    title: 'What more cores could gain',
    notes: [
      `Computed, not measured, from ${serial.toFixed(2)} s serial and ${parallel.toFixed(2)} s parallel CPU time of ${name}.`,
      'Neither line knows of memory bandwidth, of waiting, or of a bound on the number of workers.',
      `${today()}, ${machine()}`,
      `${capture}${scale}`,
    ],
    panels: [
      {
        title: 'times as fast as on one core',
        xTitle: 'cores',
        xTicks: CORES_MARKED,
        xLog: true,
        series: [
          {
            name: 'best: serial work beside parallel work, the longer one counts',
            points: gains.map((point) => ({ x: point.cores, y: point.together })),
          },
          {
            name: "Amdahl's law: serial and parallel work take turns",
            points: gains.map((point) => ({ x: point.cores, y: point.apart })),
          },
          {
            name: `measured on this machine: --threads 0 ÷ ${name}, wall time`,
            points: [{ x: cores, y: gain.median, low: gain.min, high: gain.max }],
            line: false,
          },
        ],
      },
    ],
  });
}
