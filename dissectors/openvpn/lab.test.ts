import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { defineCorrelator } from '../../src/correlate/correlator.js';
import { frameNumberOf } from '../../src/units.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { TSHARK_RUNS, tsharkFields, tsharkMissing } from '../../test/build/tshark.js';
import dissector from './dissector.js';
import { isData } from './layout.js';
import { sessionText } from './packet-facts.js';
import { WRAP_PLAIN, WRAP_TLS_AUTH } from './rows.js';

/*
 * Captures of real tunnels, read by tshark and by the dissector: every field that both read has to agree. tshark knows
 * nothing of tls-crypt and of HMACs other than SHA-1, so those packets are left out where it guesses. The captures do not
 * ship with the project; where they or tshark are missing, the test is skipped.
 */

const shared = resolve(import.meta.dirname, '../../../shared/captures');
const files = [
  'lab/openvpn-healthy/a.pcap',
  'lab/openvpn-blocked/a.pcap',
  'lab/keepalive-gap/a-underlay.pcap',
  'real/07-vpn/corelight__openvpn_udp_tls-auth.pcap',
  'real/07-vpn/ntop__openvpn_nohmac.pcapng',
].filter((file) => existsSync(join(shared, file)));
const reason = tsharkMissing ?? (files.length === 0 ? '../shared/captures is missing' : '');

interface Row {
  readonly opcode: number;
  readonly keyId: number;
  readonly session: string;
  readonly messageId: number;
  readonly wrapping: number;
  readonly ackCount: number;
}

/** Rows by frame number, as the dissector writes them. */
async function rowsOf(file: string): Promise<Map<number, Row>> {
  const rows = new Map<number, Row>();
  const collector = defineCorrelator<never, typeof dissector.observes>({
    name: 'rows',
    reads: dissector,
    order: 'capture',
    create: () => ({
      consume(batch, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const row = batch.order[at];
          const { columns } = batch;
          rows.set(frameNumberOf(batch.frameIdOf(columns.rows.frame[row])), {
            opcode: columns.opcode[row],
            keyId: columns.keyId[row],
            session: sessionText(columns.sessionHigh[row], columns.sessionLow[row]),
            messageId: columns.messageId[row],
            wrapping: columns.wrapping[row],
            ackCount: columns.ackCount[row],
          });
        }
      },
      sessions: () => [],
    }),
  });
  const source = await openCaptureSource([file]);
  try {
    await runPipeline(source, [dissector], [collector], { threads: 0 });
  } finally {
    await source.close();
  }
  return rows;
}

const FIELDS = [
  'frame.number',
  'openvpn.opcode',
  'openvpn.keyid',
  'openvpn.sessionid',
  'openvpn.mpid',
  'openvpn.mpidarraylength',
];

describe.skipIf(reason !== '')(`tshark reads the same (${reason || 'differential test'})`, () => {
  it.each(files)(
    '%s',
    async (file) => {
      const path = join(shared, file);
      const rows = await rowsOf(path);
      let agreed = 0;
      for (const [number, opcode, keyId, session, mpid, acks] of tsharkFields(
        readFileSync(path),
        FIELDS,
        'openvpn',
      )) {
        const row = rows.get(Number(number));
        if (!row || opcode === '') continue;
        expect([row.opcode, row.keyId], `frame ${number}`).toEqual([Number(opcode), Number(keyId)]);
        agreed += 2;
        const isReadable = row.wrapping === WRAP_PLAIN || row.wrapping === WRAP_TLS_AUTH;
        if (isData(row.opcode) || !isReadable) continue;
        expect(BigInt(`0x${row.session}`), `frame ${number}`).toBe(BigInt(session.split(',')[0] ?? '0'));
        agreed++;
        if (acks !== '') {
          expect(row.ackCount, `frame ${number}`).toBe(Number(acks));
          agreed++;
        }
        if (mpid !== '') {
          expect(row.messageId, `frame ${number}`).toBe(Number(mpid));
          agreed++;
        }
      }
      console.log(`${file}: ${agreed} fields agree in ${rows.size} packets`);
      expect(agreed).toBeGreaterThan(10);
    },
    TSHARK_RUNS.timeout,
  );
});
