import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diffText } from '../report/capture-diff.js';
import { diffCaptures } from './diff.js';

const captures = resolve(import.meta.dirname, '../../captures');

function diff(good: string, bad: string) {
  return diffCaptures(join(captures, good), join(captures, bad), { good, bad });
}

describe('diff', () => {
  it.each(['esp-healthy.pcap', 'vxlan-loss.pcap', 'ike-v2-healthy-nat.pcapng', 'bgp-flap.pcap'])(
    '%s is no other than itself',
    async (name) => {
      const { changes, findings } = await diff(name, name);
      expect(changes).toEqual([]);
      expect(findings).toEqual({ new: [], gone: [] });
    },
  );

  it('findings that are new and gone, and a tunnel that fell silent', async () => {
    const forth = await diff('esp-healthy.pcap', 'esp-one-way.pcap');
    expect(forth.findings.new.map(({ id }) => id)).toEqual(['esp.one-way-spi']);
    expect(forth.changes).toContainEqual({
      tunnel: 'ipsec 192.0.2.1 <-> 198.51.100.7',
      direction: null,
      what: 'state',
      good: 'up',
      bad: 'one-way',
    });
    const back = await diff('esp-one-way.pcap', 'esp-healthy.pcap');
    expect(back.findings.gone.map(({ id }) => id)).toEqual(['esp.one-way-spi']);
  });

  it('segment sizes', async () => {
    const { changes } = await diff('mtu-equal-healthy.pcap', 'mtu-mismatch.pcap');
    expect(changes.map(({ what, good, bad }) => `${what} ${good} ${bad}`)).toContain(
      'b maximumSegmentSize 1410 1460',
    );
  });

  it('says where nothing is common', async () => {
    const result = await diff('dns-healthy.pcap', 'esp-healthy.pcap');
    const text = diffText({ ...result, compared: { tunnels: 0, directions: 0 } });
    expect(text).toContain('nothing can be compared');
  });
});
