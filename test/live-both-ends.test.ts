import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCommandLine } from '../src/commands/command-line.js';
import { runLiveCommand } from '../src/commands/live.js';
import type { Terminal } from '../src/commands/terminal.js';
import type { Report } from '../src/report/report.js';
import { writePcap } from './build/capture-file.js';
import type { TestFrame } from './build/frame-source.js';
import { type PathFaults, type TwoEnds, twoEnds } from './build/two-ends.js';

/*
 * Both ends of a path at once: two shell commands write what a capture program would, at six times its pace.
 */

const SPEED = 6;
const PACKETS = 2400;
const PLAYER = `
import { readFileSync, writeSync } from 'node:fs';
const [file, speed, startMs, block] = process.argv.slice(2);
const bytes = readFileSync(file);
let at = 24;
let held = [bytes.subarray(0, at)];
const flush = (isLast) => {
  let out = Buffer.concat(held);
  const count = isLast || Number(block) === 0 ? out.length : out.length - (out.length % Number(block));
  held = [out.subarray(count)];
  out = out.subarray(0, count);
  for (let done = 0; done < out.length; ) done += writeSync(1, out, done);
};
const timeMs = () => bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1e6;
const firstMs = timeMs();
const timer = setInterval(() => {
  const nowMs = (Date.now() - Number(startMs)) * Number(speed);
  for (; at < bytes.length && timeMs() - firstMs <= nowMs; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    held.push(bytes.subarray(at, end));
    at = end;
  }
  flush(at >= bytes.length);
  if (at >= bytes.length) clearInterval(timer);
}, 20);
`;

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capan-both-'));
  writeFileSync(join(scratch, 'player.mjs'), PLAYER);
});
afterAll(() => rmSync(scratch, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly events: readonly { event: string; id: string; severity: string }[];
  readonly report: Report;
  readonly messages: readonly string[];
}

function write(name: string, frames: readonly TestFrame[]): string {
  const file = join(scratch, name);
  writeFileSync(file, writePcap(frames, { nanoseconds: true }));
  return file;
}

/** Runs `capan live` with these words, and gathers what it writes as ndjson and as the final report. */
async function live(words: readonly string[], signal = new AbortController().signal): Promise<Outcome> {
  const output = join(scratch, 'report.json');
  const messages: string[] = [];
  const terminal: Terminal = {
    color: false,
    columns: null,
    progress: null,
    async write() {},
    message: (line) => messages.push(line),
  };
  const line = ['live', ...words, '--format', 'json', '-o', output];
  const invocation = await readCommandLine(line, '1');
  if (invocation.command !== 'live') throw new Error(`read as ${invocation.command}`);
  const code = await runLiveCommand(invocation.options, terminal, signal);
  const report = JSON.parse(execFileSync('cat', [output], { encoding: 'utf8' })) as Report;
  const events = messages.flatMap((message) => {
    const [, event, severity, id] = /^\S+ \S+ (RAISED|UPDATED|CLEARED) +(\w+) ([\w.-]+):/.exec(message) ?? [];
    return event && severity && id ? [{ event: event.toLowerCase(), severity, id }] : [];
  });
  return { code, events, report, messages };
}

/** @param late wall-clock milliseconds by which end B starts after end A; `block`: B is written in such blocks. */
function players(ends: TwoEnds, { late = 0, block = 0 } = {}): string[] {
  const startMs = Date.now() + 1000;
  const command = (name: string, frames: readonly TestFrame[], delay: number, size: number) =>
    `"${process.execPath}" "${join(scratch, 'player.mjs')}" "${write(name, frames)}" ${SPEED} ${startMs + delay} ${size}`;
  return [
    '--a-command',
    command('a.pcap', ends.a, 0, 0),
    '--b-command',
    command('b.pcap', ends.b, late, block),
  ];
}

function direction(report: Report, sender: 'a' | 'b') {
  const found = report.compare?.directions.find((one) => one.sender === sender);
  if (!found) throw new Error(JSON.stringify(report.compare));
  return found;
}

function expectExact(report: Report, ends: TwoEnds): void {
  for (const [sender, truth] of [
    ['a', ends.forward],
    ['b', ends.backward],
  ] as const) {
    const { sent, lost } = direction(report, sender);
    expect({ sent, lost }).toEqual({ sent: truth.sent, lost: truth.lost });
  }
}

const loud = ({ severity }: { readonly severity: string }): boolean => severity !== 'info';

describe('capan live of both ends', () => {
  it('raises loss while it lasts, clears it, and counts it exactly', async () => {
    const faults: PathFaults = {
      seed: 7,
      packets: PACKETS,
      loss: 0.4,
      isLossy: (seconds, isForward) => isForward && seconds > 12 && seconds < 20,
      offsetSeconds: 37.5,
    };
    const ends = twoEnds(faults);
    const { code, events, report } = await live(players(ends, { late: 300 }));
    expect(events.filter(loud).map(({ event, id }) => `${event} ${id}`)).toEqual(
      expect.arrayContaining(['raised underlay.path-loss', 'cleared underlay.path-loss']),
    );
    expect(report).toMatchObject({ command: 'live' });
    expect(report.captures.map(({ side, file }) => [side, file])).toEqual([
      ['a', 'a-command'],
      ['b', 'b-command'],
    ]);
    expectExact(report, ends);
    expect(report.compare?.clock.offsetSeconds).toBeCloseTo(37.5, 1);
    const finding = report.findings.find(({ id }) => id === 'underlay.path-loss');
    expect(finding).toMatchObject({
      severity: 'error',
      ongoingAtEnd: false,
      counts: { lost: ends.forward.lost },
    });
    expect(finding?.clearedAt).toBeTruthy();
    expect(code).toBe(1);
  });

  it.each([
    ['in time', {}],
    ['half a second late', { late: 500 }],
    ['in blocks, as a program that does not flush', { block: 32_768 }],
  ])('is silent on a healthy path of which end B comes %s', async (_, how) => {
    const ends = twoEnds({ seed: 11, packets: PACKETS, reordering: 0.05, offsetSeconds: -20 });
    const { code, events, report } = await live(players(ends, how));
    // The clocks differ, which is no fault; that it is told shows that the rounds were judged.
    expect(events).toContainEqual({ event: 'raised', severity: 'info', id: 'time.capture-skew' });
    expect(events.filter(loud)).toEqual([]);
    expect(report.findings.filter(loud)).toEqual([]);
    expectExact(report, ends);
    expect(code).toBe(0);
  });

  it('ends with its report when it is interrupted, and keeps the packets of both ends', async () => {
    const ends = twoEnds({ seed: 3, packets: PACKETS });
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 4000);
    const kept = join(scratch, 'kept.pcapng');
    const { code, report } = await live([...players(ends), '--write', kept], stopping.signal);
    expect(code).toBe(0);
    expect(report.findings.filter(loud)).toEqual([]);
    const { matched, lost } = direction(report, 'a');
    expect(lost).toBe(0);
    expect(matched).toBeGreaterThan(20);
    expect(matched).toBeLessThan(ends.forward.sent);
    expect(readdirSync(scratch).filter((name) => name.startsWith('kept'))).toEqual([
      'kept-a.pcapng',
      'kept-b.pcapng',
    ]);
  });

  it('reads FIFOs, and ends a pipeline of the shell with all its programs', async () => {
    const ends = twoEnds({ seed: 5, packets: 800 });
    const fifo = join(scratch, 'b.fifo');
    execFileSync('mkfifo', [fifo]);
    const [, a = '', , b = ''] = players(ends);
    const words = ['--a-command', `${a} | cat; sleep 600`, '--b-command', fifo];
    execFileSync('sh', ['-c', `(${b} > "${fifo}") 2>/dev/null &`], { stdio: 'ignore' });
    const startMs = performance.now();
    const { code, report } = await live(words);
    expectExact(report, ends);
    expect(code).toBe(0);
    expect(performance.now() - startMs).toBeLessThan(20_000);
  });

  it('says in one line which end writes no capture, and ends the other one', async () => {
    const hang = `sleep 600`;
    await expect(
      live(['--a-command', hang, '--b-command', 'echo no such host >&2; exit 255']),
    ).rejects.toThrow(/^b-command: no such host; it must write pcap/);
  });
});
