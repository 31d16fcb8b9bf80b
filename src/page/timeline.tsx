import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Finding, Pictures, Report, Tunnel } from '../report/report.js';
import { axis, colour, Plot } from './plot.js';
import { clockText, countText, durationText, type PageClock, spanOf } from './time.js';
import { tunnelName } from './words.js';

interface TimelineProps {
  readonly report: Report;
  readonly findings: readonly Finding[];
  readonly tunnels: readonly Tunnel[];
  readonly clocks: readonly PageClock[];
}

type Range = readonly [number, number];

interface Lane {
  readonly title: string;
  readonly detail: string;
  readonly xs: number[];
  readonly ys: number[];
  readonly bands: readonly { readonly span: Range; readonly severity: string }[];
  readonly isQuality?: boolean;
}

const LANES_SHOWN = 24;

/** When what went where, and since when what is wrong. */
export function Timeline({ report, findings, tunnels, clocks }: TimelineProps) {
  const [segment, setSegment] = useState(0);
  const [isLong, setLong] = useState(false);
  const clock = clocks[segment];
  const whole: Range = [0, Math.max(clock.seconds, 0.001)];
  const [range, setRange] = useState<Range>(whole);
  const plots = useRef(new Set<uPlot>());
  const { pictures } = report;
  const lanes = useMemo(
    () => lanesOf(report, findings, tunnels, clocks, segment),
    [report, findings, tunnels, clocks, segment],
  );
  useEffect(() => setRange([0, Math.max(clocks[segment].seconds, 0.001)]), [clocks, segment]);
  useEffect(() => {
    for (const plot of plots.current) plot.setScale('x', { min: range[0], max: range[1] });
  }, [range, lanes]);
  const move = (factor: number, shift: number): void => {
    const width = (range[1] - range[0]) * factor;
    const middle = (range[0] + range[1]) / 2 + shift * (range[1] - range[0]);
    const from = Math.max(whole[0], Math.min(middle - width / 2, whole[1] - width));
    setRange([from, Math.min(whole[1], from + width)]);
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = { '+': [0.5, 0], '-': [2, 0], ArrowLeft: [1, -0.25], ArrowRight: [1, 0.25] }[event.key];
    if (step !== undefined) move(step[0], step[1]);
    else if (event.key === '0' || event.key === 'Home') setRange(whole);
    else return;
    event.preventDefault();
  };
  const dated = findings
    .map((finding) => ({ finding, span: spanOf(finding, clocks, segment) }))
    .flatMap(({ finding, span }) => (span === null ? [] : [{ finding, span }]));
  const shownLanes = isLong ? lanes : lanes.slice(0, LANES_SHOWN);
  return (
    <section id="timeline" aria-labelledby="timeline-title">
      <div class="bar">
        <h2 id="timeline-title">Timeline</h2>
        {clocks.length > 1 && (
          <label>
            time segment{' '}
            <select value={segment} onChange={(event) => setSegment(Number(event.currentTarget.value))}>
              {clocks.map((one, index) => (
                <option value={index}>
                  {index + 1}: {clockText(one, 0)}, {durationText(one.seconds)}
                </option>
              ))}
            </select>
          </label>
        )}
        <div class="tools" role="toolbar" aria-label="Time shown">
          <button type="button" onClick={() => move(1, -0.25)} aria-label="Earlier">
            ←
          </button>
          <button type="button" onClick={() => move(1, 0.25)} aria-label="Later">
            →
          </button>
          <button type="button" onClick={() => move(0.5, 0)} aria-label="Closer">
            +
          </button>
          <button type="button" onClick={() => move(2, 0)} aria-label="Farther">
            −
          </button>
          <button type="button" onClick={() => setRange(whole)}>
            All
          </button>
        </div>
      </div>
      <p class="dim" data-shown>
        {clockText(clock, range[0])} to {clockText(clock, range[1])} ({durationText(range[1] - range[0])}).
        Drag over a lane to look closer, double click for all; keys: + − ← → 0.
      </p>
      <div class="lanes" tabIndex={0} onKeyDown={onKey} role="group" aria-label="Lanes over time">
        {dated.length > 0 && <FindingBands dated={dated} range={range} />}
        {shownLanes.map((lane, index) => (
          <div
            class={lane.isQuality ? 'lane quality' : 'lane'}
            key={`${segment} ${lane.title} ${lane.detail}`}
          >
            <div class="lane-name" title={`${lane.title} ${lane.detail}`}>
              <b>{lane.title}</b>
              <span>{lane.detail}</span>
            </div>
            <LanePlot
              lane={lane}
              clock={clock}
              hasAxis={index === shownLanes.length - 1}
              onPlot={(plot, gone) => {
                if (gone) plots.current.delete(gone);
                if (plot) {
                  plots.current.add(plot);
                  plot.setScale('x', { min: range[0], max: range[1] });
                }
              }}
              onRange={setRange}
              whole={whole}
            />
          </div>
        ))}
      </div>
      {lanes.length > LANES_SHOWN && (
        <button type="button" onClick={() => setLong(!isLong)}>
          {isLong ? 'Fewer lanes' : `All ${lanes.length} lanes`}
        </button>
      )}
      {pictures === undefined && (
        <p class="dim">This report holds no rates: write it with --pictures or --html.</p>
      )}
    </section>
  );
}

