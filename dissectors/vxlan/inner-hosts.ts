import { earliest, latest } from '../../src/correlate/frame-reference.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import type { Container } from './container-store-shape.js';
import { vxlanTunnels } from './correlator.js';
import type { InnerSide, VxlanTunnel } from './session.js';
import containerStores from './side-files/container-store.js';
import { isLeaseBase } from './silk.js';

/** What an inner host sends with one group policy id, in one tunnel. */
export interface TagUse {
  readonly tag: number;
  packets: number;
  first: FrameRef | null;
  last: FrameRef | null;
}

/** An inner IPv4 host, container or not, in one tunnel. The base addresses of leases (cells) are left out. */
export interface InnerHost {
  readonly address: string;
  readonly tunnel: VxlanTunnel;
  sent: number;
  received: number;
  untagged: number;
  readonly tags: Map<number, TagUse>;
  first: FrameRef | null;
  last: FrameRef | null;
}

/** Inner hosts by the conversations that the tunnels keep; mirrored traffic is not of these hosts. */
export function innerHosts(evidence: Evidence): InnerHost[] {
  return evidence
    .sessions(vxlanTunnels)
    .filter(({ isMirror }) => !isMirror)
    .flatMap(hostsOf);
}

function hostsOf(tunnel: VxlanTunnel): InnerHost[] {
  const hosts = new Map<string, InnerHost>();
  for (const { low, high, sides } of tunnel.flows) {
    for (const [address, sent, received] of [
      [low, sides[0], sides[1]],
      [high, sides[1], sides[0]],
    ] as const) {
      if (!isHostAddress(address)) continue;
      const host = hosts.get(address) ?? emptyHost(address, tunnel);
      hosts.set(address, host);
      add(host, sent, received);
    }
  }
  return [...hosts.values()];
}

function emptyHost(address: string, tunnel: VxlanTunnel): InnerHost {
  return { address, tunnel, sent: 0, received: 0, untagged: 0, tags: new Map(), first: null, last: null };
}

function add(host: InnerHost, sent: InnerSide, received: InnerSide): void {
  host.sent += sent.packets;
  host.received += received.packets;
  host.untagged += sent.untagged;
  host.first = earliest([host.first, sent.first, received.first]);
  host.last = latest([host.last, sent.last, received.last]);
  if (sent.tagged === 0 || sent.policyId <= 0) return;
  const use = host.tags.get(sent.policyId) ?? { tag: sent.policyId, packets: 0, first: null, last: null };
  host.tags.set(sent.policyId, use);
  use.packets += sent.tagged;
  use.first = earliest([use.first, sent.first]);
  use.last = latest([use.last, sent.last]);
}

/** Neither a group, nor link-local, nor the base of a lease. */
function isHostAddress(address: string): boolean {
  if (address.includes(':') || address.startsWith('169.254.') || isLeaseBase(address)) return false;
  const first = Number.parseInt(address, 10);
  return first > 0 && first < 224 && !address.endsWith('.255');
}

/** Containers with that address in all stores: more than one where a store is out of date. */
export function containersAt({ side }: Evidence, address: string): readonly Container[] {
  return side.of(containerStores).filter((one) => one.address === address);
}

/** "0x0003". */
export function tagText(tag: number): string {
  return `0x${tag.toString(16).padStart(4, '0')}`;
}

/** Names of the files that hold these statements, each once. */
export function filesOf(statements: readonly { readonly origin: { readonly file: string } }[]): string {
  return [...new Set(statements.map(({ origin }) => origin.file))].join(', ');
}
