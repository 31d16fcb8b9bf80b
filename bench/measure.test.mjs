import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { measure } from './measure.mjs';

const MIB = 1024 * 1024;
const BUSY = `const held = Buffer.alloc(${100 * MIB}, 1); const end = Date.now() + 400; while (Date.now() < end) held[0]++`;
const METHODS = [
  { method: 'GNU time', missing: process.platform !== 'linux' || !existsSync('/usr/bin/time') },
  { method: '/proc', missing: !existsSync('/proc/self/stat') },
];

describe.each(METHODS)('measuring with $method', ({ method, missing }) => {
  it.skipIf(missing)('sees the time and the memory that a program takes', async () => {
    const { wallSeconds, cpuSeconds, peakBytes } = await measure([process.execPath, '-e', BUSY], method);
    expect(wallSeconds).toBeGreaterThan(0.4);
    expect(cpuSeconds).toBeGreaterThan(0.1);
    expect(cpuSeconds).toBeLessThan(wallSeconds * 4);
    expect(peakBytes).toBeGreaterThan(100 * MIB);
    expect(peakBytes).toBeLessThan(400 * MIB);
  });

  it.skipIf(missing)('refuses a program that fails, with its last words', async () => {
    const failing = [process.execPath, '-e', 'console.error("no such capture"); process.exitCode = 2'];
    await expect(measure(failing, method)).rejects.toThrow('ended with 2: no such capture');
  });
});

it('says which program cannot be started', async () => {
  await expect(measure(['/nowhere/capan'], '/proc')).rejects.toThrow('/nowhere/capan cannot be started');
});
