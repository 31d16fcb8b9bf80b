import { describe, expect, it } from 'vitest';
import { Reading } from './read-side-files.js';
import { LINES_MAX } from './text-file.js';

describe('a text of more lines than are read', () => {
  it.each(['take', 'takePaste'] as const)('%s: is read so far, and that is said', async (way) => {
    const reading = new Reading({ readers: [], diagnoses: [], tunnelKinds: [] });
    const content = 'a\n'.repeat(LINES_MAX + 7);
    if (way === 'take') await reading.take('long.log', content, null);
    else await reading.takePaste('long.log', content);
    await reading.takePaste(
      'short.log',
      '5 packets captured\n5 packets received by filter\n0 packets dropped by kernel\n',
    );
    const [long, short] = reading.knowledge.files;
    expect(long?.warning).toContain('7 more lines were left out');
    expect(short?.warning).toBeUndefined();
  });

  it('lets other events in while it is read', async () => {
    const reading = new Reading({ readers: [], diagnoses: [], tunnelKinds: [] });
    const order: string[] = [];
    setImmediate(() => order.push('another event'));
    await reading.take('long.log', 'a\n'.repeat(20_000), null);
    order.push('read');
    expect(order).toEqual(['another event', 'read']);
  });
});
