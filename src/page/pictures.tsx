import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Finding, Pictures, Report } from '../report/report.js';
import { axis, colour, Plot } from './plot.js';
import { clockText, countText, durationText, type PageClock } from './time.js';

interface Shown {
  readonly finding: Finding;
  readonly report: Report;
  readonly clocks: readonly PageClock[];
}

/** The pictures that show a finding. */
export function FindingPictures({ finding, report, clocks }: Shown) {
  const { pictures } = report;
  const shown = pictures?.shows[finding.key];
  if (pictures === undefined || shown === undefined) return null;
  const cited = new Set(finding.evidence.map(({ capture, frame }) => `${capture} ${frame}`));
  return (
    <div class="pictures">
      {shown.exchanges?.map((at) => (
        <Ladder key={`e${at}`} exchange={pictures.exchanges[at]} clocks={clocks} cited={cited} />
      ))}
      {shown.sequences?.map((at) => (
        <Sequence key={`s${at}`} sequence={pictures.sequences[at]} clocks={clocks} />
      ))}
      {shown.sizes?.map((at) => (
        <Sizes key={`z${at}`} sizes={pictures.sizes[at]} />
      ))}
      {shown.roundTrips?.map((at) => (
        <RoundTrips key={`r${at}`} trips={pictures.roundTrips[at]} clocks={clocks} />
      ))}
      {shown.fragments?.map((at) => (
        <Fragments key={`f${at}`} datagram={pictures.fragments[at]} clocks={clocks} cited={cited} />
      ))}
    </div>
  );
}

const RUNG = 26;
const LEFT = 190;
const RIGHT = 590;
const WIDTH = 780;

/** The messages between two ends, downwards in time; what never came is dashed. */
function Ladder({
  exchange,
  clocks,
  cited,
}: {
  readonly exchange: Pictures['exchanges'][number];
  readonly clocks: readonly PageClock[];
  readonly cited: ReadonlySet<string>;
}) {
  const { ends, messages, leftOut, protocol, segment } = exchange;
  const clock = clocks[segment] ?? clocks[0];
  const rows: ({ readonly message: (typeof messages)[number] } | { readonly note: string })[] = [];
  messages.forEach((message, index) => {
    if (leftOut !== undefined && index === leftOut.after)
      rows.push({ note: `${countText(leftOut.messages)} more messages` });
    rows.push({ message });
  });
  const lastAsked = messages.findLast(({ unanswered }) => unanswered);
  const height = 44 + rows.length * RUNG + (lastAsked ? RUNG : 0) + 8;
  const unanswered = messages.filter((message) => message.unanswered).length;
  const summary = `${protocol}, ${ends[0]} and ${ends[1]}: ${messages.length} messages shown, ${unanswered} without answer`;
  return (
    <figure data-picture="ladder" data-points={messages.length}>
      <figcaption>
        Exchange ({protocol}) between {ends[0]} and {ends[1]}
        {unanswered > 0 ? `; ${unanswered} without answer` : ''}
      </figcaption>
      <div class="scroll" role="group" aria-label={summary} tabIndex={0}>
        <svg class="ladder" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={summary}>
          <text class="end" x={LEFT} y="16">
            {short(ends[0])}
          </text>
          <text class="end" x={RIGHT} y="16">
            {short(ends[1])}
          </text>
          <line class="post" x1={LEFT} x2={LEFT} y1="24" y2={height} />
          <line class="post" x1={RIGHT} x2={RIGHT} y1="24" y2={height} />
          {rows.map((row, index) => {
            const y = 52 + index * RUNG;
            if ('note' in row)
              return (
                <text class="note" x={(LEFT + RIGHT) / 2} y={y} key="left-out">
                  ⋮ {row.note} ⋮
                </text>
              );
            return <RungOf message={row.message} y={y} clock={clock} cited={cited} key={row.message.frame} />;
          })}
          {lastAsked && (
            <g class="missing">
              <Arrow
                from={lastAsked.from === 0 ? RIGHT : LEFT}
                to={lastAsked.from === 0 ? LEFT : RIGHT}
                y={52 + rows.length * RUNG}
              />
              <text class="note" x={(LEFT + RIGHT) / 2} y={52 + rows.length * RUNG - 5}>
                no answer until the end
              </text>
            </g>
          )}
        </svg>
      </div>
    </figure>
  );
}

function RungOf({
  message,
  y,
  clock,
  cited,
}: {
  readonly message: Pictures['exchanges'][number]['messages'][number];
  readonly y: number;
  readonly clock: PageClock;
  readonly cited: ReadonlySet<string>;
}) {
  const { from, at, frame, capture, label, times, until, again, unanswered } = message;
  const isCited = cited.has(`${capture} ${frame}`);
  const classes = [
    'rung',
    ...(again ? ['again'] : []),
    ...(unanswered ? ['unanswered'] : []),
    ...(isCited ? ['cited'] : []),
  ];
  const repeated =
    times === undefined
      ? ''
      : ` × ${countText(times)}${typeof until === 'number' ? ` until ${clockText(clock, until, 1)}` : ''}`;
  return (
    <g class={classes.join(' ')}>
      <text class="when" x={4} y={y + 4}>
        {at === null ? '' : clockText(clock, at)}
      </text>
      <Arrow from={from === 0 ? LEFT : RIGHT} to={from === 0 ? RIGHT : LEFT} y={y} />
      <text class="label" x={(LEFT + RIGHT) / 2} y={y - 5}>
        {short(label, 46)}
        {repeated}
        {again ? ' (again)' : ''}
      </text>
      <text class="frame" x={RIGHT + 14} y={y + 4}>
        frame {frame}
        {isCited ? ' ◀ evidence' : ''}
      </text>
    </g>
  );
}

