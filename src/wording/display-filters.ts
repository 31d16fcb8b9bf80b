import type { CaptureQuality } from '../correlate/capture-quality.js';

/** What Wireshark's fields of an address begin with. */
export function addressFamily(address: string): 'ip' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ip';
}

/** Display filter for IP packets from or to a host. */
export function hostFilter(address: string): string {
  return `${addressFamily(address)}.addr == ${address}`;
}

/** Display filter for IP packets between two hosts, either way. */
export function pairFilter(one: string, other: string): string {
  return `${hostFilter(one)} && ${hostFilter(other)}`;
}

/** Display filter for the datagrams of a UDP flow, either way. */
export function udpFlowFilter({
  from,
  fromPort,
  to,
  toPort,
}: {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}): string {
  return `${pairFilter(from, to)} && udp.port == ${fromPort} && udp.port == ${toPort}`;
}

/** Display filter for IP packets from one host to another, by the family of the addresses. */
export function addressFilter(source: string, destination: string): string {
  const field = addressFamily(source);
  return `${field}.src == ${source} && ${field}.dst == ${destination}`;
}

/**
 * Display filter for the packets of the outermost tunnel around a flow, null outside of tunnels: a stock tshark may not
 * look into it.
 */
export function carrierFilter(quality: CaptureQuality, stack: number): string | null {
  const [outermost] = quality.flows.tunnelLayers(stack);
  return outermost ? pairFilter(outermost.low, outermost.high) : null;
}

/** Display filter for the segments of a service on its port; inside a tunnel, the tunnel's packets. */
export function serverFilter(
  quality: CaptureQuality,
  { address, port, stack }: { readonly address: string; readonly port: number; readonly stack: number },
): string {
  return carrierFilter(quality, stack) ?? `${hostFilter(address)} && tcp.port == ${port}`;
}