function FindingBands({
  dated,
  range,
}: {
  readonly dated: readonly { readonly finding: Finding; readonly span: Range }[];
  readonly range: Range;
}) {
  const percent = (seconds: number): number => ((seconds - range[0]) / (range[1] - range[0])) * 100;
  return (
    <ol class="bands" aria-label="Findings over time">
      {dated.map(({ finding, span }) => {
        const from = Math.max(0, Math.min(100, percent(span[0])));
        const to = Math.max(0, Math.min(100, percent(span[1])));
        return (
          <li class="lane" key={finding.key}>
            <a class="lane-name" href={`#${anchorOf(finding)}`} title={finding.title}>
              <b class={finding.severity}>{finding.id}</b>
              <span>{finding.title}</span>
            </a>
            <svg class="band" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 1000 12">
              {to >= from && percent(span[1]) >= 0 && percent(span[0]) <= 100 && (
                <rect
                  class={`fill-${finding.severity}`}
                  x={from * 10}
                  width={Math.max(4, (to - from) * 10)}
                  y="1"
                  height="10"
                  rx="2"
                />
              )}
            </svg>
          </li>
        );
      })}
    </ol>
  );
}

export function anchorOf({ key }: Finding): string {
  return `finding-${key.replace(/[^A-Za-z0-9]+/g, '-')}`;
}

