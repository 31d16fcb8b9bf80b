import fc from 'fast-check';
import { expect, it } from 'vitest';
import { propertyRuns } from '../../../test/sampling.js';
import { FlowStates } from '../flow-states.js';
import { FlowPictures } from './flow-pictures.js';

interface Seen {
  readonly firstFrame: number;
  readonly packets: number[];
}

const flows = { trackStates: <T>(forget: (state: T) => void) => new FlowStates<T>(forget) };

it('keeps the flows that began first, whole, in whatever order a chunk brings them', () => {
  const chunks = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(chunks, (seen) => {
      const kept = new FlowPictures<Seen>({ flows } as never, 4);
      const first = new Map<number, number>();
      const packets = new Map<number, number[]>();
      seen.forEach((chunk, index) => {
        // In each chunk a flow has one packet; they come by the number of the flow, not by that of the frame.
        const frames = new Map(chunk.map((flow, at) => [flow, index * 100 + at]));
        for (const flow of [...chunk].sort((a, b) => a - b)) {
          const frame = frames.get(flow) ?? 0;
          if (!first.has(flow)) first.set(flow, frame);
          packets.set(flow, [...(packets.get(flow) ?? []), frame]);
          kept.of(flow, frame, () => ({ firstFrame: frame, packets: [] }))?.packets.push(frame);
        }
      });
      const wanted = [...first]
        .sort(([, a], [, b]) => a - b)
        .slice(0, 4)
        .map(([flow, firstFrame]) => ({ firstFrame, packets: packets.get(flow) }));
      expect(kept.all()).toEqual(wanted);
    }),
    propertyRuns(300),
  );
});
