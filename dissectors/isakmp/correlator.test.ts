import { describe, expect, it } from 'vitest';
import { timerOf } from '../../src/correlate/retransmission-timer.js';
import { random } from '../../test/build/bytes.js';
import { informationalEncrypted } from '../../test/build/ikev1.js';
import { encryptedFragments, encryptedV2 } from '../../test/build/ikev2.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import {
  type IkePeers,
  ikev1AggressiveMode,
  ikev1MainMode,
  ikev1QuickMode,
  ikev2Handshake,
  ikev2Liveness,
  ikev2RekeyChild,
  ikev2Session,
  sendIke,
  sendMainMode,
} from '../../test/build/scenario-ike.js';
import udpencap from '../udpencap/dissector.js';
import { type IkeSession, ike } from './correlator.js';
import dissector from './dissector.js';
import { natOf } from './shared/nat-detection.js';

const START_NS = 1_772_489_645_128_461_000n;
const GATEWAY = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 64 };
const PEER = { mac: '00:00:5e:00:53:fe', address: '198.51.100.7', ttl: 57 };
const INSIDE = { ...GATEWAY, address: '10.0.0.2' };
const PEERS: IkePeers = { initiator: GATEWAY, responder: PEER };
const NAT = { inside: '10.0.0.2', outside: '192.0.2.1', port500: 1027, port4500: 61_244 };

async function sessionsOf(
  build: (t: Timeline) => void,
  framesPerChunk?: number,
): Promise<readonly IkeSession[]> {
  const t = timeline(START_NS, 5);
  build(t);
  const run = await runFrames(
    t.frames(),
    { dissectors: [dissector, udpencap], correlators: [ike] },
    framesPerChunk,
  );
  return run.sessions(ike);
}

async function sessionOf(build: (t: Timeline) => void): Promise<IkeSession> {
  const sessions = await sessionsOf(build);
  expect(sessions).toHaveLength(1);
  return sessions[0];
}

describe('an IKE session', () => {
  it('follows main mode and quick mode', async () => {
    const session = await sessionOf((t) => {
      const main = ikev1MainMode(t, PEERS, { at: 1 });
      ikev1QuickMode(t, main, 1.2);
    });
    expect(session).toMatchObject({
      version: 1,
      initiator: '192.0.2.1',
      responder: '198.51.100.7',
      startSeen: true,
      rolesKnown: true,
      messageCount: { initiator: 5, responder: 4 },
    });
    expect(session.established?.frame).toBe(6);
    expect(session.childEstablished.map(({ frame }) => frame)).toEqual([9]);
    expect(session.peers.initiator.proposal?.text).toBe('AES-128, SHA1, DH 14, PSK');
    expect(session.peers.responder.announcesNatTraversal).toBe(true);
  });

  it('follows aggressive mode', async () => {
    const session = await sessionOf((t) => ikev1AggressiveMode(t, PEERS, 1));
    expect(session.established?.frame).toBe(3);
    expect(session.startSeen).toBe(true);
  });

  it('follows IKEv2 with exchanges from both sides', async () => {
    const session = await sessionOf((t) => {
      const handshake = ikev2Handshake(t, PEERS, { at: 1 });
      ikev2RekeyChild(t, handshake, 20);
      ikev2Liveness(t, handshake, 40, 'responder');
    });
    expect(session.exchanges.map(({ exchangeType, from }) => `${exchangeType} ${from}`)).toEqual([
      '34 initiator',
      '35 initiator',
      '36 initiator',
      '37 initiator',
      '37 responder',
    ]);
    expect(session.established?.frame).toBe(4);
    expect(session.childEstablished.map(({ frame }) => frame)).toEqual([4, 6]);
  });

  it('knows the responder from its SA payload where the opening message is missing', async () => {
    const session = await sessionOf((t) => {
      const main = ikev1MainMode(timeline(START_NS), PEERS, { at: 1 });
      for (const name of ['MR1', 'MI2', 'MR2'] as const) sendMainMode(t, 1, main, name);
    });
    expect(session).toMatchObject({ initiator: '192.0.2.1', startSeen: false, rolesKnown: true });
  });

  it('does not guess roles where it is joined in the middle', async () => {
    const session = await sessionOf((t) => {
      const spis = { initiatorSpi: random(1).bytes(8), responderSpi: random(2).bytes(8) };
      sendIke(t, 1, PEERS, 'responder', informationalEncrypted(spis, 7, random(3).bytes(64)));
    });
    expect(session).toMatchObject({ startSeen: false, rolesKnown: false, established: null });
  });

  it('is another one for equal cookies between other hosts', async () => {
    const other = {
      initiator: { ...GATEWAY, address: '203.0.113.1' },
      responder: { ...PEER, address: '203.0.113.2' },
    };
    const sessions = await sessionsOf((t) => {
      const { messages } = ikev2Session(t, PEERS);
      sendIke(t, 1, PEERS, 'initiator', messages.initRequest);
      sendIke(t, 2, other, 'initiator', messages.initRequest);
    });
    expect(sessions.map(({ initiator }) => initiator)).toEqual(['192.0.2.1', '203.0.113.1']);
  });

  it('is the same for any cut into chunks', async () => {
    const build = (t: Timeline): void => {
      const handshake = ikev2Session(t, PEERS, { authRequestLength: 3060 });
      sendIke(t, 1, PEERS, 'initiator', handshake.messages.initRequest);
      sendIke(t, 1.1, PEERS, 'responder', handshake.messages.initResponse);
      sendIke(t, 1.2, PEERS, 'initiator', handshake.messages.authRequest, { mtu: 1500 });
    };
    const whole = await sessionsOf(build);
    for (const framesPerChunk of [1, 2, 3]) expect(await sessionsOf(build, framesPerChunk)).toEqual(whole);
  });
});

