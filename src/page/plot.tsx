import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

/** Colours of the page by name of their CSS variable, for what is drawn on a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Changes when the colours of the page do. */
export function useColours(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const changed = (): void => setVersion((now) => now + 1);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', changed);
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    return () => {
      dark.removeEventListener('change', changed);
      observer.disconnect();
    };
  }, []);
  return version;
}

export interface PlotProps {
  readonly data: uPlot.AlignedData;
  readonly options: () => Omit<uPlot.Options, 'width' | 'height'>;
  readonly height: number;
  /** What it shows, for who does not see it. */
  readonly label: string;
  readonly onPlot?: (plot: uPlot | null) => void;
}

/** A plot as wide as its place. */
export function Plot({ data, options, height, label, onPlot }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const version = useColours();
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const width = (): number => Math.max(120, element.clientWidth);
    const plot = new uPlot({ ...options(), width: width(), height }, data, element);
    onPlot?.(plot);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && plot.width !== width()) plot.setSize({ width: width(), height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      onPlot?.(null);
      plot.destroy();
    };
  }, [data, version, height]);
  return <div class="plot" ref={place} role="img" aria-label={label} data-points={data[0].length} />;
}

export function axis(values?: (seconds: number) => string): uPlot.Axis {
  return {
    stroke: colour('dim'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
    font: '11px system-ui, sans-serif',
    ...(values === undefined ? {} : { values: (_plot: uPlot, splits: number[]) => splits.map(values) }),
  };
}
