import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { diffText } from '../report/capture-diff.js';
import { diffCaptures } from './diff.js';

const captures = resolve(import.meta.dirname, '../../captures');
const folder = mkdtempSync(join(tmpdir(), 'capan-diff-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const IP = 14;
const UDP = IP + 20;
const PAYLOAD = UDP + 8;
/** Of most captures that ship. */
const LOCAL = '192.0.2.1';
const PEER = '198.51.100.7';

type Edit = (view: DataView, nth: number) => void;

function diff(good: string, bad: string) {
  return diffCaptures(join(captures, good), join(captures, bad), { good, bad });
}

/** The capture against itself with edited frames: `who: what good -> bad`. */
async function edited(name: string, edit: Edit, timeFactor = 1): Promise<string[]> {
  const bytes = readFileSync(join(captures, name));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let base = -1;
  for (let at = FILE_HEADER, nth = 1; at < bytes.length; nth++) {
    const length = view.getUint32(at + 8, true);
    edit(new DataView(bytes.buffer, bytes.byteOffset + at + RECORD_HEADER, length), nth);
    const micros = view.getUint32(at, true) * 1e6 + view.getUint32(at + 4, true);
    if (base < 0) base = micros;
    const moved = base + (micros - base) * timeFactor;
    view.setUint32(at, Math.floor(moved / 1e6), true);
    view.setUint32(at + 4, Math.floor(moved % 1e6), true);
    at += RECORD_HEADER + length;
  }
  const bad = join(folder, name);
  writeFileSync(bad, bytes);
  const { changes } = await diffCaptures(join(captures, name), bad, { good: name, bad });
  return changes.map(({ tunnel, direction, what, good, bad: is }) => {
    const who = tunnel ?? (direction === null ? '' : `${direction.from} > ${direction.to}`);
    return `${who}: ${what} ${good} -> ${is}`;
  });
}

const sourceOf = (view: DataView): string =>
  [0, 1, 2, 3].map((byte) => view.getUint8(IP + 12 + byte)).join('.');

/** Writes a word and mends the checksum that covers it (RFC 1624). */
function setWord(view: DataView, at: number, value: number, checksumAt: number): void {
  const checksum = view.getUint16(checksumAt);
  let sum = (~checksum & 0xffff) + (~view.getUint16(at) & 0xffff) + value;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  view.setUint16(at, value);
  if (checksum !== 0) view.setUint16(checksumAt, ~sum & 0xffff);
}

const setIpWord = (view: DataView, at: number, value: number): void => setWord(view, IP + at, value, IP + 10);

/** Where bytes stand in a frame, or -1; at an even place or not. */
function find(view: DataView, wanted: readonly number[]): number {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).indexOf(Buffer.from(wanted));
}

describe('diff', () => {
  it.each([
    'esp-healthy.pcap',
    'vxlan-loss.pcap',
    'ike-v2-healthy-nat.pcapng',
    'bgp-flap.pcap',
    'bfd-healthy.pcap',
    'openvpn-healthy.pcap',
    'scion-current-healthy.pcap',
    'dhcp-mtu.pcap',
  ])('%s is no other than itself', async (name) => {
    const { changes, findings } = await diff(name, name);
    expect(changes).toEqual([]);
    expect(findings).toEqual({ new: [], gone: [] });
  });

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
    const told = changes.map(({ what, good, bad }) => `${what} ${good} ${bad}`);
    expect(told.filter((one) => one.startsWith('MSS'))).toHaveLength(1);
    expect(told.find((one) => one.startsWith('MSS'))).toMatch(/ 1410 bytes 1460 bytes$/);
  });

  it('a hop more, and another class, of one side', async () => {
    const changes = await edited('esp-healthy.pcap', (view) => {
      if (sourceOf(view) !== LOCAL) return;
      setIpWord(view, 0, (view.getUint16(IP) & 0xff00) | (46 << 2));
      setIpWord(view, 8, view.getUint16(IP + 8) - 0x0100);
    });
    expect(changes).toContain(`${LOCAL} > ${PEER}: TTL 64 -> 63`);
    expect(changes).toContain(`${LOCAL} > ${PEER}: DSCP 0 -> 46`);
    for (const change of changes) expect(change).toMatch(/^192.0.2.1 > .*: (TTL|DSCP) /);
  });

  it('another router on the way', async () => {
    const changes = await edited('esp-healthy.pcap', (view) => {
      if (sourceOf(view) === LOCAL && view.getUint8(0) === 0) view.setUint8(5, 0x77);
    });
    expect(changes).toContain(`${LOCAL} > ${PEER}: destination MAC 00:00:5e:00:53:fe -> 00:00:5e:00:53:77`);
    for (const change of changes) expect(change).toMatch(/^192.0.2.1 > .*: destination MAC /);
  });

  it('the port of VXLAN', async () => {
    const changes = await edited('vxlan-device-healthy.pcap', (view) => {
      if (view.byteLength > UDP + 4 && view.getUint16(UDP + 2) === 4789)
        setWord(view, UDP + 2, 8472, UDP + 6);
    });
    expect(changes).toEqual([`vxlan 1 ${LOCAL} <-> ${PEER}: ports [4789] -> [8472]`]);
  });

  it('the multiplier and the interval of BFD', async () => {
    const changes = await edited('bfd-healthy.pcap', (view) => {
      if (sourceOf(view) !== LOCAL || view.getUint16(UDP + 2) !== 3784) return;
      setWord(view, PAYLOAD + 2, (5 << 8) | view.getUint8(PAYLOAD + 3), UDP + 6);
      const isUp = view.getUint8(PAYLOAD + 1) >> 6 === 3;
      if (isUp) setWord(view, PAYLOAD + 18, 200_000 & 0xffff, UDP + 6);
      if (isUp) setWord(view, PAYLOAD + 16, 200_000 >> 16, UDP + 6);
    });
    expect(changes.map((one) => one.replace(/^.*: /, ''))).toEqual([
      `detect multiplier of ${LOCAL} 3 -> 5`,
      `required receive interval of ${LOCAL} 300 ms -> 200 ms`,
    ]);
  });

  it('the hold time of BGP', async () => {
    const MARKER = Array.from({ length: 16 }, () => 0xff);
    const changes = await edited('bgp-healthy.pcap', (view) => {
      const at = find(view, MARKER);
      if (at < 0 || view.getUint8(at + 18) !== 1 || sourceOf(view).endsWith('.1')) return;
      setWord(view, at + 22, 180, UDP + 16);
    });
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatch(/^BGP .*: hold time of .* \d+ s -> 180 s$/);
  });

  it('the algorithms of IKE', async () => {
    const changes = await edited('ike-v1-healthy.pcap', (view) => {
      const at = find(view, [0x80, 0x0e, 0x00, 0x80]);
      if (at >= 0) setWord(view, at + 2, 256, UDP + 6);
    });
    expect(changes.map((one) => one.replace(/ of [\d.]+ .*$/, ''))).toEqual([
      expect.stringMatching(/^IKE .*: proposal$/),
      expect.stringMatching(/^IKE .*: choice$/),
    ]);
  });

  it('a timer that runs at half its rate', async () => {
    const changes = await edited('keepalive-healthy.pcap', () => {}, 2);
    expect(changes.filter((one) => one.includes('period of'))).toHaveLength(2);
    expect(changes.find((one) => one.includes('period of'))).toMatch(/1\.0 s -> 2\.0 s$/);
  });

  it('says where nothing is common', async () => {
    const result = await diff('dns-healthy.pcap', 'esp-healthy.pcap');
    const text = diffText({ ...result, compared: { tunnels: 0, directions: 0 } });
    expect(text).toContain('nothing can be compared');
  });
});