function LanePlot({
  lane,
  clock,
  hasAxis,
  onPlot,
  onRange,
  whole,
}: {
  readonly lane: Lane;
  readonly clock: PageClock;
  readonly hasAxis: boolean;
  readonly onPlot: (plot: uPlot | null, gone?: uPlot) => void;
  readonly onRange: (range: Range) => void;
  readonly whole: Range;
}) {
  const own = useRef<uPlot | null>(null);
  const data = useMemo((): uPlot.AlignedData => [lane.xs, lane.ys], [lane]);
  const peak = Math.max(0, ...lane.ys);
  const label = `${lane.title} ${lane.detail}: at most ${countText(Math.round(peak))} packets a second`;
  return (
    <Plot
      data={data}
      height={hasAxis ? 66 : 40}
      label={label}
      onPlot={(plot) => {
        if (plot) onPlot(plot);
        else if (own.current) onPlot(null, own.current);
        own.current = plot;
      }}
      options={() => ({
        legend: { show: false },
        padding: [4, 30, hasAxis ? 0 : 4, 30],
        cursor: { y: false, sync: { key: 'timeline' }, drag: { x: true, y: false, setScale: false } },
        scales: {
          x: { time: false, range: (_plot, min, max) => [min, max] },
          y: { range: (_plot, _min, max) => [0, max || 1] },
        },
        axes: [{ ...axis((seconds) => clockText(clock, seconds, 0)), show: hasAxis }, { show: false }],
        series: [
          {},
          {
            stroke: colour(lane.isQuality ? 'warning' : 'accent'),
            fill: colour(lane.isQuality ? 'warning-soft' : 'accent-soft'),
            width: 1.25,
            points: { show: false },
            ...(uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
          },
        ],
        hooks: {
          drawClear: [(plot) => drawBands(plot, lane)],
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 4) return;
              onRange([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          ready: [(plot) => plot.over.addEventListener('dblclick', () => onRange(whole))],
        },
      })}
    />
  );
}

function drawBands(plot: uPlot, { bands }: Lane): void {
  const { ctx, bbox } = plot;
  for (const { span, severity } of bands) {
    const left = Math.max(bbox.left, plot.valToPos(span[0], 'x', true));
    const right = Math.min(bbox.left + bbox.width, Math.max(plot.valToPos(span[1], 'x', true), left + 2));
    if (right <= left) continue;
    ctx.fillStyle = colour(`${severity}-soft`);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
}

function lanesOf(
  { pictures, captures }: Report,
  findings: readonly Finding[],
  tunnels: readonly Tunnel[],
  clocks: readonly PageClock[],
  segment: number,
): Lane[] {
  if (pictures === undefined) return [];
  const pauses = pictures.segments[segment]?.pauses ?? [];
  const pauseBands = pauses.map(({ from, to }) => ({ span: [from, to] as const, severity: 'pause' }));
  const lanes: Lane[] = [];
  for (const tunnel of tunnels) {
    const bands = findings
      .filter((finding) => finding.tunnel === tunnel.id && finding.severity !== 'info')
      .flatMap((finding) => {
        const span = spanOf(finding, clocks, segment);
        return span === null ? [] : [{ span, severity: finding.severity }];
      });
    for (const rate of pictures.rates) {
      if (rate.tunnel !== tunnel.id || rate.segment !== segment) continue;
      const { xs, ys } = seriesOf(rate, rate.packets, clocks[segment].seconds);
      const detail = `${rate.from} → ${rate.to}`;
      lanes.push({ title: tunnelName(tunnel), detail, xs, ys, bands: [...pauseBands, ...bands] });
    }
  }
  const frames = pictures.frames.find((one) => one.segment === segment);
  if (frames !== undefined) {
    const drops = captures.reduce((sum, capture) => sum + (capture.drops ?? 0), 0);
    const cut = frames.cut?.reduce((sum, count) => sum + count, 0) ?? 0;
    const facts = [
      drops > 0 ? `${countText(drops)} dropped` : 'no drops reported',
      ...(cut > 0 ? [`${countText(cut)} cut`] : []),
      ...(pauses.length > 0 ? [`${pauses.length} pauses`] : []),
    ];
    const { xs, ys } = seriesOf(frames, frames.packets, clocks[segment].seconds);
    lanes.push({ title: 'Capture, all frames', detail: facts.join(', '), xs, ys, bands: pauseBands });
    if (frames.cut !== undefined) {
      const series = seriesOf(frames, frames.cut, clocks[segment].seconds);
      lanes.push({
        title: 'Capture, frames cut',
        detail: 'by the snap length',
        ...series,
        bands: pauseBands,
        isQuality: true,
      });
    }
  }
  return lanes;
}

/** Packets a second at the left edge of each bin, zeros around. */
function seriesOf(
  { first, binSeconds }: Pick<Pictures['rates'][number], 'first' | 'binSeconds'>,
  counts: readonly number[],
  seconds: number,
): { xs: number[]; ys: number[] } {
  const bins = Math.max(first + counts.length, Math.ceil(seconds / binSeconds));
  const xs = Array.from({ length: bins + 1 }, (_, bin) => bin * binSeconds);
  return { xs, ys: xs.map((_, bin) => (counts[bin - first] ?? 0) / binSeconds) };
}
