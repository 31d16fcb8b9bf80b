import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import { type Finding, severitySchema, type Tunnel } from '../report/report.js';
import type { FindingEvent } from './finding-tracker.js';

/** Tunnels that have rows of their own: a scrape must not grow with the network. */
const TUNNELS_MAX = 500;

/** What a round of a live run shows. */
export interface MeasuredRound {
  readonly events: readonly FindingEvent[];
  readonly open: readonly Finding[];
  readonly tunnels: readonly Tunnel[];
  readonly frames: number;
  readonly bytes: number;
  readonly drops: number | null;
}

export interface MetricsAddress {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
}

/** The run as Prometheus reads it, over HTTP at /metrics. */
export class LiveMetrics {
  private readonly registry = new Registry();
  private readonly frames = this.counter('capan_frames_total', 'Frames captured');
  private readonly bytes = this.counter('capan_bytes_total', 'Bytes captured');
  private readonly drops = this.counter('capan_dropped_frames_total', 'Frames that the capture lost');
  private readonly raised = this.counter('capan_findings_raised_total', 'Findings raised', [
    'id',
    'severity',
  ]);
  private readonly open = this.gauge('capan_findings', 'Findings that hold now', ['severity']);
  private readonly openById = this.gauge('capan_finding', 'Findings that hold now, by diagnosis', [
    'id',
    'severity',
  ]);
  private readonly packets = this.gauge(
    'capan_tunnel_packets',
    'Packets of one direction of a tunnel since the run began',
    ['kind', 'key', 'from', 'to'],
  );
  private readonly tunnelBytes = this.gauge(
    'capan_tunnel_bytes',
    'Bytes of one direction of a tunnel since the run began',
    ['kind', 'key', 'from', 'to'],
  );
  private readonly rounds = this.counter('capan_rounds_total', 'Times that everything was judged');
  private readonly judgedAt = this.gauge('capan_judged_timestamp_seconds', 'When everything was judged last');
  private readonly left = this.gauge('capan_tunnels_without_rows', 'Tunnels beyond those that have rows');
  private before = { frames: 0, bytes: 0, drops: 0 };

  round({ events, open, tunnels, frames, bytes, drops }: MeasuredRound): void {
    this.frames.inc(Math.max(0, frames - this.before.frames));
    this.bytes.inc(Math.max(0, bytes - this.before.bytes));
    this.drops.inc(Math.max(0, (drops ?? 0) - this.before.drops));
    this.before = { frames, bytes, drops: drops ?? this.before.drops };
    for (const { event, finding } of events)
      if (event === 'raised') this.raised.inc({ id: finding.id, severity: finding.severity });
    this.noteOpen(open);
    this.noteTunnels(tunnels);
    this.rounds.inc();
    this.judgedAt.set(Date.now() / 1000);
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** @throws the error of `listen`, such as EADDRINUSE */
  async serve({ host, port }: MetricsAddress): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end('see /metrics\n');
        return;
      }
      this.text().then(
        (text) => response.writeHead(200, { 'content-type': this.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    // The end of the run does not wait for a scraper.
    server.unref();
    return new MetricsServer(server);
  }

  private noteOpen(open: readonly Finding[]): void {
    this.open.reset();
    this.openById.reset();
    for (const severity of severitySchema.options) this.open.set({ severity }, 0);
    for (const { id, severity } of open) {
      this.open.inc({ severity });
      this.openById.inc({ id, severity });
    }
  }

  private noteTunnels(tunnels: readonly Tunnel[]): void {
    this.packets.reset();
    this.tunnelBytes.reset();
    for (const { kind, key, directions } of tunnels.slice(0, TUNNELS_MAX)) {
      for (const { from, to, packets, bytes } of directions) {
        const labels = { kind, key: key === undefined ? '' : String(key), from, to };
        this.packets.inc(labels, packets);
        this.tunnelBytes.inc(labels, bytes);
      }
    }
    this.left.set(Math.max(0, tunnels.length - TUNNELS_MAX));
  }

  private counter<Label extends string>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}

export class MetricsServer {
  constructor(private readonly server: Server) {}

  /** Where it listens. */
  get address(): AddressInfo | null {
    const address = this.server.address();
    return typeof address === 'object' ? address : null;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