function Arrow({ from, to, y }: { readonly from: number; readonly to: number; readonly y: number }) {
  const back = to > from ? -8 : 8;
  return (
    <path class="arrow" d={`M${from} ${y}H${to}M${to + back} ${y - 4}L${to} ${y}L${to + back} ${y + 4}`} />
  );
}

function short(text: string, most = 40): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Sequence numbers against time; what is missing in red. */
function Sequence({
  sequence,
  clocks,
}: {
  readonly sequence: Pictures['sequences'][number];
  readonly clocks: readonly PageClock[];
}) {
  const { protocol, from, to, key, segment, binSeconds, ranges, gaps, missing } = sequence;
  const clock = clocks[segment] ?? clocks[0];
  const data = useMemo((): uPlot.AlignedData => {
    const xs = ranges.map(([bin]) => (bin + 0.5) * binSeconds);
    return [xs, ranges.map(([, low]) => low), ranges.map(([, , high]) => high)];
  }, [ranges, binSeconds]);
  const name = `${protocol.toUpperCase()} sequence numbers ${from} → ${to}${key === null ? '' : `, ${protocol === 'esp' ? 'SPI' : 'key'} ${key}`}`;
  const summary = `${countText(missing)} missing in ${countText(gaps.length)} ${gaps.length === 1 ? 'gap' : 'gaps'}`;
  return (
    <figure data-picture="sequence" data-points={ranges.length} data-gaps={gaps.length}>
      <figcaption>
        {name}: {summary}
      </figcaption>
      <Plot
        data={data}
        height={190}
        label={`${name}: ${summary}`}
        options={() => ({
          legend: { show: false },
          scales: { x: { time: false } },
          axes: [
            axis((seconds) => clockText(clock, seconds, seconds % 1 === 0 ? 0 : 1)),
            { ...axis(), size: 70 },
          ],
          series: [
            {},
            { stroke: colour('accent'), width: 1.5, points: { show: ranges.length < 60, size: 4 } },
            { stroke: colour('accent'), width: 1.5, points: { show: ranges.length < 60, size: 4 } },
          ],
          bands: [{ series: [2, 1], fill: colour('accent-soft') }],
          hooks: {
            draw: [
              (plot) => {
                for (const gap of gaps) drawGap(plot, gap);
              },
            ],
          },
        })}
      />
    </figure>
  );
}

function drawGap(plot: uPlot, gap: Pictures['sequences'][number]['gaps'][number]): void {
  const { ctx, bbox } = plot;
  if (gap.from === null || gap.to === null) return;
  const left = plot.valToPos(gap.from, 'x', true);
  const width = Math.max(3, plot.valToPos(gap.to, 'x', true) - left);
  const top = plot.valToPos(gap.sequence + gap.missing, 'y', true);
  const height = Math.max(3, plot.valToPos(gap.sequence, 'y', true) - top);
  if (left > bbox.left + bbox.width) return;
  ctx.fillStyle = colour('error');
  ctx.fillRect(left, top, width, height);
}

/** The cliff: which sizes passed and which did not. */
function Sizes({ sizes }: { readonly sizes: Pictures['sizes'][number] }) {
  const { protocol, from, to, classes } = sizes;
  const most = Math.max(1, ...classes.map(({ passed, lost }) => passed + lost));
  const largestPassed = classes.findLast(({ passed }) => passed > 0)?.toBytes;
  const smallestLost = classes.find(({ lost, passed }) => lost > 0 && passed === 0)?.fromBytes;
  const what = protocol === 'icmp' ? 'pings (bytes of ICMP)' : 'TCP segments (bytes of payload)';
  const name = `${what} ${from} → ${to} by size`;
  const cliff =
    largestPassed !== undefined && smallestLost !== undefined
      ? `largest answered about ${largestPassed}, smallest never answered about ${smallestLost}`
      : smallestLost !== undefined
        ? 'none was answered'
        : 'all sizes were answered';
  const bar = Math.min(28, 560 / classes.length);
  const width = Math.max(320, classes.length * bar + 60);
  return (
    <figure data-picture="sizes" data-points={classes.length}>
      <figcaption>
        {name}: {cliff}
      </figcaption>
      <svg class="sizes" viewBox={`0 0 ${width} 150`} role="img" aria-label={`${name}: ${cliff}`}>
        {classes.map(({ fromBytes, passed, lost }, index) => {
          const x = 40 + index * bar;
          const high = (passed / most) * 100;
          const low = (lost / most) * 100;
          return (
            <g key={fromBytes}>
              <rect class="fill-ok" x={x} width={bar - 2} y={115 - high} height={high} />
              <rect class="fill-error" x={x} width={bar - 2} y={115 - high - low} height={low} />
              {(index % Math.ceil(classes.length / 12) === 0 || index === classes.length - 1) && (
                <text class="tick" x={x + bar / 2} y="132">
                  {fromBytes}
                </text>
              )}
            </g>
          );
        })}
        <text class="tick" x="34" y="20" text-anchor="end">
          {countText(most)}
        </text>
        <line class="post" x1="38" x2={width} y1="115.5" y2="115.5" />
      </svg>
      <p class="legend">
        <i class="back-ok" /> answered <i class="back-error" /> not answered
      </p>
    </figure>
  );
}

