import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LINK_TYPE } from '../build/link.js';
import { readFrames } from '../build/read-frames.js';
import { isInOrder } from './company.js';
import type { Trace } from './trace.js';

/* The captures that are dressed: those that ship, and those of real tunnels where they are at hand. */

const project = resolve(import.meta.dirname, '../..');
const shipped = join(project, 'captures');
const shared = resolve(project, '../shared/captures');

export interface Sample {
  readonly name: string;
  readonly path: string;
}

/** What these say of themselves in pcapng (their filter, their drops) stands in no frame. */
const SELF_DESCRIBED = ['capture-filter.pcapng', 'capture-kernel-drops.pcapng'];

export const SHIPPED: readonly Sample[] = readdirSync(shipped)
  .filter((file) => /\.pcap(ng)?$/.test(file) && !SELF_DESCRIBED.includes(file))
  .map((name) => ({ name, path: join(shipped, name) }));

/** Why there are none, or null. */
export const sharedMissing: string | null = existsSync(shared) ? null : 'no captures at hand';

export const SHARED: readonly Sample[] = sharedMissing
  ? []
  : ['lab', 'lab2', 'field'].flatMap((collection) =>
      readdirSync(join(shared, collection), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap(({ name }) =>
          readdirSync(join(shared, collection, name))
            .filter((file) => /\.pcap(ng)?$/.test(file))
            .map((file) => ({
              name: `${collection}/${name}/${file}`,
              path: join(shared, collection, name, file),
            })),
        ),
    );

export async function traceOf(path: string): Promise<Trace> {
  const { frames, linkType } = await readFrames(path);
  return { frames: frames.map((frame, index) => ({ ...frame, origin: index + 1 })), linkType };
}

/** Healthy captures that ship, as company for others: none that is silent only because of what its capture lacks. */
export async function healthyTraces(): Promise<readonly Trace[]> {
  const healthy = SHIPPED.filter(({ name }) => name.includes('healthy') && !name.startsWith('vpp-'));
  const traces = await Promise.all(healthy.map(({ path }) => traceOf(path)));
  return traces.filter(
    ({ frames, linkType }) => linkType === LINK_TYPE.ethernet && frames.length > 0 && isInOrder(frames),
  );
}
