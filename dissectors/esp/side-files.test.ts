import { describe, expect, it } from 'vitest';
import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import { type Configuration, readConfiguration } from '../../src/side-files/configuration.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { runFrames } from '../../test/build/run-capture.js';
import { espExchange, ping, type Timeline, timeline } from '../../test/build/scenario.js';
import { espTunnelOf, ikev2Handshake } from '../../test/build/scenario-ike.js';
import { factsIn, knowledge } from '../../test/build/side-knowledge.js';
import { catalogue, dissectors } from '../index.js';
import ikeLogs, { type IkeLog } from '../isakmp/side-files/ike-log.js';
import plaintextLeak from './diagnoses/plaintext-leak.js';
import spiMismatch from './diagnoses/spi-mismatch.js';

const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const inside = { ...here, address: '10.1.0.30', ttl: 63 };
const remote = { ...there, address: '10.2.0.30', ttl: 56 };
const PEERS = { initiator: here, responder: there };
const SPIS = { toResponder: 0xaa6f_a19a, toInitiator: 0xa2f3_b68d };
const correlators = catalogue.flatMap((entry) => entry.correlators);

/** What the operator says. */
interface Said {
  readonly configuration?: Configuration;
  readonly logs?: readonly IkeLog[];
}

async function judge(
  diagnosis: Diagnosis,
  said: Said,
  build: (t: Timeline) => void,
  change: (frame: TestFrame) => TestFrame = (frame) => frame,
): Promise<Judgement[]> {
  const t = timeline(1_700_000_000_000_000_000n);
  build(t);
  const frames = t.frames().map(change);
  const run = await runFrames(
    frames,
    { dissectors, correlators },
    undefined,
    knowledge(said.configuration).add(ikeLogs, said.logs ?? []),
  );
  return run.judge(diagnosis);
}

function exchange(t: Timeline, spis = SPIS, at = 1): void {
  espExchange(t, espTunnelOf(PEERS, spis), { at, seconds: 30, intervalMs: 900 });
}

describe('esp.spi-mismatch', () => {
  const hex = (spi: number): string => spi.toString(16).padStart(8, '0');
  function logOf(...pairs: (readonly [number, number])[]): Said {
    const lines = pairs.map(
      ([out, back]) => `"net" #2: IPsec SA established {ESP=>0x${hex(out)} <0x${hex(back)} xfrm=AES}`,
    );
    return { logs: factsIn(ikeLogs, lines) };
  }
  const wrong = { ...SPIS, toInitiator: 0x51e0_774c };

  it('is healthy with the log of either side', async () => {
    const ours = logOf([SPIS.toResponder, SPIS.toInitiator]);
    const theirs = logOf([SPIS.toInitiator, SPIS.toResponder]);
    expect(await judge(spiMismatch, ours, exchange)).toMatchObject([{ result: 'healthy' }]);
    expect(await judge(spiMismatch, theirs, exchange)).toMatchObject([{ result: 'healthy' }]);
  });

  it('names both SPIs and who sends the wrong one', async () => {
    const [judgement] = await judge(spiMismatch, logOf([SPIS.toResponder, SPIS.toInitiator]), (t) =>
      exchange(t, wrong),
    );
    expect(judgement).toMatchObject({
      result: 'problem',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      subject: { spi: '0x51e0774c' },
    });
    expect(judgement).toHaveProperty('explanation', expect.stringContaining('0xa2f3b68d'));
  });

  it('is not judged with the log of another time', async () => {
    expect(await judge(spiMismatch, logOf([1, 2]), exchange)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('None of the SPIs') },
    ]);
  });

  it('is not judged across a rekey in the capture', async () => {
    const log = logOf([SPIS.toResponder, SPIS.toInitiator]);
    const rekeyed = await judge(spiMismatch, log, (t) => {
      exchange(t, wrong);
      ikev2Handshake(t, PEERS, { at: 20 });
    });
    expect(rekeyed).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is not judged where several tunnels run between the gateways', async () => {
    const parallel = await judge(spiMismatch, logOf([SPIS.toResponder, 0x7777_7777]), (t) => {
      exchange(t);
      exchange(t, { toResponder: 0x1111_1111, toInitiator: 0x2222_2222 }, 1.3);
    });
    expect(parallel).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is not judged where nothing answers under the other SPI', async () => {
    const unrelated = await judge(spiMismatch, logOf([SPIS.toResponder, SPIS.toInitiator]), (t) => {
      const { forth, back } = espTunnelOf(PEERS, wrong);
      espExchange(
        t,
        { forth, back: { ...forth, spi: 0x3333_3333 } },
        { at: 1, seconds: 1, intervalMs: 2000 },
      );
      for (let i = 0; i < 12; i += 1) {
        espExchange(t, { forth, back: forth }, { at: 2 + i * 2.5, seconds: 0.9, intervalMs: 900 });
        espExchange(t, { forth: back, back }, { at: 4.3 + i * 2.5, seconds: 0.1, intervalMs: 100 });
      }
    });
    expect(unrelated.map(({ result }) => result)).not.toContain('problem');
  });

  it('says nothing without a log, nor about the log of another peer', async () => {
    expect(await judge(spiMismatch, {}, exchange)).toEqual([]);
    const logs = factsIn(ikeLogs, [
      '"net"[1] 203.0.113.9 #2: IPsec SA established {ESP=>0x01020304 <0x05060708 x}',
    ]);
    expect(logs).toHaveLength(1);
    expect(await judge(spiMismatch, { logs }, exchange)).toEqual([]);
  });
});

