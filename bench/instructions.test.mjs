import { expect, it } from 'vitest';
import { instructionsOf } from './instructions.mjs';

it('reads the count out of what valgrind says', () => {
  const report = '==7==   guest instrs:  1,234,567\n==7==   taken:         23';
  expect(instructionsOf(report)).toBe(1_234_567);
  expect(instructionsOf('==7== Killed')).toBeUndefined();
});
