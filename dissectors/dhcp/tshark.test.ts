import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Correlator, defineCorrelator } from '../../src/correlate/correlator.js';
import { frameNumberOf } from '../../src/units.js';
import { formatIpv4 } from '../../src/wire/address.js';
import {
  comparisonMissing,
  realCapturesWith,
  sessionsOfFile,
  tsharkFileFields,
} from '../../test/build/real-captures.js';
import { SAMPLE } from '../../test/sampling.js';
import dhcpDissector from './dissector.js';

/* Public captures with DHCP, frame by frame against tshark. */

const rows = defineCorrelator<string, typeof dhcpDissector.observes>({
  name: 'rows',
  reads: dhcpDissector,
  order: 'capture',
  create() {
    const seen: string[] = [];
    return {
      consume(batch, _flow, from, to) {
        const { columns: c, order } = batch;
        for (let at = from; at < to; at++) {
          const row = order[at];
          const frame = frameNumberOf(batch.frameIdOf(c.rows.frame[row]));
          const server = c.server[row] === 0 ? '' : formatIpv4(c.server[row]);
          const mtu = c.interfaceMtu[row] === 0 ? '' : c.interfaceMtu[row];
          const type = c.messageType[row] === 0 ? '' : c.messageType[row];
          const id = c.transaction[row].toString(16).padStart(8, '0');
          const yours = formatIpv4(c.yourAddress[row]);
          seen.push(`${frame} type ${type} id 0x${id} yours ${yours} server ${server} mtu ${mtu}`);
        }
      },
      sessions: () => seen,
    };
  },
});

const FIELDS = [
  'frame.number',
  'dhcp.option.dhcp',
  'dhcp.id',
  'dhcp.ip.your',
  'dhcp.option.dhcp_server_id',
  'dhcp.option.interface_mtu',
];

const FILES_IN_SAMPLE = 5;

describe.skipIf(comparisonMissing)(`DHCP as tshark reads it (${comparisonMissing ?? 'at hand'})`, () => {
  it('agrees on every frame', { timeout: 600_000 }, async () => {
    let compared = 0;
    let files = 0;
    for (const file of realCapturesWith('dhcp', FILES_IN_SAMPLE)) {
      const ours = await sessionsOfFile<string>(file, rows as Correlator<string>);
      if (!ours) continue;
      const theirs = tsharkFileFields(file, FIELDS, 'dhcp.cookie && dhcp.hw.len == 6')?.map(
        ([frame, type, id, yours, server, mtu]) =>
          `${frame} type ${type} id ${id} yours ${yours} server ${server} mtu ${mtu}`,
      );
      if (!theirs) continue;
      // Of a frame that the capture cut, tshark shows less than there is.
      const cut = new Set(tsharkFileFields(file, ['frame.number'], 'frame.cap_len < frame.len')?.flat());
      const whole = (row: string): boolean => !cut.has(row.split(' ')[0]);
      expect(ours.filter(whole), `${basename(file)}, ${SAMPLE}`).toEqual(theirs.filter(whole));
      compared += ours.length;
      files++;
    }
    process.stdout.write(`dhcp: ${compared} messages of ${files} captures agree with tshark\n`);
    expect(compared).toBeGreaterThan(0);
  });
});
