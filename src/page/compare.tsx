import type { PageWords } from '../report/page-words.js';
import type { CompareDirection, Pictures, Report } from '../report/report.js';
import { RangePlot } from './pictures.js';
import { type Column, SortedTable } from './table.js';
import { countText, durationText, type PageClock } from './time.js';

/** Both ends of a path: what was sent, what arrived, and when it was lost. */
export function CompareSection({
  report,
  words,
  clocks,
}: {
  readonly report: Report;
  readonly words: PageWords;
  readonly clocks: readonly PageClock[];
}) {
  const { compare, pictures } = report;
  if (compare === undefined) return null;
  const { halfWidthSeconds } = compare.clock;
  const strips = pictures?.directions ?? [];
  const band = halfWidthSeconds === null ? '' : ` ± ${durationText(halfWidthSeconds)}`;
  const columns: Column<{ readonly row: CompareDirection; readonly index: number }>[] = [
    { title: 'from', value: ({ row }) => row.from },
    { title: 'to', value: ({ row }) => row.to },
    { title: 'layer', value: ({ row }) => row.scope },
    { title: 'sent', value: ({ row }) => row.sent, show: ({ row }) => countText(row.sent) },
    { title: 'arrived', value: ({ row }) => row.matched, show: ({ row }) => countText(row.matched) },
    {
      title: 'lost',
      value: ({ row }) => row.lost,
      show: ({ row }) =>
        row.lost === 0
          ? '0'
          : `${countText(row.lost)} (${((row.lost / Math.max(1, row.sent)) * 100).toFixed(1)} %)`,
    },
    {
      title: 'over time',
      value: ({ row }) => row.lost,
      show: ({ index }) => (
        <LossStrip strip={strips.find(({ direction }) => direction === index)} clocks={clocks} />
      ),
    },
    { title: 'reordered', value: ({ row }) => row.reordered },
    { title: 'changed', value: ({ row }) => row.modified },
    { title: 'remarks', value: ({ index }) => (words.remarks[index] ?? []).join(', ') },
    {
      title: 'delay, median',
      value: ({ row }) => row.delaySeconds?.median ?? -1,
      show: ({ row }) =>
        typeof row.delaySeconds?.median === 'number' ? durationText(row.delaySeconds.median) : '',
    },
  ];
  return (
    <section id="compare" aria-labelledby="compare-title">
      <h2 id="compare-title">Both ends</h2>
      <p>Clock: {words.clock}</p>
      <SortedTable
        caption="Directions"
        columns={columns}
        rows={compare.directions.map((row, index) => ({ row, index }))}
      />
      {strips
        .filter(({ delays }) => delays.length > 1)
        .slice(0, 8)
        .map((strip) => (
          <Delay
            key={strip.direction}
            strip={strip}
            row={compare.directions[strip.direction]}
            clocks={clocks}
            band={band}
          />
        ))}
    </section>
  );
}

type Strip = NonNullable<Pictures['directions']>[number];

function Delay({
  strip,
  row,
  clocks,
  band,
}: {
  readonly strip: Strip;
  readonly row: CompareDirection;
  readonly clocks: readonly PageClock[];
  readonly band: string;
}) {
  const label = `One-way delay ${row.from} → ${row.to}${band === '' ? '' : `, known to${band}`}`;
  return (
    <figure data-picture="delay" data-points={strip.delays.length}>
      <figcaption>{label}</figcaption>
      <RangePlot
        ranges={strip.delays}
        binSeconds={strip.binSeconds}
        clock={clocks[strip.segment] ?? clocks[0]}
        label={label}
      />
    </figure>
  );
}

/** Packets that arrived in blue, lost ones in red, by time. */
function LossStrip({
  strip,
  clocks,
}: {
  readonly strip: Strip | undefined;
  readonly clocks: readonly PageClock[];
}) {
  if (strip === undefined) return null;
  const { sent, lost, first, binSeconds, segment } = strip;
  const bins = Math.max(first + sent.length, Math.ceil((clocks[segment] ?? clocks[0]).seconds / binSeconds));
  const most = Math.max(1, ...sent);
  const total = lost.reduce((sum, packets) => sum + packets, 0);
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${bins} 24`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${countText(total)} packets lost over time`}
      data-picture="loss-strip"
      data-points={sent.length}
    >
      {sent.map((packets, index) => (
        <g key={`${first + index}`}>
          <rect
            class="fill-accent"
            x={first + index}
            width="1"
            y={24 - (packets / most) * 24}
            height={(packets / most) * 24}
          />
          {lost[index] > 0 && (
            <rect
              class="fill-error"
              x={first + index}
              width="1"
              y="0"
              height={Math.max(6, (lost[index] / Math.max(1, packets)) * 24)}
            />
          )}
        </g>
      ))}
    </svg>
  );
}
