import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../test/build/bytes.js';
import { compareEnds } from '../../test/build/compare-ends.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { VXLAN_PORT, vxlan } from '../../test/build/vxlan.js';

const [NEAR, FAR] = ['10.0.16.17', '10.0.32.15'];
const [CLIENT, SERVER] = ['10.255.0.15', '10.255.0.17'];
const MACS = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
const START_NS = 1_790_000_000_000_000_000n;
const LENGTH = 1000;

interface Transfer {
  readonly seed: number;
  /** Of the packets of the near end, in sent order, those that the capture of the far end drops. */
  readonly dropped: (index: number) => boolean;
  /** Those that are lost on the path and sent again at once. */
  readonly lost?: (index: number) => boolean;
  /** Of the tunnel's packets; two tunnels one in the other. */
  readonly mtu?: number;
  readonly isNested?: boolean;
}

/** A server behind the near end sends 80 segments through a tunnel to a client behind the far end, who acknowledges each. */
function transfer({ seed, dropped, lost = () => false, mtu = 9000, isNested = false }: Transfer) {
  const numbers = random(seed);
  const [a, b]: [TestFrame[], TestFrame[]] = [[], []];
  const counts = { lost: 0, dropped: 0 };
  let identification = 1;
  const put = (frames: TestFrame[], seconds: number, packet: Uint8Array): void => {
    const bytes = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet });
    frames.push({ timeNs: START_NS + BigInt(Math.round(seconds * 1e9)), bytes });
  };
  const around = (inner: Uint8Array, source: string, destination: string, vni: number): Uint8Array => {
    const frame = ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: inner });
    const datagram = { source, destination, sourcePort: 50_000, destinationPort: VXLAN_PORT };
    const payload = udp({ ...datagram, payload: vxlan({ vni, inner: frame }) });
    return ipv4({
      source,
      destination,
      protocol: IP_PROTOCOL.udp,
      identification: identification++,
      payload,
    });
  };
  const send = (
    isNear: boolean,
    seconds: number,
    flags: readonly TcpFlag[],
    sequence: number,
    acknowledgment: number,
    payload: Uint8Array,
    fate = { isLost: false, isDropped: false },
  ): void => {
    const [source, destination] = isNear ? [SERVER, CLIENT] : [CLIENT, SERVER];
    const ports = isNear ? [80, 40_000] : [40_000, 80];
    const segment = tcp({
      source,
      destination,
      sourcePort: ports[0],
      destinationPort: ports[1],
      sequence,
      acknowledgment,
      flags,
      payload,
    });
    const inner = ipv4({
      source,
      destination,
      protocol: IP_PROTOCOL.tcp,
      identification: identification++,
      payload: segment,
    });
    const ends = isNear ? ([NEAR, FAR] as const) : ([FAR, NEAR] as const);
    const once = isNested ? around(inner, '172.16.0.1', '172.16.0.2', 9) : inner;
    for (const piece of fragmentIpv4(around(once, ends[0], ends[1], 1), mtu)) {
      put(isNear ? a : b, seconds, piece);
      if (fate.isLost) counts.lost++;
      else if (fate.isDropped) counts.dropped++;
      else put(isNear ? b : a, seconds + 0.004, piece);
    }
  };
  const none = new Uint8Array(0);
  send(false, 0, ['SYN'], 99, 0, none);
  send(true, 0.01, ['SYN', 'ACK'], 999, 100, none);
  send(false, 0.02, ['ACK'], 100, 1000, none);
  for (let index = 0; index < 80; index++) {
    const seconds = 1 + index * 0.05;
    const sequence = 1000 + index * LENGTH;
    const payload = numbers.bytes(LENGTH);
    if (lost(index))
      send(true, seconds - 0.02, ['ACK'], sequence, 100, payload, { isLost: true, isDropped: false });
    send(true, seconds, ['ACK'], sequence, 100, payload, { isLost: false, isDropped: dropped(index) });
    send(false, seconds + 0.01, ['ACK'], 100, sequence + LENGTH, none);
  }
  send(false, 12, ['FIN', 'ACK'], 100, 1000 + 80 * LENGTH, none);
  send(true, 12.01, ['FIN', 'ACK'], 1000 + 80 * LENGTH, 101, none);
  const inOrder = (frames: TestFrame[]): TestFrame[] => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
  return { ends: { a: inOrder(a), b: inOrder(b) }, counts };
}

async function countsOf(one: Transfer) {
  const { ends, counts } = transfer(one);
  const report = await compareEnds(ends);
  const forward = report.compare?.directions.find(({ sender }) => sender === 'a');
  const alarms = report.findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
  return { counts, said: { lost: forward?.lost, dropped: forward?.notComparable.captureLoss }, alarms };
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = { numRuns: 10 };

describe("the capture's own loss inside a tunnel", () => {
  it('is no loss of the path: the acknowledgments of what the tunnel carries prove that it arrived', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.double({ min: 0.05, max: 0.6, noNaN: true }),
        fc.constantFrom(9000, 700),
        fc.boolean(),
        async (seed, share, mtu, isNested) => {
          const drops = random(seed + 1);
          const gone = Array.from(
            { length: 80 },
            (_, index) => index > 2 && index < 76 && drops.between(0, 1) < share,
          );
          const { counts, said, alarms } = await countsOf({
            seed,
            mtu,
            isNested,
            dropped: (index) => gone[index],
          });
          expect(said).toEqual(counts);
          expect(alarms.filter((id) => id !== 'capture.kernel-drops')).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('is not what a segment that was sent again makes of a loss', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 3, max: 9 }),
        fc.constantFrom(9000, 700),
        async (seed, every, mtu) => {
          const { counts, said } = await countsOf({
            seed,
            mtu,
            dropped: () => false,
            lost: (index) => index % every === 2,
          });
          expect(counts.lost).toBeGreaterThan(5);
          expect(said).toEqual(counts);
        },
      ),
      settings,
    );
  });
});
