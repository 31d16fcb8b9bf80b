import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { textCaptures } from '../dissectors/index.js';
import { CaptureError } from '../src/capture/capture-error.js';
import { EXIT, exitCodeOf } from '../src/commands/exit-code.js';
import { analyze } from '../src/commands/run-analysis.js';
import type { Report } from '../src/report/report.js';
import { readAll } from './capture-builder.js';
import { SAMPLE, sampleOf } from './sampling.js';

/*
 * What tcpdump prints of the captures that ship gives the findings of the captures; where it prints no bytes, some of
 * them, and never others.
 */

const folder = resolve(import.meta.dirname, '../captures');
const guides = resolve(import.meta.dirname, '../../shared/guides');
const hasTcpdump = spawnSync('tcpdump', ['--version']).status === 0;
/** tcpdump does not know the records of VPP, and fails at the end of a file that is cut. */
const files = readdirSync(folder).filter(
  (file) => /\.pcap(ng)?$/.test(file) && !/^vpp-|truncated/.test(file),
);
const FILES_WITH_BYTES = 4;
const FILES_WITHOUT = 6;
/** Facts of the file and not of its packets: counters and the filter that pcapng states. */
const OF_THE_FILE = ['capture.kernel-drops', 'capture.filter'];
/** Where the contents that tell a protocol are not shown, its own finding has a general one in its place. */
const GENERAL: Readonly<Record<string, string>> = {
  'keepalive.gap': 'scion.keepalive-gap',
  'keepalive.one-way': 'scion.keepalive-missing',
  'keepalive.stopped': 'scion.keepalive-missing',
  'tcp.syn-unanswered': 'overlay.policy-reject',
  // Without checksums a packet that its receiver drops is one that it does not answer.
  'underlay.ping-loss': 'packet.corrupted',
};

