import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareEnds } from '../../test/build/compare-ends.js';
import { type NatPath, natEnds } from '../../test/build/nat-path.js';

async function expectExact(path: NatPath): Promise<void> {
  const ends = natEnds(path);
  const report = await compareEnds(ends);
  const total = (sender: string, count: 'sent' | 'lost' | 'receivedOnly'): number =>
    (report.compare?.directions ?? [])
      .filter((one) => one.sender === sender)
      .reduce((sum, one) => sum + one[count], 0);
  expect({
    forward: { sent: total('a', 'sent'), lost: total('a', 'lost') },
    backward: { sent: total('b', 'sent'), lost: total('b', 'lost') },
    receivedOnly: total('a', 'receivedOnly') + total('b', 'receivedOnly'),
  }).toEqual({ forward: ends.forward, backward: ends.backward, receivedOnly: 0 });
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = { numRuns: 12 };

describe('a NAT mapping', () => {
  it('changes in time: nothing of either is counted as lost that is not', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(0, 0.05),
        fc.boolean(),
        async (seed, rebindings, loss, isUnnumbered) => {
          await expectExact({ seed, clients: 1, captured: 1, rebindings, loss, isUnnumbered });
        },
      ),
      settings,
    );
  });

  it('is one of several behind one address: packets of other clients are neither sent nor lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 2, max: 5 }),
        fc.constantFrom(0, 2),
        fc.constantFrom(0, 0.05),
        fc.boolean(),
        async (seed, clients, rebindings, loss, isUnnumbered) => {
          await expectExact({ seed, clients, captured: 1, rebindings, loss, isUnnumbered });
        },
      ),
      settings,
    );
  });

  it('may give the port of one client to another one, both of which are captured', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.constantFrom(0, 0.05), async (seed, loss) => {
        const path = { seed, clients: 3, captured: 3, rebindings: 3, loss, isUnnumbered: false };
        await expectExact({ ...path, reusesPorts: true });
      }),
      settings,
    );
  });
});
