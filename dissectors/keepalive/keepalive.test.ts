import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dissector, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_STRONG } from '../../src/dissect/frame-context.js';
import { random } from '../../test/build/bytes.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import {
  beats,
  beatsBack,
  bystander,
  HERE,
  linksOf,
  PARTS,
  start,
  THERE,
} from '../../test/build/scenario-keepalive.js';
import { keepaliveLinks } from './correlator.js';
import { unclaimedUdp } from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;

const seconds = (value: number): number => Math.round(value * 10) / 10;

describe('which datagrams are read', () => {
  const portOwner = defineDissector({
    protocol: 'owner',
    carriedBy: { udpPort: [50_015] },
    observes: { seen: 'u8' },
    bind: (table) => (frame) => {
      table.rows.append(frame);
    },
  });
  const recogniser = defineDissector({
    protocol: 'recogniser',
    carriedBy: {
      udpHeuristic: {
        priority: 1,
        recognise: (frame, at) => (frame.view.getUint8(at) === 7 ? CLAIM_STRONG : 0),
      },
    },
    observes: { seen: 'u8' },
    bind: (table) => (frame) => {
      table.rows.append(frame);
    },
  });

  async function packetsRead(dissectors: readonly Dissector[], t: Timeline): Promise<number> {
    const run = await runFrames(t.frames(), { dissectors, correlators: [keepaliveLinks] });
    const [link] = run.sessions(keepaliveLinks);
    return link ? link.directions[0].packets + link.directions[1].packets : 0;
  }

  it('reads those of ports that nobody owns, and no others', async () => {
    const t = start();
    beats(t, { count: 25 });
    expect(await packetsRead([unclaimedUdp], t)).toBe(25);
    expect(await packetsRead([unclaimedUdp, portOwner], t)).toBe(0);
  });

  it('leaves to a recogniser what it takes', async () => {
    const t = start();
    for (let i = 0; i < 50; i++) t.sendUdp(i, HERE, THERE, new Uint8Array(81).fill(i % 2 === 0 ? 7 : 1));
    expect(await packetsRead([unclaimedUdp, recogniser], t)).toBe(25);
  });

  it('lets one dissector at most take what is unclaimed', async () => {
    const second = defineDissector({ ...portOwner, protocol: 'second', carriedBy: { udpUnclaimed: true } });
    await expect(packetsRead([unclaimedUdp, second], start())).rejects.toThrow('unclaimed UDP is taken');
  });

  it('leaves fragments alone', async () => {
    const t = start();
    for (let i = 0; i < 30; i++) t.sendUdp(i, HERE, THERE, new Uint8Array(2000), { mtu: 1500 });
    expect(await packetsRead([unclaimedUdp], t)).toBe(0);
  });

  it('takes lengths from the wire where the capture cut the frame', async () => {
    const t = start();
    beats(t, { count: 25 });
    const frames = t.frames().map(({ timeNs, bytes }) => ({
      timeNs,
      bytes: bytes.slice(0, 60),
      originalLength: bytes.length,
    }));
    const [link] = (await runFrames(frames, PARTS)).sessions(keepaliveLinks);
    expect(link.directions[1].stream?.longestLength).toBe(81);
  });

  it('never throws, whatever the bytes and wherever they are cut', async () => {
    const t = start();
    beats(t, { count: 1 });
    const [{ bytes }] = t.frames();
    for (let length = 0; length <= bytes.length; length++) {
      const frame = { timeNs: START_NS, bytes: bytes.slice(0, length), originalLength: bytes.length };
      await runFrames([frame], PARTS);
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (payload) => {
        const datagram = start().sendUdp(0, HERE, THERE, payload);
        await runFrames([{ timeNs: START_NS, bytes: datagram, linkType: 101 }], PARTS);
      }),
      { numRuns: 50 },
    );
  });
});

describe('learning', () => {
  it('finds the period among other packets of the same direction', async () => {
    const t = start();
    beats(t, { count: 60, period: 1 });
    for (let at = 3.3; at < 60; at += 5) t.sendUdp(at, HERE, THERE, new Uint8Array(936));
    const [{ directions }] = await linksOf(t);
    const stream = directions[1].stream;
    expect(directions[1].from).toBe('10.0.8.8');
    expect(seconds((stream?.periodNs ?? 0) / 1e9)).toBe(1);
    expect(stream?.packets).toBe(60);
    expect(stream?.ownIndependence).toBeGreaterThan(3);
  });

  it('lets lengths vary by six bytes, not by more', async () => {
    const narrow = start();
    beats(narrow, { count: 40, length: (i) => 79 + (i % 3) });
    const [{ directions }] = await linksOf(narrow);
    expect([directions[1].stream?.shortestLength, directions[1].stream?.longestLength]).toEqual([79, 81]);
    const wide = start();
    beats(wide, { count: 40, length: (i) => 60 + 9 * (i % 5) });
    expect(
      (await linksOf(wide)).flatMap(({ directions }) => directions[1].stream?.packets ?? []),
    ).not.toContain(40);
  });

  it('does not call media and bulk traffic periodic', async () => {
    const t = start();
    for (let i = 0; i < 3000; i++) t.sendUdp(i * 0.02, HERE, THERE, new Uint8Array(172));
    const lengthOf = (): number => Math.round(t.random.between(40, 940));
    for (let i = 0; i < 3000; i++) t.sendUdp(i * 0.01, THERE, HERE, new Uint8Array(lengthOf()));
    expect(await linksOf(t)).toEqual([]);
  });

  it('finds the period after a handshake of many lengths', async () => {
    const t = start();
    for (let i = 0; i < 12; i++) t.sendUdp(i * 0.1, HERE, THERE, new Uint8Array(100 + 40 * i));
    beats(t, { at: 2, count: 60, length: () => 133 });
    const [{ directions }] = await linksOf(t);
    expect(directions[1].stream?.packets).toBeGreaterThan(50);
  });

  it('sees no period in random intervals', async () => {
    const t = start();
    const chance = random(11);
    for (let at = 0; at < 400; at += chance.between(0.5, 1.5)) t.sendUdp(at, HERE, THERE, new Uint8Array(64));
    const exponential = (): number => -Math.log(chance.between(0.001, 1));
    for (let at = 0; at < 400; at += exponential()) t.sendUdp(at, THERE, HERE, new Uint8Array(64));
    const links = await linksOf(t);
    expect(
      links.flatMap(({ directions }) => directions.flatMap(({ stream }) => stream?.periodNs ?? [])),
    ).toEqual([]);
  });

  it('gives the same sessions however the frames are cut into chunks', async () => {
    const t = start();
    beats(t, { count: 50, lost: (i) => i > 30 && i < 35 });
    beatsBack(t, { count: 50 });
    bystander(t, 50);
    const whole = await linksOf(t);
    expect(await linksOf(t, 7)).toEqual(whole);
    expect(await linksOf(t, 1)).toEqual(whole);
  });
});