function printed(file: string, ...options: string[]): Promise<Report> {
  const text = execFileSync('tcpdump', [...options, '-r', join(folder, file)], {
    env: { ...process.env, TZ: 'UTC' },
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return analyze([{ name: 'text', stream: Readable.from([text]) }], { threads: 0 });
}

const original = (file: string): Promise<Report> => analyze([join(folder, file)], { threads: 0 });

function findingsOf({ findings }: Report): unknown[] {
  return findings
    .filter(({ id }) => !OF_THE_FILE.includes(id))
    .map(({ key, id, severity, first, counts, evidence }) => {
      return { key, id, severity, first, counts, frames: evidence.map(({ frame }) => frame) };
    });
}

describe.skipIf(!hasTcpdump)(`what tcpdump prints (${SAMPLE}; skipped where tcpdump is missing)`, () => {
  it.each(sampleOf(files, FILES_WITH_BYTES, 'text with bytes'))(
    '%s: with bytes the same findings',
    async (file) => {
      const whole = await original(file);
      const text = await printed(file, '-n', '-XX', '-tttt');
      expect(text.errors).toEqual([]);
      expect(text.captures.map(({ frames }) => frames)).toEqual(whole.captures.map(({ frames }) => frames));
      // A severity may rest on what the file states.
      if (OF_THE_FILE.every((id) => whole.findings.every((finding) => finding.id !== id))) {
        expect(findingsOf(text)).toEqual(findingsOf(whole));
      }
    },
  );

  it.each(sampleOf(files, FILES_WITHOUT, 'text without bytes'))(
    '%s: without bytes no other verdict',
    async (file) => {
      const known = (await original(file)).findings.map(({ id }) => id);
      for (const options of [['-n'], ['-n', '-v']]) {
        const text = await printed(file, ...options);
        expect(text.errors).toEqual([]);
        const others = text.findings
          .map(({ id }) => id)
          .filter(
            (id) => !id.startsWith('capture.') && !known.includes(id) && !known.includes(GENERAL[id] ?? ''),
          );
        expect(others, options.join(' ')).toEqual([]);
      }
    },
  );
});

const FILES_OF_HEADERS = 4;
const ETHERNET_LENGTH = 14;
const IPV4_LENGTH = 20;

describe.skipIf(!hasTcpdump)(`lines with -v and -e (${SAMPLE}; skipped where tcpdump is missing)`, () => {
  it.each(sampleOf(files, FILES_OF_HEADERS, 'headers from lines'))(
    '%s: give the headers that they were printed from',
    async (file) => {
      const text = execFileSync('tcpdump', ['-n', '-v', '-e', '-tttt', '-r', join(folder, file)], {
        env: { ...process.env, TZ: 'UTC' },
        maxBuffer: 1 << 30,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const input = { name: 'text', stream: Readable.from([text]) };
      const [{ frames: read }, { frames: real }] = [
        await readAll([input], undefined, undefined, textCaptures),
        await readAll([join(folder, file)]),
      ];
      // Ethernet and IPv4 without options: what a line does not tell is no part of it.
      const plain = real.filter(({ linkType, bytes }) => linkType === 1 && bytes.slice(24, 30) === '080045');
      const lines = read.filter(({ linkType, bytes }) => linkType === 1 && bytes.slice(24, 30) === '080045');
      const headerOf = ({ bytes, originalLength }: { bytes: string; originalLength: number }): string =>
        `${bytes.slice(0, 2 * (ETHERNET_LENGTH + IPV4_LENGTH))} ${originalLength}`;
      expect(lines.map(headerOf)).toEqual(plain.map(headerOf));
    },
  );
});

const FENCED = /^[ \t>]*(`{3,4})[^\n]*\n([\s\S]*?)^[ \t>]*\1/gm;
const GUIDES = existsSync(guides) ? readdirSync(guides).filter((file) => /^\d/.test(file)) : [];

describe.skipIf(GUIDES.length === 0)('the guides, copied whole (skipped where ../shared is missing)', () => {
  const reportOf = (text: string): Promise<Report> =>
    analyze([{ name: 'text', stream: Readable.from([Buffer.from(text)]) }], { threads: 0 });
  const textOf = (file: string): string => readFileSync(join(guides, file), 'utf8');
  /** Null where there is nothing to judge in it, which one line says. */
  const readOrRefused = (text: string): Promise<Report | null> =>
    reportOf(text).catch((error: unknown) => {
      expect(error, text).toBeInstanceOf(CaptureError);
      return null;
    });

  it.each(GUIDES)('%s gives a report, as it is and as mails and terminals decorate it', async (file) => {
    const text = textOf(file);
    const report = await reportOf(text);
    expect(report.errors).toEqual([]);
    expect(report.captures[0]?.frames ?? 0, 'packets, or facts of side files').toBeGreaterThan(
      report.sideFiles === undefined ? 0 : -1,
    );
    for (const decorated of [
      text.replace(/^/gm, '> '),
      text.replace(/\n/g, '\r\n'),
      text.replace(/^(.)/gm, '\u001b[32m$1\u001b[0m'),
    ]) {
      expect(findingsOf(await reportOf(decorated))).toEqual(findingsOf(report));
    }
  });

  it.each(GUIDES)(
    '%s: each fenced block alone gives a report or one clear line, and its sentences raise nothing',
    async (file) => {
      const text = textOf(file);
      for (const [, , block] of text.matchAll(FENCED)) {
        const judged = await readOrRefused(block);
        // Nothing but that nothing was judged.
        expect(judged?.errors.filter(({ where }) => where !== 'text') ?? []).toEqual([]);
      }
      const findings = (await readOrRefused(text.replace(FENCED, '')))?.findings ?? [];
      expect(findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id)).toEqual([]);
    },
  );
});

describe('texts of nothing that is known', () => {
  const input = (text: string, name: string) => ({ name, stream: Readable.from([Buffer.from(text)]) });

  it('are one clear line where there is nothing else, and a remark beside a capture', async () => {
    await expect(analyze([input('Dear all,\nit is broken.', 'mail.txt')], { threads: 0 })).rejects.toThrow(
      /mail\.txt: .*'Dear all,'/,
    );
    const command = await analyze([input('$ ip -d link show type vxlan\n', 'command.txt')], { threads: 0 });
    expect(command.errors).toMatchObject([{ where: 'command.txt' }]);
    expect(exitCodeOf(command, 'warning')).toBe(EXIT.damagedInput);
    const { captures, errors } = await analyze(
      [join(folder, 'esp-healthy.pcap'), input('Dear all,\nit is broken.', 'mail.txt')],
      { threads: 0 },
    );
    expect(errors).toEqual([]);
    expect(captures.find(({ file }) => file === 'mail.txt')?.damaged).toBeUndefined();
    expect(Object.keys(captures.find(({ file }) => file === 'mail.txt')?.skipped ?? {}).join()).toContain(
      'text in which',
    );
  });

  it('of side files alone give a report of these', async () => {
    const text = readFileSync(join(folder, 'side-files/silk-vtep.txt'), 'utf8');
    const { sideFiles } = await analyze([input(text, 'log.txt')], { threads: 0 });
    expect(sideFiles?.map(({ file }) => file)).toEqual(['log.txt']);
  });
});
