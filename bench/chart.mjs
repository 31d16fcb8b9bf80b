// Draws line charts as SVG that reads on light and on dark pages, with nothing but text in and text out.

const WIDTH = 780;
const PLOT_HEIGHT = 230;
const TOP = 62;
const LEFT = 62;
const RIGHT = 18;
const LINE_HEIGHT = 17;
const GRID_LINES = 5;
const LIGHT = {
  page: '#ffffff',
  ink: '#1f2328',
  quiet: '#59636e',
  grid: '#d8dee4',
  lines: ['#0969da', '#bc4c00', '#1a7f37', '#8250df'],
};
const DARK = {
  page: '#0d1117',
  ink: '#e6edf3',
  quiet: '#9198a1',
  grid: '#30363d',
  lines: ['#58a6ff', '#f0883e', '#3fb950', '#bc8cff'],
};
// Classes and no CSS variables, which some viewers of SVG do not know.
const STYLE = `
  text { font: 12px system-ui, sans-serif }
  text.title { font-size: 15px; font-weight: 600 }
  ${rulesOf(LIGHT)}
  @media (prefers-color-scheme: dark) {
  ${rulesOf(DARK)}
  }
`;
/** Lines differ in their dashes too: colours alone are not seen by everybody. */
const DASHES = ['', '7 4', '2 3', '9 3 2 3'];

/**
 * @typedef {{ x: number, y: number, low?: number, high?: number }} Point low and high draw a bar of the spread
 * @typedef {{ name: string, points: readonly Point[], line?: boolean }} Series the same place in every panel has the
 *   same colour; `line: false` draws points alone
 * @typedef {object} Panel
 * @property {string} title with the unit of the vertical axis, which begins at 0
 * @property {string} xTitle with its unit
 * @property {readonly number[]} xTicks the first and the last are the ends of the axis
 * @property {boolean} [xLog]
 * @property {(x: number) => string} [xLabel]
 * @property {readonly Series[]} series
 */

/**
 * @param {{ title: string, notes: readonly string[], panels: readonly Panel[] }} chart panels stand side by side
 * @returns {string} an SVG document
 */
export function drawChart({ title, notes, panels }) {
  const legend = panels[0].series.map(({ name }) => name);
  const bottom = TOP + PLOT_HEIGHT + 62;
  const height = bottom + (legend.length + notes.length) * LINE_HEIGHT + 14;
  const width = WIDTH / panels.length;
  const body = [
    `<text class="title" x="${LEFT - 46}" y="24">${escapeXml(title)}</text>`,
    ...panels.map((panel, index) => drawPanel(panel, index * width, width)),
    ...legend.map((name, index) => legendLine(name, index, panels[0].series[index], bottom)),
    ...notes.map((note, index) => {
      const y = bottom + (legend.length + index) * LINE_HEIGHT + 6;
      return `<text class="note" x="${LEFT - 46}" y="${y}">${escapeXml(note)}</text>`;
    }),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

function rulesOf({ page, ink, quiet, grid, lines }) {
  return [
    `.page { fill: ${page} } text { fill: ${ink} } text.note { fill: ${quiet} }`,
    `.grid { stroke: ${grid} } .axis { stroke: ${quiet} }`,
    ...lines.map((colour, index) => `.dot${index} { fill: ${colour} } .line${index} { stroke: ${colour} }`),
  ].join('\n  ');
}

function legendLine(name, index, { line }, bottom) {
  const y = bottom + index * LINE_HEIGHT;
  const sample =
    line === false
      ? `<circle cx="${LEFT - 31}" cy="${y - 4}" r="4" class="dot${index}"/>`
      : `<path d="M${LEFT - 46} ${y - 4}h30" ${stroke(index)}/>`;
  return `${sample}<text x="${LEFT - 8}" y="${y}">${escapeXml(name)}</text>`;
}

function drawPanel(panel, left, width) {
  const { title, xTitle, xTicks, xLog = false, xLabel = String, series } = panel;
  const plotLeft = left + LEFT;
  const plotWidth = width - LEFT - RIGHT;
  const base = TOP + PLOT_HEIGHT;
  const yTicks = ticksUpTo(
    Math.max(...series.flatMap(({ points }) => points.map(({ y, high = y }) => high))),
  );
  const top = yTicks[yTicks.length - 1];
  const along = xLog ? Math.log : Number;
  const [first, last] = [along(xTicks[0]), along(xTicks[xTicks.length - 1])];
  const toX = (x) =>
    round(plotLeft + (first === last ? 0.5 : (along(x) - first) / (last - first)) * plotWidth);
  const toY = (y) => round(base - (y / top) * PLOT_HEIGHT);
  return [
    `<text x="${plotLeft - 46}" y="${TOP - 14}">${escapeXml(title)}</text>`,
    ...yTicks.map(
      (tick) =>
        `<path class="grid" d="M${plotLeft} ${toY(tick)}h${plotWidth}"/>` +
        `<text class="note" x="${plotLeft - 7}" y="${toY(tick) + 4}" text-anchor="end">${tick}</text>`,
    ),
    `<path class="axis" d="M${plotLeft} ${base}h${plotWidth}"/>`,
    ...xTicks.map(
      (tick) =>
        `<path class="axis" d="M${toX(tick)} ${base}v5"/>` +
        `<text class="note" x="${toX(tick)}" y="${base + 18}" text-anchor="middle">${escapeXml(xLabel(tick))}</text>`,
    ),
    `<text class="note" x="${plotLeft + plotWidth / 2}" y="${base + 34}" text-anchor="middle">${escapeXml(xTitle)}</text>`,
    ...series.map((one, index) => drawSeries(one, index, toX, toY)),
  ].join('\n');
}

function drawSeries({ points, line = true }, index, toX, toY) {
  const path = points.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${toX(x)} ${toY(y)}`).join('');
  const spreads = points
    .filter(({ low, high }) => low !== undefined && high !== undefined)
    .map(({ x, low, high }) => `<path d="M${toX(x)} ${toY(low)}V${toY(high)}" class="line${index}"/>`);
  const radius = line ? 3 : 4;
  const dots = points.map(
    ({ x, y }) => `<circle cx="${toX(x)}" cy="${toY(y)}" r="${radius}" class="dot${index}"/>`,
  );
  return [...(line ? [`<path d="${path}" ${stroke(index)}/>`] : []), ...spreads, ...dots].join('');
}

function stroke(index) {
  const dashes = DASHES[index % DASHES.length];
  return `fill="none" class="line${index}" stroke-width="2"${dashes === '' ? '' : ` stroke-dasharray="${dashes}"`}`;
}

/**
 * Round numbers from 0 to the first one at or above `value`, at most six of them.
 * @param {number} value
 */
export function ticksUpTo(value) {
  if (!(value > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(value / GRID_LINES));
  const step = [1, 2, 5, 10]
    .map((factor) => factor * power)
    .find((size) => size * GRID_LINES >= value * 0.999_999);
  const count = Math.ceil((value / step) * 0.999_999);
  // From the count, not by adding up: 0.1 + 0.2 is not 0.3.
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escapeXml(text) {
  return String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
