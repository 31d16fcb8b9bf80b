import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zeros } from '../../test/build/bytes.js';
import { ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet, vlan } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import arpCorrelators from '../arp/correlator.js';
import arp from '../arp/dissector.js';
import gatewayMismatch from '../vxlan/diagnoses/gateway-mismatch.js';
import macMismatch from '../vxlan/diagnoses/mac-mismatch.js';
import correlators, { linkLanes } from './correlator.js';
import eth from './dissector.js';

const CONTAINER = 'ee:ee:0a:ff:52:43';
const HOST = 'aa:aa:0a:ff:52:43';
const ROUTER = '02:00:00:00:00:01';

interface Sent {
  readonly source: string;
  readonly destination: string;
  readonly from: string;
  readonly to: string;
}

function frameOf({ source, destination, from, to }: Sent): Uint8Array {
  const payload = ip({ source: from, destination: to, protocol: 253, payload: zeros(4) });
  const etherType = from.includes(':') ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4;
  return ethernet({ source, destination, etherType, payload });
}

function run(frames: readonly Uint8Array[], framesPerChunk?: number) {
  const timed = frames.map((bytes, i) => ({
    timeNs: 1_772_489_645_000_000_000n + BigInt(i) * 100_000_000n,
    bytes,
  }));
  const parts = { dissectors: [eth, arp], correlators: [...correlators, ...arpCorrelators] };
  return runFrames(timed, parts, framesPerChunk);
}

/** Requests of a container and their answers, between the MAC addresses of its link. */
function link(container: string, host: string, address = '10.255.82.67', count = 3): Uint8Array[] {
  return Array.from({ length: count }, () => [
    frameOf({ source: container, destination: host, from: address, to: '192.0.2.53' }),
    frameOf({ source: host, destination: container, from: '192.0.2.53', to: address }),
  ]).flat();
}

const found = (judgements: readonly { readonly result: string }[]) =>
  judgements.filter(({ result }) => result === 'problem');

describe('lanes of a link', () => {
  it('hold both MAC addresses, source and destination, of IPv4 and IPv6', async () => {
    const six = { source: CONTAINER, destination: HOST, from: '2001:db8::1', to: '2001:db8::2' };
    const { sessions } = await run([...link(CONTAINER, HOST), frameOf(six), frameOf(six)]);
    expect(
      sessions(linkLanes).map(({ sourceMac, destinationMac, source, destination, packets, first, last }) => [
        `${sourceMac} ${destinationMac} ${source} ${destination}`,
        packets,
        first.frame,
        last.frame,
      ]),
    ).toEqual([
      [`${CONTAINER} ${HOST} 10.255.82.67 192.0.2.53`, 3, 1, 5],
      [`${HOST} ${CONTAINER} 192.0.2.53 10.255.82.67`, 3, 2, 6],
      [`${CONTAINER} ${HOST} 2001:db8::1 2001:db8::2`, 2, 7, 8],
    ]);
  });

  it('are the same however the capture is cut in chunks', async () => {
    const frames = [...link(CONTAINER, HOST), ...link(CONTAINER, ROUTER), ...link(CONTAINER, HOST)];
    const whole = (await run(frames)).sessions(linkLanes);
    expect(whole).toHaveLength(4);
    for (const size of [1, 2, 5]) expect((await run(frames, size)).sessions(linkLanes)).toEqual(whole);
  });

  it('are read behind a VLAN tag, and not of ordinary MAC addresses or those of one repeated byte', async () => {
    const packet = ip({
      source: '10.255.82.67',
      destination: '192.0.2.53',
      protocol: 253,
      payload: zeros(8),
    });
    const tagged = ethernet({
      source: CONTAINER,
      destination: HOST,
      etherType: ETHER_TYPE.vlan,
      payload: vlan({ vid: 7, etherType: ETHER_TYPE.ipv4, payload: packet }),
    });
    expect((await run([tagged])).sessions(linkLanes)).toHaveLength(1);
    const ordinary = [...link(ROUTER, '02:00:00:00:00:02'), ...link('ee:ee:ee:ee:ee:ee', ROUTER)];
    expect((await run(ordinary)).sessions(linkLanes)).toEqual([]);
  });

  it('survive frames cut at any byte, and random bytes behind the header', async () => {
    const [frame] = link(CONTAINER, HOST);
    const cuts = Array.from({ length: frame.length }, (_, length) => frame.slice(0, length));
    expect((await run(cuts)).sessions(linkLanes).length).toBeLessThanOrEqual(1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (payload) => {
        const bytes = ethernet({ source: CONTAINER, destination: HOST, etherType: ETHER_TYPE.ipv4, payload });
        expect((await run([bytes])).sessions(linkLanes).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 20 },
    );
  });
});

describe('silk on the link of one container', () => {
  it('tells that both ends have MAC addresses of another address, in one finding', async () => {
    const { judge } = await run(link('ee:ee:0a:ff:52:44', 'aa:aa:0a:ff:52:44'));
    const [problem, ...others] = found(judge(macMismatch));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      subject: { address: '10.255.82.67', mac: 'ee:ee:0a:ff:52:44' },
      explanation: expect.stringContaining('which encode 10.255.82.68'),
    });
  });

  it('tells that the host side is that of another container, where the container is right', async () => {
    const other = link('ee:ee:0a:ff:52:46', 'aa:aa:0a:ff:52:46', '10.255.82.70');
    const { judge } = await run([...link(CONTAINER, 'aa:aa:0a:ff:52:99'), ...other]);
    expect(found(judge(macMismatch))).toMatchObject([{ subject: { mac: 'aa:aa:0a:ff:52:99' } }]);
  });

  it.each([
    ['a link as silk sets it up', link(CONTAINER, HOST)],
    ['MAC addresses of that form and no other sign of silk', link('ee:ee:0a:ff:52:44', ROUTER)],
    [
      'a container that forwards for others',
      [...link(CONTAINER, HOST), ...link(CONTAINER, HOST, '172.17.0.2')],
    ],
    [
      'the device of a cell, which sends for all its containers',
      [
        ...link('ee:ee:0a:ff:52:00', 'ee:ee:0a:ff:90:00'),
        ...link('ee:ee:0a:ff:52:00', 'ee:ee:0a:ff:90:00', '10.255.82.70'),
      ],
    ],
    [
      'IPv6, whose addresses no MAC address of silk encodes',
      [...link(CONTAINER, HOST), ...link(CONTAINER, HOST, 'fe80::1')],
    ],
  ])('is silent about %s', async (_, frames) => {
    const { judge } = await run(frames);
    expect(found([...judge(macMismatch), ...judge(gatewayMismatch)])).toEqual([]);
  });

  it('tells that a container sends to another neighbour than its host side', async () => {
    const { judge } = await run([
      ...link('ee:ee:0a:ff:52:46', 'aa:aa:0a:ff:52:46', '10.255.82.70'),
      ...link(CONTAINER, ROUTER),
    ]);
    expect(found(judge(gatewayMismatch))).toMatchObject([
      { subject: { endpoints: ['10.255.82.67', '169.254.0.1'] }, counts: { requests: 3 } },
    ]);
  });
});
