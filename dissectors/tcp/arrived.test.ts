import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, LINK_TYPE, linuxSll2 } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { tcp as segmentBytes, type TcpFlag } from '../../test/build/tcp.js';
import correlators from './correlator.js';
import arrived from './diagnoses/arrived-not-acknowledged.js';
import tcp from './dissector.js';

const HERE = { address: '2001:db8::1', port: 443 };
const PEER = { address: '2001:db8::2', port: 50_000 };

interface Options {
  readonly repeats?: number;
  /** Frames of the peer leave again: a router. */
  readonly isForwarded?: boolean;
  /** Nothing of what this host sends is acknowledged either. */
  readonly isDeaf?: boolean;
  readonly isAcknowledged?: boolean;
}

/** The peer repeats a segment of 100 bytes that comes in each time; IPv6, `-i any`. */
async function judge(options: Options = {}): Promise<Judgement[]> {
  const { repeats = 4, isForwarded = false, isDeaf = false, isAcknowledged = false } = options;
  const frames: { timeNs: bigint; bytes: Uint8Array; linkType: number }[] = [];
  const send = (
    seconds: number,
    from: typeof HERE,
    sequence: number,
    acknowledgment: number,
    length = 0,
    flags: readonly TcpFlag[] = ['ACK'],
  ): void => {
    const to = from === HERE ? PEER : HERE;
    const payload = segmentBytes({
      source: from.address,
      destination: to.address,
      sourcePort: from.port,
      destinationPort: to.port,
      sequence,
      acknowledgment,
      flags,
      payload: new Uint8Array(length).fill(7),
    });
    const packet = ip({
      source: from.address,
      destination: to.address,
      protocol: IP_PROTOCOL.tcp,
      payload,
    });
    const packetType = from === HERE || isForwarded ? 4 : 0;
    frames.push({
      timeNs: 1_700_000_000_000_000_000n + BigInt(Math.round(seconds * 1e9)),
      bytes: linuxSll2({
        packetType,
        address: '02:00:00:00:00:01',
        protocol: ETHER_TYPE.ipv6,
        payload: packet,
        interfaceIndex: 2,
      }),
      linkType: LINK_TYPE.linuxSll2,
    });
  };
  send(0, PEER, 100, 0, 0, ['SYN']);
  send(0.001, HERE, 500, 101, 0, ['SYN', 'ACK']);
  send(0.002, PEER, 101, 501);
  send(1, HERE, 501, 101, 50);
  if (!isDeaf) send(1.001, PEER, 101, 551);
  for (let at = 0; at <= repeats; at++) send(2 + at * 0.7, PEER, 101, isDeaf ? 501 : 551, 100);
  if (isAcknowledged) send(9, HERE, 551, 201);
  return (await runFrames(frames, { dissectors: [tcp], correlators })).judge(arrived);
}

describe('tcp.arrived-not-acknowledged', () => {
  it('fires where segments come in three times more and are never acknowledged', async () => {
    expect(await judge()).toMatchObject([
      {
        result: 'problem',
        where: 'receiver',
        direction: { from: PEER.address, to: HERE.address },
        counts: { repeats: 4, bytes: 100 },
      },
    ]);
  });

  it('is silent on a router, where too little is repeated, and where it is acknowledged in the end', async () => {
    expect(await judge({ isForwarded: true })).toMatchObject([{ result: 'healthy' }]);
    expect(await judge({ repeats: 2 })).toMatchObject([{ result: 'healthy' }]);
    expect(await judge({ isAcknowledged: true })).toMatchObject([{ result: 'healthy' }]);
  });

  it('is silent where the peer acknowledges nothing either: then the path may be broken', async () => {
    expect(await judge({ isDeaf: true })).toMatchObject([{ result: 'healthy' }]);
  });
});
