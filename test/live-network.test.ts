import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../src/live/programs.js';
import type { Report } from '../src/report/report.js';
import { COMPILED_CLI } from './compiled-program.js';
import { INTERFACE, TestNetwork, UNDERLAY, whyNoNetwork } from './live/network.js';
import { captureBegan, restsNow } from './live/watch.js';
import { IS_WHOLE, sampleOf } from './sampling.js';

/* Real interfaces, a real tunnel, real faults: the compiled program as it runs on an operator's host. */

const root = resolve(import.meta.dirname, '..');
const cli = COMPILED_CLI;
const obstacle = whyNoNetwork();
const isCapThere = canLoad('cap');
const BACKENDS = sampleOf(['dumpcap', 'tcpdump', 'cap'], 2, 'live backends');
const BLAST_SECONDS = IS_WHOLE ? 10 : 4;
const PERIOD_MS = 250;
/** Enough for keepalives to be learned: twenty periods, and a round or two. */
const LEARNING_MS = 8000;
const PATIENCE_MS = 40_000;
/** What may be said of a tunnel whose packets all go one way; which comes first depends on how steady the timers are. */
const ONE_WAY_IDS = ['keepalive.stopped', 'vxlan.no-return'];

function canLoad(name: string): boolean {
  try {
    createRequire(cli)(name);
    return true;
  } catch {
    return false;
  }
}

const SLOW = { timeout: 150_000 };

/** A run of `capan live` on host a. */
class LiveRun {
  out = '';
  err = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(network: TestNetwork, ...args: string[]) {
    this.child = network.start('a', process.execPath, cli, 'live', ...args);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((done) => this.child.once('close', (code) => done(code)));
  }

  /** Waits until all that was captured is judged. */
  rests(): Promise<void> {
    return restsNow(this.child.pid ?? 0);
  }

  interrupt(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.ended;
  }

