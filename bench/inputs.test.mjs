import { describe, expect, it } from 'vitest';
import { captureName, filesToRemove, scaledSpec } from './inputs.mjs';

describe('captures of the rows', () => {
  it('are scaled by bytes or by frames, unless their size is what is measured', () => {
    expect(scaledSpec({ kind: 'mixed', bytes: 1_000 }, 0.02)).toEqual({ kind: 'mixed', bytes: 20 });
    expect(scaledSpec({ kind: 'fat-vxlan', frames: 3, tunnels: 9 }, 0.1)).toMatchObject({
      frames: 1,
      tunnels: 9,
    });
    expect(scaledSpec({ kind: 'mixed', frames: 100, fixed: true }, 0.1).frames).toBe(100);
  });

  it('have one name for each content', () => {
    expect(captureName({ kind: 'mixed', bytes: 1_000_000_000 }, '1')).toBe('mixed-1000000000-1.pcap');
    expect(captureName({ kind: 'mixed', frames: 100 }, '1')).toBe('mixed-100-frames-1.pcap');
    expect(captureName({ kind: 'fat-vxlan', frames: 100, tunnels: 10 }, '2')).toBe(
      'fat-vxlan-100-frames-10-tunnels-2.pcap',
    );
  });
});

describe('room on the disk', () => {
  const files = [
    { name: 'small', bytes: 1 },
    { name: 'large', bytes: 10 },
    { name: 'middle', bytes: 4 },
  ];

  it('is made by removing the largest files, and no more than needed', () => {
    expect(filesToRemove(files, 15, 5, 20)).toEqual([]);
    expect(filesToRemove(files, 15, 6, 20)).toEqual(['large']);
    expect(filesToRemove(files, 15, 18, 20)).toEqual(['large', 'middle']);
  });

  it('is refused where files in use leave too little', () => {
    expect(() => filesToRemove([files[0]], 15, 7, 20)).toThrow('take a smaller --scale');
  });
});
