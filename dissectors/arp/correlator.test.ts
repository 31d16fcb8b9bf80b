import { describe, expect, it } from 'vitest';
import { type Arp, arp as packet } from '../../test/build/arp.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { udp } from '../../test/build/udp.js';
import { vxlan as vxlanBytes } from '../../test/build/vxlan.js';
import vxlan from '../vxlan/dissector.js';
import correlators, { type ArpPair, arpPairs } from './correlator.js';
import arp from './dissector.js';

const A = { mac: '02:00:00:00:00:0a', address: '10.1.0.1' };
const B = { mac: '02:00:00:00:00:0b', address: '10.1.0.2' };
const REQUEST: Arp = { operation: 1, senderMac: A.mac, senderAddress: A.address, targetAddress: B.address };
const REPLY: Arp = {
  operation: 2,
  senderMac: B.mac,
  senderAddress: B.address,
  targetMac: A.mac,
  targetAddress: A.address,
};

function inEthernet(message: Arp): Uint8Array {
  const destination = message.operation === 1 ? 'ff:ff:ff:ff:ff:ff' : A.mac;
  return ethernet({
    source: message.senderMac,
    destination,
    etherType: ETHER_TYPE.arp,
    payload: packet(message),
  });
}

function inTunnel(message: Arp, source: string, destination: string): Uint8Array {
  const payload = vxlanBytes({ vni: 5, inner: inEthernet(message) });
  const datagram = udp({ source, destination, sourcePort: 50_000, destinationPort: 4789, payload });
  const outer = ip({ source, destination, protocol: IP_PROTOCOL.udp, payload: datagram });
  return ethernet({ source: A.mac, destination: B.mac, etherType: ETHER_TYPE.ipv4, payload: outer });
}

async function pairsOf(...frames: Uint8Array[]): Promise<readonly ArpPair[]> {
  const timed = frames.map(
    (bytes, index): TestFrame => ({
      timeNs: 1_772_489_645_000_000_000n + BigInt(index) * 1_000_000_000n,
      bytes,
    }),
  );
  return (await runFrames(timed, { dissectors: [arp, vxlan], correlators })).sessions(arpPairs);
}

describe('ARP pairs', () => {
  it('match a reply to its request', async () => {
    const pairs = await pairsOf(inEthernet(REQUEST), inEthernet(REPLY));
    expect(pairs).toMatchObject([
      {
        stack: 0,
        outer: null,
        asker: A.address,
        target: B.address,
        requests: 1,
        replies: 1,
        open: { count: 0, first: null },
        askerMacs: [{ mac: A.mac, packets: 1 }],
        targetMacs: [{ mac: B.mac, packets: 1 }],
      },
    ]);
  });

  it('count what is asked after the last reply', async () => {
    const [pair] = await pairsOf(...[REQUEST, REPLY, REQUEST, REQUEST, REQUEST].map(inEthernet));
    expect(pair).toMatchObject({
      requests: 4,
      replies: 1,
      open: { count: 3, first: { frame: 3 }, last: { frame: 5 } },
    });
  });

  it('know the tunnel that they were asked in, and who asked', async () => {
    const [high, low] = ['198.51.100.7', '192.0.2.1'];
    const [pair, ...others] = await pairsOf(inTunnel(REQUEST, high, low), inTunnel(REPLY, low, high));
    expect(others).toEqual([]);
    expect(pair).toMatchObject({ outer: { from: high, to: low }, requests: 1, replies: 1 });
    expect(pair.stack).toBeGreaterThan(0);
  });

  it('do not hold announcements and probes, which ask nothing', async () => {
    const announcement = { ...REQUEST, targetAddress: A.address };
    const probe = { ...REQUEST, senderAddress: '0.0.0.0' };
    expect(await pairsOf(inEthernet(announcement), inEthernet(probe))).toEqual([]);
  });
});
