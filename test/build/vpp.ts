import { ascii, concat, u8, u32 } from './bytes.js';
import type { Timeline } from './scenario.js';

export const LINK_TYPE_VPP = 280;

/** What a graph node is handed. */
export interface VppRecord {
  node: string;
  buffer: number;
  packet: Uint8Array;
  /** 0 none, 1 Ethernet, 2 IPv4, 3 IPv6; VPP gives 2 at ip4-input, and hardly any elsewhere. */
  hint?: number;
  /** Number of the error that the buffer carries. */
  error?: number;
  rxInterface?: number;
  txInterface?: number;
  /** What the nodes before printed, where the buffer is traced. */
  trace?: string;
}

/** A record of VPP's dispatch capture, version 1.0. */
export function vppRecord(record: VppRecord): Uint8Array {
  const { node, buffer, packet, trace, error = 0, rxInterface = 2, txInterface = -1 } = record;
  const hint = record.hint ?? (node.startsWith('ip4-input') ? 2 : 0);
  // Of the opaque texts only what capan reads; VPP's own have some twenty lines.
  const metadata =
    `flags: \ncurrent_data: 0, current_length: ${packet.length}\n` +
    'current_config_index/punt_reason: 0, flow_id: 0, next_buffer: 0\n' +
    `error: ${error}, ref_count: 1, buffer_pool_index: 0\ntrace_handle: 0x0, len_not_first_buf: 0\n`;
  const opaque = `raw: 00000002 ffffffff \nsw_if_index[VLIB_RX]: ${rxInterface}, sw_if_index[VLIB_TX]: ${txInterface}\n`;
  const strings = [node, metadata, opaque, 'raw: 00000000 \n', ...(trace === undefined ? [] : [trace])];
  const text = ascii(strings.map((one) => `${one}\0`).join(''));
  return concat(u8(1), u8(0), u8(strings.length), u8(hint), u32(buffer), text, packet);
}

/** A node of a path: a name, or a record that differs from the others of the path from here on. */
export type VppStep = string | ({ node: string } & Partial<VppRecord>);

const NODE_SECONDS = 2e-6;

/** The way of one packet through nodes; a packet that a step replaces stays replaced. */
export function vppPath(
  t: Timeline,
  at: number,
  buffer: number,
  packet: Uint8Array,
  steps: readonly VppStep[],
): void {
  let current: VppRecord = { node: '', buffer, packet };
  for (const [index, step] of steps.entries()) {
    const { hint: _, ...kept } = current;
    current = { ...kept, ...(typeof step === 'string' ? { node: step } : step) };
    t.at(at + index * NODE_SECONDS, vppRecord(current));
  }
}

/** A packet as `pcap trace drop` writes it: VPP's reason behind it. */
export function withDropReason(frame: Uint8Array, node: string, reason: string): Uint8Array {
  return concat(frame, ascii(`${node}: ${reason}`));
}
