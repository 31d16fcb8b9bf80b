import {
  FLOW_HIGH,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_PROTOCOL,
  FLOW_STACK,
  STACK_KEY,
  STACK_KIND,
  STACK_PARENT,
  TUNNEL_KINDS,
} from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import { formatAddress } from '../wire/address.js';
import { ipProtocolName } from '../wire/ip-protocols.js';
import { hasPorts } from './filter-terms.js';

/** A packet by its flow. */
export interface FlowView {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly sourcePort: number | null;
  readonly destinationPort: number | null;
  /** Both directions: `vxlan 77 | udp 10.0.0.1:53 <-> 10.0.0.2:4000`. */
  readonly flow: string;
  /** Tunnels around it, the outermost first. */
  readonly inside: readonly TunnelAround[];
}

interface TunnelAround {
  readonly kind: string;
  readonly key: number;
  readonly ends: readonly [string, string];
}

/** What the flow of a packet says of it. `direction` 1: from the flow's high end. */
export function flowView(slot: Slot, flow: number, direction: number): FlowView {
  const { words } = slot.flows.keys;
  const at = flow * KEY_WORDS;
  const [low, high] = [formatAddress(words, at + FLOW_LOW), formatAddress(words, at + FLOW_HIGH)];
  const number = words[at + FLOW_PROTOCOL] & 0xffff;
  const ports = hasPorts(number) ? [words[at + FLOW_PORTS] >>> 16, words[at + FLOW_PORTS] & 0xffff] : null;
  const inside = tunnelsAround(slot, words[at + FLOW_STACK]);
  const protocol = number === 0 ? 'ARP' : ipProtocolName(number);
  const end = (address: string, port: number | undefined): string =>
    port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const around = inside.map(({ kind, key }) => `${kind} ${key} | `).join('');
  const isBack = direction === 1;
  return {
    source: isBack ? high : low,
    destination: isBack ? low : high,
    protocol,
    sourcePort: ports === null ? null : ports[isBack ? 1 : 0],
    destinationPort: ports === null ? null : ports[isBack ? 0 : 1],
    flow: `${around}${protocol} ${end(low, ports?.[0])} <-> ${end(high, ports?.[1])}`,
    inside,
  };
}

function tunnelsAround(slot: Slot, stack: number): TunnelAround[] {
  const { words } = slot.stacks;
  const layers: TunnelAround[] = [];
  for (let at = stack; at !== 0; at = words[at * KEY_WORDS + STACK_PARENT]) {
    const offset = at * KEY_WORDS;
    layers.unshift({
      kind: TUNNEL_KINDS[words[offset + STACK_KIND]],
      key: words[offset + STACK_KEY] >>> 0,
      ends: [formatAddress(words, offset + FLOW_LOW), formatAddress(words, offset + FLOW_HIGH)],
    });
  }
  return layers;
}
