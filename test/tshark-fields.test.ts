import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dissectors } from '../dissectors/index.js';
import { openCaptureSource } from '../src/capture/file-source.js';
import { runPipeline } from '../src/workers/pipeline.js';
import { realCapturesWith, tsharkByFrame } from './build/real-captures.js';
import { type RecordedRow, rowRecorder } from './build/recorded-rows.js';
import { tsharkMissing } from './build/tshark.js';
import { IS_WHOLE, SAMPLE, sampleOf } from './sampling.js';

/*
 * Columns of the busiest protocols on public captures, against the fields that tshark prints. Compared are frames in
 * which both see the protocol equally often (tshark also reads what ICMP errors quote). BFD, BGP, DHCP, NTP and
 * OpenVPN have tests of their own beside their dissectors. Skipped without tshark or the captures.
 */

type Field = readonly [column: string, field: string];

const PROTOCOLS: Readonly<Record<string, readonly Field[]>> = {
  ah: [
    ['spi', 'ah.spi'],
    ['sequence', 'ah.sequence'],
  ],
  arp: [['operation', 'arp.opcode']],
  dns: [['id', 'dns.id']],
  esp: [
    ['spi', 'esp.spi'],
    ['sequence', 'esp.sequence'],
  ],
  geneve: [
    ['vni', 'geneve.vni'],
    ['protocolType', 'geneve.proto_type'],
  ],
  gre: [['protocolType', 'gre.proto']],
  icmp: [
    ['type', 'icmp.type'],
    ['code', 'icmp.code'],
  ],
  isakmp: [
    ['exchangeType', 'isakmp.exchangetype'],
    ['messageId', 'isakmp.messageid'],
    ['flags', 'isakmp.flags'],
  ],
  tcp: [
    ['sequence', 'tcp.seq_raw'],
    ['acknowledgment', 'tcp.ack_raw'],
    ['window', 'tcp.window_size_value'],
  ],
  vxlan: [['vni', 'vxlan.vni']],
};

const PROTOCOLS_IN_SAMPLE = 2;
const FILES_MAX = IS_WHOLE ? 16 : 6;
const TIMEOUT_MS = 600_000;
const FILE_BYTES_MAX = 1 << 20;
/** Share of compared fields that may differ: malformed packets of fuzzers, which both read in their own way. */
const DIFFERING_MAX = 0.005;

interface Tally {
  agreed: number;
  differed: number;
  readonly examples: string[];
}

async function compareFile(
  file: string,
  protocol: string,
  fields: readonly Field[],
  tally: Tally,
): Promise<void> {
  const dissector = dissectors.find((one) => one.protocol === protocol);
  if (!dissector) throw new Error(`no dissector of ${protocol}`);
  const recorder = rowRecorder(dissector);
  const source = await openCaptureSource([file]).catch(() => null);
  if (!source) return;
  try {
    // With a taker of identities every packet has its row.
    const everyRow = { threads: 0, identities: { seed: 1, take: () => {} } };
    const { runner } = await runPipeline(source, dissectors, [recorder], everyRow);
    const rows = (runner.sessions().get(recorder.name) ?? []) as readonly RecordedRow[];
    const own = new Map<number, Readonly<Record<string, number>>[]>();
    for (const { frame, values } of rows) {
      own.set(frame, [...(own.get(frame) ?? []), values]);
    }
    const names = fields.map(([, field]) => field);
    for (const [frame, printed] of tsharkByFrame(file, protocol, names)) {
      const seen = own.get(frame) ?? [];
      for (const [at, [column, field]] of fields.entries()) {
        if (printed[at].length !== seen.length) continue;
        const wanted = printed[at].map(Number).sort((a, b) => a - b);
        const found = seen.map((values) => values[column]).sort((a, b) => a - b);
        if (wanted.every((value, index) => value === found[index])) tally.agreed += wanted.length;
        else {
          tally.differed += wanted.length;
          tally.examples.push(`${file} frame ${frame} ${field}: ${wanted} and ${found}`);
        }
      }
    }
  } finally {
    await source.close();
  }
}

const sampled = sampleOf(Object.entries(PROTOCOLS), PROTOCOLS_IN_SAMPLE, 'tshark fields', ([name]) => name);

describe.skipIf(tsharkMissing !== null)(
  `fields against tshark (skipped without it or ../shared; ${SAMPLE})`,
  () => {
    it.each(sampled)('of %s agree', { timeout: TIMEOUT_MS }, async (protocol, fields) => {
      const files = realCapturesWith(protocol).filter((file) => statSync(file).size <= FILE_BYTES_MAX);
      if (files.length === 0) return;
      const tally: Tally = { agreed: 0, differed: 0, examples: [] };
      for (const file of files.slice(0, FILES_MAX)) await compareFile(file, protocol, fields, tally);
      console.info(`${protocol}: ${tally.agreed} fields agree with tshark, ${tally.differed} differ`);
      expect(tally.agreed).toBeGreaterThan(0);
      expect(tally.differed, tally.examples.slice(0, 10).join('\n')).toBeLessThanOrEqual(
        (tally.agreed + tally.differed) * DIFFERING_MAX,
      );
    });
  },
);