describe('transmissions', () => {
  it('are counted, with the rhythm of the daemon', async () => {
    const rhythms = {
      libreswan: [0, 0.5, 1, 2, 4, 8],
      strongSwan: [0, 4, 11.2, 24.16, 47.5],
      openswan: [0, 10, 30, 70],
    };
    for (const [implementation, times] of Object.entries(rhythms)) {
      const session = await sessionOf((t) => {
        const { messages } = ikev2Session(t, PEERS);
        for (const at of times) sendIke(t, at, PEERS, 'initiator', messages.initRequest);
      });
      const [message] = session.exchanges[0].messages;
      expect(message.transmissionCount).toBe(times.length);
      expect(timerOf(message)).toMatchObject({ implementation, confidence: 'high' });
    }
  });

  it('of an unknown rhythm name nobody', async () => {
    const session = await sessionOf((t) => {
      const { messages } = ikev2Session(t, PEERS);
      for (const at of [0, 3, 6, 9]) sendIke(t, at, PEERS, 'initiator', messages.initRequest);
    });
    expect(timerOf(session.exchanges[0].messages[0])?.implementation).toBeNull();
  });

  it('seen on both sides of a NAT count once', async () => {
    const outside = { ...GATEWAY, address: '192.0.2.1' };
    const session = await sessionOf((t) => {
      const inner: IkePeers = { initiator: INSIDE, responder: PEER, nat: { ...NAT, capturedAt: 'inside' } };
      const outer: IkePeers = { initiator: outside, responder: PEER, nat: { ...NAT, capturedAt: 'outside' } };
      const { messages } = ikev2Session(t, inner);
      for (const at of [1, 5]) {
        sendIke(t, at, inner, 'initiator', messages.initRequest);
        sendIke(t, at + 0.0004, outer, 'initiator', messages.initRequest);
      }
    });
    expect(session.exchanges[0].messages[0].transmissionCount).toBe(2);
    expect(session.paths.map((path) => `${path.initiator}:${path.initiatorPort}`)).toEqual([
      '10.0.0.2:500',
      '192.0.2.1:1027',
    ]);
    expect(natOf(session, 'initiator')).toMatchObject({
      state: 'translated',
      addresses: ['10.0.0.2', '192.0.2.1'],
    });
  });

  it('in IP fragments are complete where all fragments came', async () => {
    const session = await sessionOf((t) => {
      const { messages } = ikev2Session(t, PEERS, { authRequestLength: 3060 });
      sendIke(t, 1, PEERS, 'initiator', messages.authRequest, { mtu: 1500 });
      sendIke(t, 5, PEERS, 'initiator', messages.authRequest, { mtu: 1500, lostFragments: [2] });
      sendIke(t, 12, PEERS, 'initiator', messages.authRequest, { mtu: 1500, order: 'reversed' });
    });
    const [message] = session.exchanges[0].messages;
    expect(session.exchanges[0].messages).toHaveLength(1);
    expect(message.transmissions.map(({ isFragmented, isComplete }) => [isFragmented, isComplete])).toEqual([
      [true, true],
      [true, false],
      [true, true],
    ]);
  });

  it('in IKE fragments are one message', async () => {
    const session = await sessionOf((t) => {
      const { spis } = ikev2Session(t, PEERS);
      const parts = [random(1).bytes(900), random(2).bytes(900), random(3).bytes(300)];
      const request = { exchangeType: 35, messageId: 1, originalInitiator: true, response: false };
      const fragments = encryptedFragments(spis, request, parts);
      for (const at of [1, 5]) {
        for (const fragment of fragments.slice(at === 1 ? 0 : 1))
          sendIke(t, at, PEERS, 'initiator', fragment);
      }
    });
    const [message] = session.exchanges[0].messages;
    expect(message).toMatchObject({ fragmentTotal: 3, transmissionCount: 2 });
    expect(message.transmissions.map(({ fragments }) => [...fragments])).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
  });
});

