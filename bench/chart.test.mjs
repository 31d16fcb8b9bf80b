import { describe, expect, it } from 'vitest';
import { drawChart, ticksUpTo } from './chart.mjs';

const chart = (points, more = {}) =>
  drawChart({
    title: 'Time & memory',
    notes: ['<machine>'],
    panels: [
      { title: 'time, s', xTitle: 'frames', xTicks: [1, 10], series: [{ name: 'capan', points }], ...more },
    ],
  });

describe('ticks', () => {
  it.each([
    [4.1, [0, 1, 2, 3, 4, 5]],
    [10, [0, 2, 4, 6, 8, 10]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [120, [0, 50, 100, 150]],
    [0, [0, 1]],
  ])('up to %d are %j', (value, ticks) => {
    expect(ticksUpTo(value)).toEqual(ticks);
  });
});

describe('a chart', () => {
  it('has title, units and notes, escaped, and colours for light and for dark', () => {
    const svg = chart([{ x: 1, y: 2 }]);
    expect(svg).toContain('Time &amp; memory');
    expect(svg).toContain('&lt;machine&gt;');
    expect(svg).toContain('time, s');
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toMatch(/NaN|undefined/);
  });

  it('places points between the ends of its axes', () => {
    const svg = chart([
      { x: 1, y: 0 },
      { x: 10, y: 5, low: 4, high: 5 },
    ]);
    // 62 and 762 are the ends of the horizontal axis, 292 and 62 those of the vertical one.
    expect(svg).toContain('d="M62 292L762 62"');
    expect(svg).toContain('d="M762 108V62"');
  });

  it('has equal steps for equal factors on a logarithmic axis', () => {
    const svg = chart([{ x: 10, y: 1 }], { xTicks: [1, 10, 100], xLog: true });
    expect(svg).toContain('<circle cx="412"');
  });

  it('draws a single measured point without a line', () => {
    const svg = chart([{ x: 1, y: 1 }], {
      series: [{ name: 'here', points: [{ x: 1, y: 1 }], line: false }],
    });
    expect(svg).not.toContain('stroke-width="2"');
  });
});
