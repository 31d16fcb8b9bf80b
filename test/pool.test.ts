import { describe, expect, it } from 'vitest';
import { dissectors } from '../dissectors/index.js';
import { defineCorrelator } from '../src/correlate/correlator.js';
import { defineDissector } from '../src/dissect/dissector.js';
import { frameNumberOf } from '../src/units.js';
import { runPipeline } from '../src/workers/pipeline.js';
import { FrameSource, type TestFrame } from './build/frame-source.js';
import { timeline } from './build/scenario.js';

const asker = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const answerer = { address: '192.0.2.2', mac: '02:00:00:00:00:02', ttl: 64, port: 9 };

function frames(count: number): readonly TestFrame[] {
  const t = timeline(1_700_000_000_000_000_000n);
  for (let at = 0; at < count; at++) t.sendUdp(at / 1000, asker, answerer, new Uint8Array([at & 0xff]));
  return t.frames();
}

describe('a worker that dies', () => {
  it('costs the frame it died on; that frame is named and the rest counts', async () => {
    const { runner, frameFailures } = await runPipeline(new FrameSource(frames(12)), dissectors, [], {
      threads: 1,
      workerFile: new URL('./build/mortal-worker.cjs', import.meta.url),
    });
    expect(frameFailures.map(({ frame }) => frameNumberOf(frame))).toEqual([6]);
    expect(runner.quality.frames).toBe(11);
  });
});

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
