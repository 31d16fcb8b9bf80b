import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { frameText } from '../report/frame-view.js';
import { viewsOf } from './show.js';
import { showOptions } from './show-options.js';

const captures = resolve(import.meta.dirname, '../../captures');

describe('show', () => {
  it('layers inside a tunnel, the session and the findings that a frame serves', async () => {
    const [view] = await viewsOf(join(captures, 'vxlan-no-return.pcap'), [35]);
    expect(view.packets.map(({ source, destination, depth }) => `${depth} ${source} ${destination}`)).toEqual(
      ['0 192.0.2.1 198.51.100.7', '1 10.255.82.0 10.255.144.0'],
    );
    // The port in the packet, which is none of the flow's.
    expect(view.packets[0].sourcePort).toBe(64_926);
    expect(view.packets[1].inside).toEqual([{ kind: 'vxlan', key: 1, ends: ['192.0.2.1', '198.51.100.7'] }]);
    expect(view.tunnels).toEqual(['vxlan-1']);
    expect(view.sessions.some(({ of, namesFrame }) => of === 'echo' && namesFrame)).toBe(true);
    const serves = view.findings.find(({ id }) => id === 'vxlan.no-return');
    expect(serves?.why).toContain('first request without an answer');
    expect(frameText([view], 'x.pcap')).toContain('flow        vxlan 1 | ICMP 10.255.82.0 <-> 10.255.144.0');
  });

  it('fields as people read them', async () => {
    const [esp] = await viewsOf(join(captures, 'esp-one-way.pcap'), [81]);
    expect(esp.messages[0].fields).toMatchObject({ spi: '0xc8a417e9', sequence: 34 });
    const [arp] = await viewsOf(join(captures, 'ike-psk-mismatch-v1.pcap'), [1]);
    expect(arp.messages[0].fields).toMatchObject({
      senderAddress: '192.0.2.1',
      senderMac: '00:00:5e:00:53:0a',
    });
  });

  it('frames in order, ranges, and one line for those that are not there', async () => {
    expect(showOptions({}, ['f', '5', '1-3']).frames).toEqual([1, 2, 3, 5]);
    expect(() => showOptions({}, ['f'])).toThrow('capan show FILE');
    expect(() => showOptions({}, ['f', 'x'])).toThrow("'x' is no number");
    await expect(viewsOf(join(captures, 'esp-one-way.pcap'), [9999])).rejects.toThrow(
      'there is no frame 9999: the capture has 158 frames',
    );
  });
});
