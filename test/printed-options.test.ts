import { execFileSync, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import type { Report } from '../src/report/report.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * Whatever options people print packets with: bytes give the findings of the capture, lines some of them and no others.
 */

const folder = resolve(import.meta.dirname, '../captures');
const CAPTURES = [
  'arp-unanswered.pcap',
  'bfd-flap.pcap',
  'bgp-hold-expiry.pcap',
  'dhcp-no-offer.pcap',
  'dns-error.pcap',
  'esp-one-way.pcap',
  'frag-missing-rest.pcap',
  'geneve-no-return.pcap',
  'gre-key-mismatch.pcap',
  'ike-no-proposal-v2.pcap',
  'ike-psk-mismatch-v1.pcap',
  'keepalive-one-way.pcap',
  'mtu-blackhole.pcap',
  'openvpn-no-response.pcap',
  'packet-bad-checksum.pcap',
  'scion-keepalive-missing.pcap',
  'silk-egress-reject.pcap',
  'tcp-reset.pcap',
  'time-ntp-unsynchronised.pcap',
  'vxlan-no-return.pcap',
];

/** Link headers included, and with a time. */
const WITH_FRAMES = [
  'tcpdump -n -XX',
  'tcpdump -nn -xx -tttt',
  'tcpdump -n -e -XX -tt',
  'tcpdump -nnvvv -XX -ttt',
  'tcpdump -n -S -K -xx -ttttt',
  'tcpdump -l -n -# -XX -tttt',
  'tcpdump -n -q -XX',
  'tshark -n -P -x',
  'tshark -n -P -x -t ad',
];
/** Packets without their link headers: what rests on these is not found. */
const WITH_PACKETS = [
  'tcpdump -n -X',
  'tcpdump -nn -x -tttt',
  'tcpdump -n -v -X -tt',
  'tcpdump -n -t -XX',
  'tshark -n -x',
];
const LINES = [
  'tcpdump -n',
  'tcpdump -nn -t',
  'tcpdump -n -tt',
  'tcpdump -n -ttt',
  'tcpdump -nn -tttt',
  'tcpdump -n -ttttt',
  'tcpdump -n -e',
  'tcpdump -nne -tttt',
  'tcpdump -n -v',
  'tcpdump -nn -vv -tttt',
  'tcpdump -nnvvv',
  'tcpdump -e -n -vvv -tt',
  'tcpdump -n -q',
  'tcpdump -n -q -e',
  'tcpdump -n -#',
  'tcpdump -n -# -e -v',
  'tcpdump -n -S',
  'tcpdump -n -S -vv -ttt',
  'tcpdump -n -K -v',
  'tcpdump -l -n -A',
  'tcpdump -n -A -tttt -v',
  'tshark -n',
  'tshark -n -t ad',
  'tshark -n -t r',
  'tshark -n -t e',
  'tshark -n -t d',
  'tshark -n -t a',
];
const SAMPLED = 3;

const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const programs = ['tcpdump', 'tshark'].filter(isInstalled);

const cases = (commands: readonly string[]): readonly (readonly [string, string])[] =>
  CAPTURES.flatMap((file) =>
    commands
      .filter((command) => programs.includes(command.split(' ')[0] ?? ''))
      .map((command) => [command, file] as const),
  );

function printed(command: string, file: string): string {
  const [program = '', ...options] = command.split(' ');
  return execFileSync(program, [...options, '-r', join(folder, file)], {
    env: { ...process.env, TZ: 'UTC' },
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
}

function reportOf(text: string): Promise<Report> {
  return analyze([{ name: 'text', stream: Readable.from([Buffer.from(text)]) }], { threads: 0 });
}

const originals = new Map<string, Promise<Report>>();
function original(file: string): Promise<Report> {
  const known = originals.get(file) ?? analyze([join(folder, file)], { threads: 0 });
  originals.set(file, known);
  return known;
}

/** Where the contents that tell a protocol are not shown, its own finding has a general one in its place. */
const GENERAL: Readonly<Record<string, readonly string[]>> = {
  'keepalive.one-way': ['scion.keepalive-missing'],
  'keepalive.stopped': ['scion.keepalive-missing'],
  // Without times nothing says which message answers which.
  'ike.notify': ['ike.psk-mismatch'],
  'tcp.syn-unanswered': ['overlay.policy-reject', 'packet.bad-checksum'],
};

async function expectNoOthers(text: string, file: string): Promise<void> {
  const [report, whole] = [await reportOf(text), await original(file)];
  const known = whole.findings.map(({ id }) => id);
  const others = report.findings
    .map(({ id }) => id)
    .filter((id) => !id.startsWith('capture.') && !known.includes(id))
    .filter((id) => !GENERAL[id]?.some((general) => known.includes(general)));
  expect(report.errors).toEqual([]);
  expect(others).toEqual([]);
}

const idsOf = ({ findings }: Report): string[] =>
  findings.map(({ id, severity, subject }) => `${severity} ${id} ${JSON.stringify(subject)}`).sort();

async function expectTheSame(text: string, file: string): Promise<void> {
  const [report, whole] = [await reportOf(text), await original(file)];
  expect(report.errors).toEqual([]);
  expect(report.captures.map(({ frames }) => frames)).toEqual(whole.captures.map(({ frames }) => frames));
  const ofClock = (id: string): boolean => id.includes(' capture.time-anomaly ');
  expect(idsOf(report).filter((id) => !ofClock(id))).toEqual(idsOf(whole).filter((id) => !ofClock(id)));
}

describe.skipIf(programs.length === 0)(
  `printed packets (${SAMPLE}; skipped where tcpdump and tshark are missing)`,
  () => {
    it.each(sampleOf(cases(WITH_FRAMES), SAMPLED, 'printed frames', String))(
      '%s -r %s',
      async (command, file) => {
        await expectTheSame(printed(command, file), file);
      },
    );

    it.each(sampleOf(cases([...WITH_PACKETS, ...LINES]), SAMPLED, 'printed lines', String))(
      '%s -r %s',
      async (command, file) => {
        await expectNoOthers(printed(command, file), file);
      },
    );
  },
);

describe.skipIf(!programs.includes('tshark'))(
  `hex dumps (${SAMPLE}; skipped where tshark is missing)`,
  () => {
    /** As Wireshark copies them: nothing but offsets, bytes and characters. */
    const dumpOf = (file: string): string =>
      printed('tshark -n -x', file)
        .split('\n')
        .filter((line) => line === '' || /^[0-9a-f]{4} {2}/.test(line))
        .join('\n');

    it.each(sampleOf(CAPTURES, 1, 'copied hex dumps'))('%s copied as a hex dump', async (file) => {
      await expectNoOthers(dumpOf(file), file);
    });

    it.each(sampleOf(CAPTURES, 1, 'dumps for text2pcap'))('%s as text2pcap reads it', async (file) => {
      const times = printed('tshark -n -t ad -T fields -e frame.time_epoch', file).trim().split('\n');
      const packets = dumpOf(file)
        .split(/\n(?=0000 )/)
        .map(
          (packet, index) =>
            `${times[index]}\n${packet.replace(/^([0-9a-f]{4}) {2}/gm, '00$1 ').replace(/ {3}.*$/gm, '')}`,
        );
      await expectTheSame(packets.join('\n'), file);
    });
  },
);
