import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding, Tunnel } from '../report/report.js';
import { LiveMetrics, type MetricsServer } from './metrics.js';

let server: MetricsServer | null = null;
afterEach(() => server?.close());

const finding = (id: string, severity: Finding['severity']): Finding =>
  ({ id, severity, key: `${id} key` }) as Finding;

const tunnel = {
  id: 't1',
  kind: 'vxlan',
  key: 42,
  directions: [
    { from: '10.0.0.1', to: '10.0.0.2', packets: 7, bytes: 700 },
    { from: '10.0.0.2', to: '10.0.0.1', packets: 0, bytes: 0 },
  ],
} as unknown as Tunnel;

const QUIET = { events: [], open: [], tunnels: [], frames: 0, bytes: 0, drops: null };

async function scrape(): Promise<string> {
  const address = server?.address;
  const response = await fetch(`http://127.0.0.1:${address?.port}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  return response.text();
}

describe('metrics', () => {
  it('are what the rounds showed, over HTTP', async () => {
    const metrics = new LiveMetrics();
    server = await metrics.serve({ host: '127.0.0.1', port: 0 });
    const broken = finding('vxlan.no-return', 'error');
    metrics.round({ ...QUIET, frames: 10, bytes: 1000, tunnels: [tunnel] });
    metrics.round({
      events: [{ event: 'raised', finding: broken, clearedAt: null }],
      open: [broken],
      tunnels: [tunnel],
      frames: 25,
      bytes: 2500,
      drops: 3,
    });
    const text = await scrape();
    expect(text).toContain('\ncapan_frames_total 25\n');
    expect(text).toContain('\ncapan_bytes_total 2500\n');
    expect(text).toContain('\ncapan_dropped_frames_total 3\n');
    expect(text).toContain('capan_findings{severity="error"} 1\n');
    expect(text).toContain('capan_findings{severity="warning"} 0\n');
    expect(text).toContain('capan_finding{id="vxlan.no-return",severity="error"} 1\n');
    expect(text).toContain('capan_tunnel_packets{kind="vxlan",key="42",from="10.0.0.1",to="10.0.0.2"} 7\n');
    expect(text).toContain('capan_rounds_total 2\n');
  });

  it('forget a finding that cleared, not that it was raised', async () => {
    const metrics = new LiveMetrics();
    const broken = finding('esp.one-way-spi', 'error');
    metrics.round({
      ...QUIET,
      events: [{ event: 'raised', finding: broken, clearedAt: null }],
      open: [broken],
    });
    metrics.round({ ...QUIET, events: [{ event: 'cleared', finding: broken, clearedAt: null }] });
    const text = await metrics.text();
    expect(text).toContain('capan_findings{severity="error"} 0\n');
    expect(text).not.toContain('capan_finding{');
    expect(text).toContain('capan_findings_raised_total{id="esp.one-way-spi",severity="error"} 1\n');
  });

  it('stay small where there are many tunnels', async () => {
    const metrics = new LiveMetrics();
    const many = Array.from({ length: 2000 }, (_, key) => ({ ...tunnel, key }));
    metrics.round({ ...QUIET, tunnels: many });
    const text = await metrics.text();
    expect(text.match(/^capan_tunnel_packets\{/gm)).toHaveLength(1000);
    expect(text).toContain('capan_tunnels_without_rows 1500\n');
  });

  it('answer nothing else, and say where a port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(new LiveMetrics().serve({ host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
    taken.close();
    server = await new LiveMetrics().serve({ host: '127.0.0.1', port: 0 });
    const response = await fetch(`http://127.0.0.1:${server.address?.port}/other`);
    expect(response.status).toBe(404);
  });
});
