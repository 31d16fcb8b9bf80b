// The table of targets: what is measured for each row, and what it has to reach.
import { checksumRow } from './checksum-row.mjs';
import { compareRow } from './compare-row.mjs';
import { growthRow } from './growth-row.mjs';
import { hostileRow } from './hostile-row.mjs';
import { peakMemoryRow } from './peak-memory-row.mjs';
import { ratioRow } from './ratio-row.mjs';
import { serialShareRow } from './serial-share-row.mjs';
import { steadyRow } from './steady-row.mjs';

/**
 * @typedef {import('./inputs.mjs').CaptureSpec} CaptureSpec
 * @typedef {object} Outcome
 * @property {string} measured a cell of the table
 * @property {boolean | undefined} met undefined where this run cannot tell
 * @property {string} details Markdown below the table
 * @property {{ name: string, svg: string }} [plot]
 * @typedef {object} Row
 * @property {string} name for --only
 * @property {string} work
 * @property {string} target
 * @property {readonly CaptureSpec[]} captures at full size
 * @property {readonly string[]} tools that must be installed
 * @property {number} rounds unless --rounds says otherwise
 * @property {number} [roundsMax] even if --rounds says more: the tool is slow
 * @property {(session: import('./row-session.mjs').RowSession) => Promise<Outcome>} measure
 */

const MIXED_1GB = { kind: 'mixed', bytes: 1_000_000_000 };
const MIXED_4GB = { kind: 'mixed', bytes: 4_000_000_000 };
const MIXED_10GB = { kind: 'mixed', bytes: 10_000_000_000 };
/** IPsec, and what it rests on. */
const IPSEC_FAMILY = ['ah', 'esp', 'frame', 'icmp', 'ip', 'isakmp', 'udpencap'];

/** Rows that share a capture stand next to each other: it is removed after the last of them. @type {readonly Row[]} */
export const ROWS = [
  ratioRow({
    name: 'tcpdump',
    work: '1 GB mixed ÷ `tcpdump -r F -w /dev/null`',
    limit: { value: 1, text: '≤ 1.0' },
    capture: MIXED_1GB,
    tool: 'tcpdump',
    rounds: 5,
  }),
  ratioRow({
    name: 'cpu',
    work: '1 GB mixed, CPU time ÷ `tcpdump -r F -w /dev/null`',
    limit: { value: 2, text: '≤ 2.0' },
    capture: MIXED_1GB,
    tool: 'tcpdump',
    quantity: 'cpuSeconds',
    rounds: 5,
  }),
  ratioRow({
    name: 'tcpdump-ipsec',
    work: '1 GB mixed ÷ `tcpdump -r F -w /dev/null`, capan built with the IPsec family alone',
    limit: { value: 2, text: '≤ 2.0' },
    capture: MIXED_1GB,
    families: IPSEC_FAMILY,
    tool: 'tcpdump',
    rounds: 5,
  }),
  ratioRow({
    name: 'ipsec',
    work: '1 GB in 16 tunnels of ESP in UDP ÷ `tcpdump -r F -w /dev/null`',
    limit: { value: 2, text: '≤ 2.0' },
    capture: { kind: 'fat-esp', bytes: 1_000_000_000, tunnels: 16 },
    tool: 'tcpdump',
    rounds: 5,
  }),
  ratioRow({
    name: 'tshark',
    work: '1 GB mixed ÷ `tshark -n -q -z expert -r F`',
    limit: { value: 1 / 30, text: '≤ 1/30 (0.033)' },
    capture: MIXED_1GB,
    tool: 'tshark',
    rounds: 2,
    roundsMax: 2,
  }),
  serialShareRow({ capture: MIXED_1GB, limit: 0.3, rounds: 3 }),
  checksumRow({ capture: MIXED_1GB, limit: 1.1, rounds: 3 }),
  compareRow({ capture: MIXED_1GB, limit: 2, limitBytes: 500e6, rounds: 3 }),
  peakMemoryRow({ small: MIXED_1GB, large: MIXED_10GB, limitBytes: 250e6, spread: 1.1, rounds: 2 }),
  steadyRow({
    small: { kind: 'mixed', frames: 300_000 },
    large: { kind: 'mixed', frames: 2_000_000 },
    limit: 2,
    rounds: 5,
  }),
  ratioRow({
    name: 'tshark-4gb',
    work: '4 GB mixed ÷ `tshark -n -q -z expert -r F`',
    limit: { value: 1 / 40, text: '≤ 1/40 (0.025)' },
    capture: MIXED_4GB,
    tool: 'tshark',
    rounds: 1,
    roundsMax: 1,
  }),
  ratioRow({
    name: 'start-up',
    work: '100 mixed frames ÷ `tshark -n -q -z expert -r F`',
    limit: { value: 0.7, text: '≤ 0.7' },
    capture: { kind: 'mixed', frames: 100, fixed: true },
    tool: 'tshark',
    rounds: 9,
  }),
  ratioRow({
    name: 'small-frames',
    work: '10 million frames of 90 bytes ÷ `capinfos -c F`',
    limit: { value: 3, text: '≤ 3' },
    capture: { kind: 'small-frames', frames: 10_000_000 },
    tool: 'capinfos',
    rounds: 3,
  }),
  ratioRow({
    name: 'fat-tunnel-vxlan',
    work: '4 GB in one VXLAN tunnel, default ÷ `--threads 0`',
    limit: { value: 0.65, text: '≤ 0.65' },
    capture: { kind: 'fat-vxlan', bytes: 4_000_000_000, tunnels: 1 },
    rounds: 3,
  }),
  ratioRow({
    name: 'fat-tunnel-esp',
    work: '4 GB in one pair of ESP SAs, default ÷ `--threads 0`',
    limit: { value: 0.65, text: '≤ 0.65' },
    capture: { kind: 'fat-esp', bytes: 4_000_000_000, tunnels: 1 },
    rounds: 3,
  }),
  growthRow({
    name: 'growth-vnis',
    what: 'VNIs',
    capture: { kind: 'fat-vxlan', frames: 1_000_000, tunnels: 10_000 },
    few: 100,
    perTunnel: 1,
    limit: 3,
    rounds: 3,
  }),
  growthRow({
    name: 'growth-spis',
    what: 'SPIs',
    capture: { kind: 'fat-esp', frames: 1_000_000, tunnels: 50_000 },
    few: 50,
    perTunnel: 2,
    limit: 3,
    rounds: 3,
  }),
  growthRow({
    name: 'growth-flows',
    what: 'TCP flows',
    capture: { kind: 'plain-tcp', frames: 1_000_000, tunnels: 100_000 },
    few: 100,
    perTunnel: 1,
    limit: 3,
    rounds: 3,
  }),
  hostileRow({
    name: 'hostile-tuples',
    what: 'five-tuples',
    capture: { kind: 'distinct-tuples', frames: 10_000_000 },
    limitBytes: 600e6,
  }),
  hostileRow({
    name: 'hostile-spis',
    what: 'SPIs',
    capture: { kind: 'distinct-spis', frames: 10_000_000 },
    limitBytes: 600e6,
  }),
];