describe('esp.plaintext-leak', () => {
  const ipsec = [{ gateways: [here.address, there.address], networks: [['10.1.0.0/16'], ['10.2.0.0/16']] }];
  const configuration = readConfiguration('ipsec.json', { ipsec }, { diagnoses: [], tunnelKinds: [] });
  const leak = (t: Timeline): void => {
    exchange(t);
    ping(t, inside, remote, { at: 40, count: 6, identifier: 7, answered: false });
  };
  /** Direction marks as the capture on the first gateway has them. */
  const onGateway = (frame: TestFrame): TestFrame => ({
    ...frame,
    marks: frame.bytes[11] === 1 ? MARK_OUTBOUND : MARK_INBOUND,
  });

  it('finds cleartext that leaves while no ESP does', async () => {
    expect(await judge(plaintextLeak, { configuration }, leak, onGateway)).toMatchObject([
      {
        result: 'problem',
        confidence: 'high',
        direction: { from: '192.0.2.1', to: '198.51.100.7' },
        counts: { packets: 6, espPackets: 0 },
        displayFilter: '(ip.src == 10.1.0.30 && ip.dst == 10.2.0.30)',
      },
    ]);
  });

  it('is not judged where the capture point is not known', async () => {
    expect(await judge(plaintextLeak, { configuration }, leak)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('--local') },
    ]);
  });

  it('takes what came from the peer for decrypted', async () => {
    const decrypted = (t: Timeline): void => {
      exchange(t);
      ping(t, remote, inside, { at: 40, count: 6, identifier: 7, answered: false });
    };
    expect(await judge(plaintextLeak, { configuration }, decrypted, onGateway)).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('is not judged where as much ESP leaves at the same time', async () => {
    const oneArmed = (t: Timeline): void => {
      exchange(t);
      ping(t, inside, remote, { at: 2, count: 20, identifier: 7, answered: false });
    };
    expect(await judge(plaintextLeak, { configuration }, oneArmed, onGateway)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('external interface alone') },
    ]);
  });

  it('is healthy without cleartext, and asks for ESP where there is none', async () => {
    expect(await judge(plaintextLeak, { configuration }, exchange, onGateway)).toMatchObject([
      { result: 'healthy' },
    ]);
    const noEsp = (t: Timeline): void => void ping(t, inside, remote, { at: 1, count: 6, identifier: 7 });
    expect(await judge(plaintextLeak, { configuration }, noEsp, onGateway)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('No ESP runs') },
    ]);
  });

  it('says nothing without a configuration', async () => {
    expect(await judge(plaintextLeak, {}, leak, onGateway)).toEqual([]);
  });
});
