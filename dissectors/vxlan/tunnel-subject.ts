import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { cite, inOrder } from '../../src/wording/citations.js';
import { PORT_IANA } from './layout.js';
import type { VxlanTunnel } from './session.js';

/** The tunnel as a subject. */
export function tunnelSubject({ low, high, vni }: VxlanTunnel): Subject & { endpoints: string[] } {
  return { kind: 'tunnel', tunnel: 'vxlan', endpoints: [low, high], vni };
}

/** `VXLAN 42 between 10.0.0.1 and 10.0.0.2`. */
export function tunnelWords({ low, high, vni }: VxlanTunnel): string {
  return `VXLAN ${vni} between ${low} and ${high}`;
}

export function pairOf({ low, high }: VxlanTunnel): readonly [string, string] {
  return [low, high];
}

/**
 * Display filter for the outer packets of some tunnels between the same endpoints, first fragments included:
 * a stock tshark shows no UDP header in those. Inside another tunnel it is that of the outermost endpoints.
 */
export function tunnelFilter(quality: CaptureQuality, tunnels: readonly VxlanTunnel[]): string {
  const [{ stack, low, high }] = tunnels;
  const outermost = quality.flows.tunnelLayers(stack)[0];
  const isNested = outermost !== undefined && (outermost.low !== low || outermost.high !== high);
  const [a, b] = isNested ? [outermost.low, outermost.high] : [low, high];
  const family = a.includes(':') ? 'ipv6' : 'ip';
  const pair = `${family}.addr == ${a} && ${family}.addr == ${b}`;
  if (isNested) return pair;
  const carried = new Set(
    tunnels.flatMap(({ vni, directions }) =>
      directions.flatMap(({ ports }) => ports).map(({ port }) => networkFilter(vni, port)),
    ),
  );
  const fragments = family === 'ip' ? 'ip.flags.mf == 1' : 'ipv6.fraghdr';
  return `${pair} && (${[...carried, fragments].join(' || ')})`;
}

/** A stock tshark knows VXLAN on port 4789 alone; elsewhere the VNI is bytes 4 to 6 of the payload (RFC 7348, section 5). */
function networkFilter(vni: number, port: number): string {
  if (port === PORT_IANA) return `vxlan.vni == ${vni}`;
  const bytes = vni
    .toString(16)
    .padStart(6, '0')
    .replace(/..(?!$)/g, '$&:');
  return `(udp.port == ${port} && udp.payload[4:3] == ${bytes})`;
}

/** Citations in the order of the capture, each frame once. */
export function citations(...cited: readonly (readonly [FrameRef | null | undefined, string])[]): Citation[] {
  return inOrder(cited.flatMap(([ref, summary]) => (ref ? [cite(ref, summary)] : [])));
}
