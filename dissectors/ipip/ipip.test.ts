import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho, icmpv6Echo } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { echoStreams } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { ipipTunnels } from './correlator.js';
import dissector from './dissector.js';
import view from './tunnel.js';

const IPV4_IN_IP = 4;
const IPV6_IN_IP = 41;
const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const parts = { dissectors: [dissector, icmp], correlators: [echoStreams, ipipTunnels] };
const echo = { identifier: 7, sequence: 1, data: new Uint8Array(32) };

function innerV4(reply = false): Uint8Array {
  const [source, destination] = reply ? ['10.2.0.9', '10.1.0.5'] : ['10.1.0.5', '10.2.0.9'];
  return ip({ source, destination, protocol: IP_PROTOCOL.icmp, payload: icmpEcho({ ...echo, reply }) });
}

function innerV6(): Uint8Array {
  const ends = { source: '2001:db8:1::5', destination: '2001:db8:2::9' };
  return ip({ ...ends, protocol: IP_PROTOCOL.icmpv6, payload: icmpv6Echo(ends, echo) });
}

function packets(...all: readonly [boolean, number, Uint8Array][]): readonly TestFrame[] {
  const t = timeline(START_NS);
  for (const [index, [isForth, protocol, packet]] of all.entries()) {
    t.sendIp(index * 0.01, isForth ? here : there, isForth ? there : here, protocol, packet);
  }
  return t.frames();
}

describe('IP in IP', () => {
  it('follows IPv4 and IPv6 inside, in a tunnel of its own', async () => {
    const frames = packets(
      [true, IPV4_IN_IP, innerV4()],
      [false, IPV4_IN_IP, innerV4(true)],
      [true, IPV6_IN_IP, innerV6()],
    );
    const run = await runFrames(frames, parts);
    const streams = run.sessions(echoStreams);
    expect(streams).toMatchObject([
      { source: '10.1.0.5', requests: 1, replies: 1 },
      { source: '2001:db8:1::5', requests: 1 },
    ]);
    const layers = run.evidence.quality.flows.tunnelLayers(streams[0].stack);
    expect(layers).toEqual([{ kind: 'ipip', low: '192.0.2.1', high: '198.51.100.7', key: 0 }]);
  });

  it('lists the tunnel with its directions, one for each inner version', async () => {
    const frames = packets(
      [true, IPV4_IN_IP, innerV4()],
      [false, IPV4_IN_IP, innerV4(true)],
      [true, IPV6_IN_IP, innerV6()],
    );
    const { evidence } = await runFrames(frames, parts);
    expect([...view.describe(evidence)]).toMatchObject([
      {
        kind: 'ipip',
        facts: { inner: 'IPv4', mtu: { largestInner: 60, largestOuter: 80 } },
        directions: [{ packets: 1, bytes: 80 }, { packets: 1 }],
      },
      { kind: 'ipip', facts: { inner: 'IPv6' }, directions: [{ packets: 1 }] },
    ]);
  });

  it('follows a tunnel in a tunnel', async () => {
    const nested = ip({
      source: '10.9.0.1',
      destination: '10.9.0.2',
      protocol: IPV4_IN_IP,
      payload: innerV4(),
    });
    const run = await runFrames(packets([true, IPV4_IN_IP, nested]), parts);
    const [stream] = run.sessions(echoStreams);
    expect(run.evidence.quality.flows.tunnelLayers(stream.stack)).toHaveLength(2);
  });

  it('survives truncation at every byte and any payload', async () => {
    const [whole] = packets([true, IPV4_IN_IP, innerV4()]);
    const cut = Array.from({ length: whole.bytes.length }, (_, length) => ({
      timeNs: whole.timeNs,
      bytes: whole.bytes.subarray(0, length),
      originalLength: whole.bytes.length,
    }));
    const run = await runFrames(cut, parts);
    expect(run.sessions(echoStreams)).toHaveLength(1);
    expect(run.evidence.quality.truncatedHeaders).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom(IPV4_IN_IP, IPV6_IN_IP),
        async (bytes, protocol) => {
          await runFrames(packets([true, protocol, bytes]), parts);
        },
      ),
      { numRuns: 40 },
    );
  });
});
