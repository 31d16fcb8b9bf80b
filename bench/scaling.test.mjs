import { expect, it } from 'vitest';
import { gainOver } from './scaling.mjs';

it('bounds what more cores gain by the serial work', () => {
  expect(gainOver(1, 3, 1)).toEqual({ apart: 1, together: 1 });
  expect(gainOver(1, 3, 2)).toEqual({ apart: 1.6, together: 2 });
  expect(gainOver(1, 3, 32).together).toBe(4);
  expect(gainOver(1, 3, 32).apart).toBeCloseTo(3.66, 2);
  expect(gainOver(0, 3, 8)).toEqual({ apart: 8, together: 8 });
});
