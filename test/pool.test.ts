import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dissectors } from '../dissectors/index.js';
import { openCaptureSource } from '../src/capture/file-source.js';
import { defineCorrelator } from '../src/correlate/correlator.js';
import { defineDissector } from '../src/dissect/dissector.js';
import { frameNumberOf } from '../src/units.js';
import { runPipeline } from '../src/workers/pipeline.js';
import { writePcap } from './build/capture-file.js';
import { FrameSource, type TestFrame } from './build/frame-source.js';
import { timeline } from './build/scenario.js';
import { COMPILED_WORKER } from './compiled-program.js';

const asker = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const answerer = { address: '192.0.2.2', mac: '02:00:00:00:00:02', ttl: 64, port: 9 };

function frames(count: number): readonly TestFrame[] {
  const t = timeline(1_700_000_000_000_000_000n);
  for (let at = 0; at < count; at++) t.sendUdp(at / 1000, asker, answerer, new Uint8Array([at & 0xff]));
  return t.frames();
}

const worker = (name: string): URL => new URL(`./build/${name}`, import.meta.url);
const ownWorker = pathToFileURL(COMPILED_WORKER);

describe('a worker that dies', () => {
  it('costs the frame it died on; that frame is named and the rest counts', async () => {
    const { runner, frameFailures } = await runPipeline(new FrameSource(frames(12)), dissectors, [], {
      threads: 1,
      workerFile: worker('mortal-worker.cjs'),
    });
    expect(frameFailures.map(({ frame }) => frameNumberOf(frame))).toEqual([6]);
    expect(runner.quality.frames).toBe(11);
  });
});

describe('a worker that reads', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'capan-pool-'));
  const file = join(scratch, 'talk.pcap');
  const count = 400;
  const run = async (workerFile?: URL) => {
    const source = await openCaptureSource([file]);
    const result = await runPipeline(source, dissectors, [], {
      threads: 1,
      chunkBytes: 4096,
      ...(workerFile ? { workerFile } : {}),
    });
    return { ...result, source };
  };

  beforeAll(() => writeFileSync(file, writePcap(frames(count))));
  afterAll(() => rmSync(scratch, { recursive: true }));

  it('tells the main thread what it has learned of the file', async () => {
    const { runner, source } = await run(ownWorker);
    const [facts] = source.captures;
    expect(runner.quality.frames).toBe(count);
    expect(facts).toMatchObject({ frames: count, format: 'pcap' });
    expect(facts.firstTimeNs).not.toBeNull();
    expect(source.segments).toHaveLength(1);
    expect(source.interfaces).toHaveLength(1);
  });

  it('is replaced where it dies; the next one reads on where it stood', async () => {
    const { runner, frameFailures, moreFailures, source } = await run(worker('mortal-worker.cjs'));
    const failed = new Set(frameFailures.map(({ frame }) => frameNumberOf(frame)));
    expect(failed.size).toBeGreaterThan(0);
    expect(runner.quality.frames).toBe(count - failed.size - moreFailures);
    expect(source.captures[0].frames).toBe(count);
  });

  it('is replaced by the main thread where no worker can start', async () => {
    const { runner, frameFailures, source } = await run(worker('stillborn-worker.cjs'));
    expect(frameFailures).toEqual([]);
    expect(runner.quality.frames).toBe(count);
    expect(source.captures[0].frames).toBe(count);
  });
});

describe('a large input', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'capan-pool-'));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const file = join(scratch, 'talk.pcap');
  const count = 1_000;
  beforeAll(() => writeFileSync(file, writePcap(frames(count))));

  it.each([
    ['wholly on the main thread, where it is quicker', 'dissect-worker.cjs', 0],
    ['by the worker from where the main thread stands when it comes up', 'dissect-worker.cjs', 40],
    ['wholly on the main thread, where no worker can start', 'stillborn-worker.cjs', 40],
  ])('is read %s', async (_, name, pauseMs) => {
    const source = await openCaptureSource([file]);
    // The pool is for inputs of this size; a file of it would take long to write.
    Object.defineProperty(source, 'totalBytes', { value: 2 ** 30 });
    const readHere = vi.spyOn(source, 'fill');
    const { runner, frameFailures } = await runPipeline(source, dissectors, [], {
      threads: 1,
      chunkBytes: 4096,
      workerFile: name === 'dissect-worker.cjs' ? ownWorker : worker(name),
      onConsumed: () => pause(pauseMs),
    });
    expect(frameFailures).toEqual([]);
    expect(runner.quality.frames).toBe(count);
    expect(source.captures[0]).toMatchObject({ frames: count, format: 'pcap' });
    expect(source.segments).toHaveLength(1);
    expect(source.interfaces).toHaveLength(1);
    const chunks = Math.ceil(count / (4096 / 64));
    const isHandedOver = name === 'dissect-worker.cjs' && pauseMs > 0;
    if (isHandedOver) expect(readHere.mock.calls.length).toBeLessThan(chunks);
    else expect(readHere.mock.calls.length).toBeGreaterThanOrEqual(chunks);
  });
});

/** Holds this thread up, as real chunks do. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

describe('a table that is full', () => {
  const narrow = defineDissector({
    protocol: 'narrow',
    carriedBy: { udpPort: [9] },
    observes: { value: 'u8' },
    rowsPerChunk: 5,
    bind(table) {
      return (frame, offset) => {
        const row = table.rows.append(frame);
        table.value[row] = frame.view.getUint8(offset);
      };
    },
  });
  const collected = defineCorrelator({
    name: 'collected',
    reads: narrow,
    order: 'flow',
    create() {
      const seen: number[] = [];
      return {
        consume(batch, _flow, from, to) {
          for (let at = from; at < to; at++) seen.push(batch.columns.value[batch.order[at]]);
        },
        sessions: () => seen,
      };
    },
  });

  it('never grows and never drops a row: the rest of the chunk is dissected in further rounds', async () => {
    const { runner } = await runPipeline(new FrameSource(frames(200)), [narrow], [collected], { threads: 0 });
    expect(runner.sessions().get('collected')).toEqual(Array.from({ length: 200 }, (_, at) => at));
    expect(runner.quality.frames).toBe(200);
  });
});
