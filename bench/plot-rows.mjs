// Time and memory of capan against frames, tunnels and workers, drawn into bench/plots.
import { availableParallelism } from 'node:os';
import { drawChart } from './chart.mjs';
import { contender } from './contenders.mjs';
import { scaledSpec } from './inputs.mjs';
import { spreadOf } from './ratios.mjs';
import { machine, revisionOf, today } from './results-page.mjs';

const FRAMES = [250_000, 500_000, 1_000_000, 2_000_000];
const TUNNELS = [1, 10, 100, 1_000];
const WORKERS = [0, 1, 2, 4];
const FRAMES_OF_OTHERS = 1_000_000;
const ROUNDS = 3;
/** A worker for each core but that of the main thread; never chosen by the size of the capture. */
const SOME_WORKERS = Math.max(1, availableParallelism() - 1);

/**
 * @typedef {object} Variant one point of a line
 * @property {string} line of which it is a point
 * @property {number} x
 * @property {import('./inputs.mjs').CaptureSpec} spec
 * @property {number} threads
 */

/** @type {readonly import('./target-rows.mjs').Row[]} */
export const PLOT_ROWS = [
  plotRow({
    name: 'frames',
    title: 'Time and memory against frames',
    subject: 'mixed traffic',
    variants: withAndWithoutWorkers(FRAMES, (frames) => ({ kind: 'mixed', frames })),
    axis: (scale) => ({
      xTitle: 'million frames',
      xTicks: [0, ...FRAMES].map((frames) => frames * scale),
      xLabel: (frames) => String(Number((frames / 1e6).toPrecision(2))),
    }),
    xScales: true,
  }),
  plotRow({
    name: 'tunnels',
    title: 'Time and memory against tunnels',
    subject: 'VXLAN tunnels with 1,000 inner conversations between them',
    variants: withAndWithoutWorkers(TUNNELS, (tunnels) => ({
      kind: 'fat-vxlan',
      frames: FRAMES_OF_OTHERS,
      tunnels,
    })),
    axis: () => ({ xTitle: 'tunnels, at equal frames', xTicks: TUNNELS, xLog: true }),
  }),
  plotRow({
    name: 'workers',
    title: 'Time and memory against workers',
    subject: 'mixed traffic',
    variants: WORKERS.map((threads) => ({
      line: 'capan --threads N',
      x: threads,
      spec: { kind: 'mixed', frames: FRAMES_OF_OTHERS },
      threads,
    })),
    axis: () => ({ xTitle: 'workers beside the main thread', xTicks: WORKERS }),
  }),
];

function withAndWithoutWorkers(values, specOf) {
  return [0, SOME_WORKERS].flatMap((threads) =>
    values.map((x) => ({ line: `capan --threads ${threads}`, x, spec: specOf(x), threads })),
  );
}

/** A plot is a row without a target. `xScales`: the horizontal axis is what --scale makes smaller. */
function plotRow({ name, title, subject, variants, axis, xScales = false }) {
  return {
    name: `plot-${name}`,
    work: title,
    captures: variants.map(({ spec }) => spec),
    tools: [],
    rounds: ROUNDS,
    async measure(session) {
      const { scale, root } = session.options;
      const contenders = [];
      for (const { line, x, spec, threads } of variants) {
        const command = session.capan(await session.capture(spec), ['--threads', String(threads)]);
        contenders.push(contender(`${line}, ${xScales ? x * scale : x}`, command));
      }
      const rounds = session.roundsOf({ rounds: ROUNDS });
      await session.measure(contenders, rounds);
      const measured = variants.map((variant, index) => ({
        ...variant,
        x: xScales ? variant.x * scale : variant.x,
        runs: [...contenders[index].measured.values()],
      }));
      const { frames } = scaledSpec({ kind: 'mixed', frames: FRAMES_OF_OTHERS }, scale);
      const svg = drawChart({
        title,
        notes: [
          xScales ? subject : `${subject}, ${frames.toLocaleString('en')} frames`,
          `Median of ${rounds} rounds, bars from the smallest to the largest${session.isScaled ? `; SCALED by ${scale}` : ''}`,
          `${today()}, revision ${revisionOf(root)}`,
          machine(),
        ],
        panels: [
          panelOf('wall time, s', measured, axis(xScales ? scale : 1), ({ wallSeconds }) => wallSeconds),
          panelOf('peak memory, MB', measured, axis(xScales ? scale : 1), ({ peakBytes }) => peakBytes / 1e6),
        ],
      });
      return { measured: 'drawn', met: undefined, details: '', plot: { name, svg } };
    },
  };
}

function panelOf(title, measured, axis, quantityOf) {
  const lines = [...new Set(measured.map(({ line }) => line))];
  return {
    title,
    ...axis,
    series: lines.map((name) => ({ name, points: pointsOf(measured, name, quantityOf) })),
  };
}

/** @param {readonly (Variant & { runs: readonly object[] })[]} measured */
export function pointsOf(measured, line, quantityOf) {
  return measured
    .filter((variant) => variant.line === line)
    .map(({ x, runs }) => {
      const { median, min, max } = spreadOf(runs.map(quantityOf));
      return { x, y: median, low: min, high: max };
    });
}