/** Round trips over time: mean, and between least and largest. */
function RoundTrips({
  trips,
  clocks,
}: {
  readonly trips: Pictures['roundTrips'][number];
  readonly clocks: readonly PageClock[];
}) {
  const { from, to, protocol, ranges, means, binSeconds, segment } = trips;
  const clock = clocks[segment] ?? clocks[0];
  const name = `Round trip ${from} → ${to} and back (${protocol})`;
  const summary = `${durationText(Math.min(...ranges.map(([, least]) => least)))} to ${durationText(Math.max(...ranges.map(([, , most]) => most)))}`;
  return (
    <figure data-picture="round-trips" data-points={ranges.length}>
      <figcaption>
        {name}: {summary}
      </figcaption>
      <RangePlot
        ranges={ranges}
        means={means}
        binSeconds={binSeconds}
        clock={clock}
        label={`${name}: ${summary}`}
      />
    </figure>
  );
}

export function RangePlot({
  ranges,
  means,
  binSeconds,
  clock,
  label,
}: {
  readonly ranges: Pictures['roundTrips'][number]['ranges'];
  readonly means?: readonly number[];
  readonly binSeconds: number;
  readonly clock: PageClock;
  readonly label: string;
}) {
  const data = useMemo((): uPlot.AlignedData => {
    const xs = ranges.map(([bin]) => (bin + 0.5) * binSeconds);
    return [
      xs,
      ranges.map(([, least]) => least),
      ranges.map(([, , most]) => most),
      means === undefined ? ranges.map(([, least]) => least) : [...means],
    ];
  }, [ranges, means, binSeconds]);
  return (
    <Plot
      data={data}
      height={160}
      label={label}
      options={() => ({
        legend: { show: false },
        scales: { x: { time: false } },
        axes: [axis((seconds) => clockText(clock, seconds, 0)), { ...axis(durationText), size: 76 }],
        series: [
          {},
          { stroke: colour('line'), width: 1, points: { show: false } },
          { stroke: colour('line'), width: 1, points: { show: false } },
          { stroke: colour('accent'), width: 1.75, points: { show: ranges.length < 60, size: 4 } },
        ],
        bands: [{ series: [2, 1], fill: colour('accent-soft') }],
      })}
    />
  );
}

/** The pieces of a datagram where they belong; what is missing is hatched. */
function Fragments({
  datagram,
  clocks,
  cited,
}: {
  readonly datagram: Pictures['fragments'][number];
  readonly clocks: readonly PageClock[];
  readonly cited: ReadonlySet<string>;
}) {
  const { from, to, identification, pieces, length, segment } = datagram;
  const clock = clocks[segment] ?? clocks[0];
  const end = length ?? Math.max(...pieces.map((piece) => piece.offset + piece.length)) * 1.35;
  const scale = 740 / Math.max(1, end);
  const received = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const state =
    length === null
      ? 'its end is missing'
      : received >= length
        ? 'whole'
        : `${countText(length - received)} bytes missing`;
  const name = `Datagram ${identification} (0x${identification.toString(16)}) ${from} → ${to}: ${pieces.length} pieces, ${state}`;
  const at = pieces[0]?.at ?? null;
  return (
    <figure data-picture="fragments" data-points={pieces.length}>
      <figcaption>
        {name}
        {at === null ? '' : `, ${clockText(clock, at)}`}
      </figcaption>
      <svg class="fragments" viewBox="0 0 760 46" role="img" aria-label={name}>
        <rect class="hole" x="8" y="6" width="740" height="24" />
        {pieces.map((piece) => (
          <g key={piece.frame}>
            <rect
              class={cited.has(`${piece.capture} ${piece.frame}`) ? 'piece cited' : 'piece'}
              x={8 + piece.offset * scale}
              y="6"
              width={Math.max(2, piece.length * scale - 1)}
              height="24"
            />
            {piece.length * scale > 74 && (
              <text class="tick" x={8 + (piece.offset + piece.length / 2) * scale} y="22">
                frame {piece.frame}
              </text>
            )}
            <text class="tick" x={8 + piece.offset * scale} y="43">
              {piece.offset}
            </text>
          </g>
        ))}
        {length !== null && (
          <text class="tick" x="742" y="43">
            {length}
          </text>
        )}
      </svg>
    </figure>
  );
}