describe('NAT detection', () => {
  const seen = async (nat: IkePeers['nat'], initiator = GATEWAY): Promise<IkeSession> =>
    sessionOf((t) => {
      ikev2Handshake(t, { initiator, responder: PEER, ...(nat && { nat }) }, { at: 1 });
    });

  it('says that there is none where all hashes fit', async () => {
    const session = await seen(undefined);
    expect([natOf(session, 'initiator').state, natOf(session, 'responder').state]).toEqual(['none', 'none']);
    expect(session.natChecks.map(({ source, destination }) => [source, destination])).toEqual([
      ['match', 'match'],
      ['match', 'match'],
    ]);
  });

  it('finds the side behind the NAT from inside, by what its peer sees', async () => {
    const session = await seen({ ...NAT, capturedAt: 'inside' }, INSIDE);
    expect([natOf(session, 'initiator').state, natOf(session, 'responder').state]).toEqual([
      'translated',
      'none',
    ]);
  });

  it('cannot tell a NAT from a forced one where only the source does not fit', async () => {
    const session = await seen({ ...NAT, capturedAt: 'outside' }, { ...GATEWAY, ttl: 63 });
    expect(natOf(session, 'initiator').state).toBe('translated-or-forced');
  });

  it('takes a hash that fits nothing for forced where no router was passed', async () => {
    const session = await seen({ ...NAT, capturedAt: 'outside' }, { ...GATEWAY, ttl: 64 });
    expect(natOf(session, 'initiator').state).toBe('forced');
  });

  it('an initiator that goes on from another address (MOBIKE) is behind none', async () => {
    const session = await sessionOf((t) => {
      const opened = ikev2Handshake(t, { initiator: GATEWAY, responder: PEER }, { at: 1 });
      const moved = {
        ...opened,
        peers: { initiator: { ...GATEWAY, address: '192.0.2.99' }, responder: PEER },
      };
      ikev2Liveness(t, moved, 5, 'initiator');
      ikev2Liveness(t, moved, 9, 'responder');
    });
    expect(session.paths).toHaveLength(2);
    expect([natOf(session, 'initiator').state, natOf(session, 'responder').state]).toEqual(['none', 'none']);
  });

  it('nor one that tries several addresses with the same request', async () => {
    const session = await sessionOf((t) => {
      const { spis } = ikev2Handshake(t, { initiator: GATEWAY, responder: PEER }, { at: 1 });
      const request = { exchangeType: 37, messageId: 2, originalInitiator: true, response: false };
      const probe = encryptedV2(spis, { ...request, encrypted: t.random.bytes(60) });
      for (const address of ['192.0.2.1', '192.0.2.98', '192.0.2.99']) {
        sendIke(t, 5, { initiator: { ...GATEWAY, address }, responder: PEER }, 'initiator', probe);
      }
    });
    expect(natOf(session, 'initiator').state).toBe('none');
  });

  it('is proved by messages of both sides between two pairs of addresses', async () => {
    const session = await sessionOf((t) => {
      const { messages } = ikev2Session(t, { initiator: INSIDE, responder: PEER });
      for (const [at, initiator] of [
        [1, INSIDE],
        [1.0001, GATEWAY],
      ] as const) {
        sendIke(t, at, { initiator, responder: PEER }, 'initiator', messages.initRequest);
        sendIke(t, at + 0.01, { initiator, responder: PEER }, 'responder', messages.initResponse);
      }
    });
    expect(natOf(session, 'initiator')).toMatchObject({
      state: 'translated',
      addresses: [INSIDE.address, GATEWAY.address],
    });
  });

  it('works for IKEv1 with the hash of phase 1', async () => {
    const session = await sessionOf((t) => {
      ikev1MainMode(
        t,
        { initiator: INSIDE, responder: PEER, nat: { ...NAT, capturedAt: 'inside' } },
        { at: 1 },
      );
    });
    expect(natOf(session, 'initiator').state).toBe('translated');
    expect([session.usesPort500, session.usesPort4500]).toEqual([true, true]);
  });
});