  objects(): Record<string, unknown>[] {
    return this.out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits for an event of one of these findings. @returns its id, or what was said instead. */
  async saw(event: string, ids: readonly string[]): Promise<string> {
    const endMs = performance.now() + PATIENCE_MS;
    while (performance.now() < endMs) {
      const seen = this.objects().find((object) => object.event === event && ids.includes(String(object.id)));
      if (seen) return String(seen.id);
      await sleep(100);
    }
    return `no ${event} among: ${this.out}${this.err}`;
  }
}

describe.skipIf(obstacle !== null)(
  `capan live on a network${obstacle === null ? '' : ` (${obstacle})`}`,
  () => {
    let network: TestNetwork;
    let scratch = '';

    beforeAll(async () => {
      scratch = mkdtempSync(join(tmpdir(), 'capan-live-'));
      network = new TestNetwork();
      network.startKeepalives(40_123, PERIOD_MS);
      await sleep(1000);
    });

    afterAll(() => {
      network?.remove();
      if (scratch !== '') rmSync(scratch, { recursive: true });
    });

    describe.each(BACKENDS)('with %s', (backend) => {
      const isHere = backend !== 'cap' || isCapThere;

      it.skipIf(!isHere)('raises a finding while a direction is cut, and clears it after', SLOW, async () => {
        const file = join(scratch, `${backend}.pcapng`);
        const kept = ['--write', file, '--format', 'ndjson', '--fail-on', 'warning'];
        const run = new LiveRun(network, '-i', INTERFACE, '--backend', backend, ...kept);
        await sleep(LEARNING_MS);
        expect(run.objects().filter(({ severity }) => severity !== 'info')).toEqual([]);
        network.cut();
        let id = '';
        try {
          id = await run.saw('raised', ONE_WAY_IDS);
          expect(ONE_WAY_IDS).toContain(id);
        } finally {
          network.mend();
        }
        expect(await run.saw('cleared', [id])).toBe(id);
        await sleep(3000);
        expect(await run.interrupt()).toBe(1);
        const objects = run.objects();
        // A stream that stopped and goes on had a gap, and stands once in the report.
        const final = objects.find(
          (object) =>
            (object.id === id || object.id === 'keepalive.gap') && object.type === 'finding' && !object.event,
        );
        expect(final).toMatchObject({ ongoingAtEnd: false });
        expect(final?.clearedAt).toMatch(/^\d{4}-.*Z$/);
        expect(objects.at(-1)).toMatchObject({ type: 'summary', command: 'live', errors: 0 });
        // What was kept is what was judged.
        const again = spawnSync('node', [cli, 'analyze', file, '--format', 'json', '--fail-on', 'never']);
        const report = JSON.parse(again.stdout.toString()) as Report;
        const live = objects.find(({ type }) => type === 'capture');
        expect(report.captures[0]).toMatchObject({ frames: live?.frames, lastTime: live?.lastTime });
        expect(report.findings.map((finding) => finding.id)).toContain('keepalive.gap');
      });

      it.skipIf(!isHere)('ends with its report when the interface goes away', async () => {
        network.ip('a', 'link', 'add', 'gone0', 'type', 'veth', 'peer', 'name', 'gone1');
        network.ip('a', 'link', 'set', 'gone0', 'up');
        network.ip('a', 'link', 'set', 'gone1', 'up');
        const run = new LiveRun(network, '-i', 'gone0', '--backend', backend, '--format', 'json');
        await sleep(2500);
        network.ip('a', 'link', 'del', 'gone0');
        expect(await run.ended, run.err).toBe(0);
        expect(run.err).toMatch(/went away/);
        expect((JSON.parse(run.out) as Report).command).toBe('live');
      });
    });

    it('stays silent on a healthy tunnel, and ends by its time', async () => {
      const run = new LiveRun(
        network,
        '-i',
        INTERFACE,
        '--duration',
        '8',
        '--fail-on',
        'warning',
        '--format',
        'ndjson',
      );
      expect(await run.ended, run.out).toBe(0);
      expect(run.objects().filter(({ event, severity }) => event && severity !== 'info')).toEqual([]);
    });

    it('ends after so many packets', async () => {
      const run = new LiveRun(network, '-i', INTERFACE, '--packets', '20', '--format', 'json');
      expect(await run.ended, run.err).toBe(0);
      expect((JSON.parse(run.out) as Report).captures[0].frames).toBe(20);
    });

    it('refuses wrong filters and interfaces in one line, before it captures', async () => {
      for (const [args, message] of [
        [['-i', INTERFACE, 'udp', 'prot', '3'], /filter 'udp prot 3' is wrong: syntax error/],
        [['-i', INTERFACE, '--backend', 'tcpdump', 'udp', 'prot', '3'], /is wrong/],
        [['-i', 'nope'], /no interface nope/],
      ] as const) {
        const run = new LiveRun(network, ...args);
        expect(await run.ended).toBe(2);
        expect(run.err.trim().split('\n')).toHaveLength(1);
        expect(run.err).toMatch(message);
      }
    });

    it.skipIf(findProgram('cc') === null)(
      'loses nothing at 100,000 packets a second, or says how many',
      SLOW,
      async () => {
        const blast = join(scratch, 'blast');
        const source = join(root, 'test/live/blast.c');
        expect(spawnSync('cc', ['-O2', '-o', blast, source]).status).toBe(0);
        const run = new LiveRun(
          network,
          '-i',
          INTERFACE,
          '--backend',
          'dumpcap',
          '--format',
          'json',
          'udp',
          'port',
          '9',
        );
        await captureBegan(network.namespace('a'));
        const sender = network.start('a', blast, UNDERLAY[1], '9', '100000', `${BLAST_SECONDS}`);
        let sent = '';
        sender.stdout?.on('data', (text: Buffer) => {
          sent += text.toString();
        });
        await new Promise((done) => sender.once('close', done));
        // On a busy machine the capture lags behind; what still waits in the kernel at the interrupt is not part of it.
        await run.rests();
        const code = await run.interrupt();
        const [capture] = (JSON.parse(run.out) as Report).captures;
        expect(Number(sent)).toBe(BLAST_SECONDS * 100_000);
        expect(capture.frames + (capture.drops ?? 0)).toBe(BLAST_SECONDS * 100_000);
        if (capture.drops === 0) expect(code).toBe(0);
      },
    );
  },
);
