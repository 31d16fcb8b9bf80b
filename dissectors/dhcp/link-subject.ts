import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Subject } from '../../src/report/report.js';
import { PORT_SERVER } from './layout.js';

/** The subject, with the tunnels that the link lies in. */
export function linkSubject(quality: CaptureQuality, stack: number, subject: Subject): Subject {
  if (stack === 0) return subject;
  const inside = quality.flows
    .tunnelLayers(stack)
    .map(({ kind, key, low, high }) => `${kind} ${key} ${low} ${high}`);
  return { ...subject, inside };
}

export function serverSubject(quality: CaptureQuality, stack: number, server: string): Subject {
  return linkSubject(quality, stack, { kind: 'server', endpoints: [server], port: PORT_SERVER });
}

/** Display filter for DHCP with `condition`. Inside a tunnel, the tunnel's packets: tshark may not look into it. */
export function dhcpFilter(quality: CaptureQuality, stack: number, condition: string): string {
  const [outermost] = quality.flows.tunnelLayers(stack);
  if (!outermost) return condition;
  const family = outermost.low.includes(':') ? 'ipv6' : 'ip';
  return `${family}.addr == ${outermost.low} && ${family}.addr == ${outermost.high}`;
}
