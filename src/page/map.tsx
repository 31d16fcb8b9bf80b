import * as dagre from '@dagrejs/dagre';
import { useMemo } from 'preact/hooks';
import type { Finding, Report } from '../report/report.js';
import { tunnelName } from './words.js';

const NODE_WIDTH = 168;
const NODE_HEIGHT = 40;
const TUNNELS_MAX = 60;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface MapNode extends Point {
  readonly id: string;
  readonly name: string | undefined;
}

/** Who has tunnels with whom, and what runs inside what. */
export function TunnelMap({
  report,
  findings,
}: {
  readonly report: Report;
  readonly findings: readonly Finding[];
}) {
  const layout = useMemo(() => layoutOf(report, findings), [report, findings]);
  if (layout === null) return null;
  const { nodes, edges, width, height, leftOut } = layout;
  return (
    <section id="map" aria-labelledby="map-title">
      <h2 id="map-title">Map of tunnels</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Map of tunnels">
        <svg
          class="map"
          viewBox={`0 0 ${width} ${height}`}
          width={width}
          height={height}
          role="img"
          aria-label={`${nodes.length} ends, ${edges.length} tunnels: ${edges.map(({ label, from, to }) => `${label} ${from} to ${to}`).join('; ')}`}
        >
          {edges.map(({ points, label, at, severity, id, isInside }) => (
            <g key={id} class={`edge ${severity}`}>
              <path
                class={isInside ? 'inside' : ''}
                d={`M${points.map(({ x, y }) => `${x} ${y}`).join('L')}`}
              />
              <text x={at.x} y={at.y - 4}>
                {label.length > 30 ? `${label.slice(0, 29)}…` : label}
              </text>
            </g>
          ))}
          {nodes.map(({ id, x, y, name }: MapNode) => (
            <g key={id} class="node">
              <rect
                x={x - NODE_WIDTH / 2}
                y={y - NODE_HEIGHT / 2}
                width={NODE_WIDTH}
                height={NODE_HEIGHT}
                rx="8"
              />
              <text x={x} y={name === undefined ? y + 4 : y - 2}>
                {id.length > 22 ? `${id.slice(0, 21)}…` : id}
              </text>
              {name !== undefined && (
                <text class="dim" x={x} y={y + 13}>
                  {name.slice(0, 22)}
                </text>
              )}
            </g>
          ))}
        </svg>
      </div>
      <p class="legend">
        Colour: the loudest finding of the tunnel. Dashed: runs inside another tunnel.
        {leftOut > 0 ? ` ${leftOut} more tunnels are in the table.` : ''}
      </p>
    </section>
  );
}

function layoutOf({ tunnels, names = {} }: Report, findings: readonly Finding[]) {
  const shown = tunnels.filter(({ endpoints }) => endpoints.length === 2).slice(0, TUNNELS_MAX);
  if (shown.length === 0) return null;
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 26, ranksep: 210, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, endpoints } of shown) {
    for (const end of endpoints) graph.setNode(end, { width: NODE_WIDTH, height: NODE_HEIGHT });
    graph.setEdge(endpoints[0], endpoints[1], { width: 150, height: 20, labelpos: 'c' }, id);
  }
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const rank = ['ok', 'info', 'warning', 'error'];
  return {
    width,
    height,
    leftOut: tunnels.length - shown.length,
    nodes: graph.nodes().map((id: string): MapNode => {
      const { x, y }: Point = graph.node(id);
      return { id, x, y, name: names[id] };
    }),
    edges: shown.map((tunnel) => {
      const [from, to] = tunnel.endpoints;
      const {
        points = [],
        x = 0,
        y = 0,
      }: Partial<Point> & { readonly points?: readonly Point[] } = graph.edge({
        v: from,
        w: to,
        name: tunnel.id,
      });
      const severity = findings
        .filter((finding) => finding.tunnel === tunnel.id)
        .reduce(
          (worst, finding) =>
            rank.indexOf(finding.severity) > rank.indexOf(worst) ? finding.severity : worst,
          'ok',
        );
      const isInside = tunnel.encapsulatedIn !== undefined || Array.isArray(tunnel.inside);
      return {
        id: tunnel.id,
        from,
        to,
        points,
        at: { x, y },
        label: `${tunnelName(tunnel)}: ${tunnel.state}`,
        severity,
        isInside,
      };
    }),
  };
}
