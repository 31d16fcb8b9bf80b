import { describe, expect, it } from 'vitest';
import { MARK_INBOUND } from '../../src/capture/frame-marks.js';
import { mayCause } from '../../src/diagnose/blame-graph.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { u16, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpError } from '../../test/build/icmp.js';
import { informationalClear, informationalEncrypted, transaction } from '../../test/build/ikev1.js';
import {
  EXCHANGE_V2,
  encryptedFragments,
  encryptedV2,
  ikeSaInitRequest,
  ikeSaInitResponse,
  keyExchangeV2,
  notifyV2,
  saV2,
} from '../../test/build/ikev2.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { NOTIFY_V1, NOTIFY_V2 } from '../../test/build/isakmp.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { espExchange, ping, type Timeline, timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev1DeadPeerDetection,
  ikev1MainMode,
  ikev1QuickMode,
  ikev1Session,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Liveness,
  ikev2RekeyChild,
  ikev2Session,
  quickModeMessages,
  sendIke,
  sendMainMode,
} from '../../test/build/scenario-ike.js';
import { espPairs } from '../esp/correlator.js';
import esp from '../esp/dissector.js';
import { icmpErrors } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import udpencap from '../udpencap/dissector.js';
import { ike } from './correlator.js';
import authFailure from './diagnoses/auth-failure.js';
import dpdUnanswered from './diagnoses/dpd-unanswered.js';
import fragmentsIncomplete from './diagnoses/fragments-incomplete.js';
import mi3NeverSent from './diagnoses/mi3-never-sent.js';
import mi3Unanswered from './diagnoses/mi3-unanswered.js';
import mm2Stalled from './diagnoses/mm2-stalled.js';
import natDetected from './diagnoses/nat-detected.js';
import natUndetected from './diagnoses/nat-undetected.js';
import natt4500Blocked from './diagnoses/natt-4500-blocked.js';
import natt4500Local from './diagnoses/natt-4500-local.js';
import noProposal from './diagnoses/no-proposal.js';
import noResponse from './diagnoses/no-response.js';
import notify from './diagnoses/notify.js';
import portUnreachable from './diagnoses/port-unreachable.js';
import quickStalled from './diagnoses/quick-stalled.js';
import repeated from './diagnoses/repeated.js';
import retryLoop from './diagnoses/retry-loop.js';
import v2RequestUnanswered from './diagnoses/v2-request-unanswered.js';
import versionMismatch from './diagnoses/version-mismatch.js';
import dissector from './dissector.js';

const ALL: readonly Diagnosis[] = [
  authFailure,
  dpdUnanswered,
  fragmentsIncomplete,
  mi3NeverSent,
  mi3Unanswered,
  mm2Stalled,
  natDetected,
  natUndetected,
  natt4500Blocked,
  natt4500Local,
  noProposal,
  noResponse,
  notify,
  portUnreachable,
  quickStalled,
  repeated,
  retryLoop,
  v2RequestUnanswered,
  versionMismatch,
];

const START_NS = 1_772_489_645_128_461_000n;
const GATEWAY = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 64 };
const PEER = { mac: '00:00:5e:00:53:fe', address: '198.51.100.7', ttl: 57 };
const PEERS: IkePeers = { initiator: GATEWAY, responder: PEER };
const BACK: IkePeers = { initiator: PEER, responder: GATEWAY };
const BEHIND_NAT: IkePeers = {
  initiator: { ...GATEWAY, address: '10.0.0.2' },
  responder: PEER,
  nat: { inside: '10.0.0.2', outside: '192.0.2.1', port500: 1027, port4500: 61_244, capturedAt: 'inside' },
};

interface Options {
  /** Seconds from the first frame to the last one, so that absence can be judged. */
  readonly until?: number;
  readonly marks?: (frame: number) => number;
  /** The capture has the packets of that IPv4 address alone. */
  readonly onlyFrom?: string;
}

async function run(
  build: (t: Timeline) => void,
  { until, marks, onlyFrom }: Options = {},
): Promise<CaptureRun> {
  const t = timeline(START_NS, 5);
  build(t);
  const bystander = { ...PEER, address: '203.0.113.99' };
  for (const at of until === undefined ? [] : t.beatsUntil(until)) {
    ping(t, PEER, bystander, { at, count: 1, identifier: 9 });
  }
  const isKept = ({ bytes }: TestFrame): boolean =>
    onlyFrom === undefined || bytes.subarray(26, 30).join('.') === onlyFrom;
  const frames = t
    .frames()
    .filter(isKept)
    .map((frame, index) => ({ ...frame, ...(marks && { marks: marks(index + 1) }) }));
  return runFrames(frames, {
    dissectors: [dissector, udpencap, esp, icmp],
    correlators: [ike, espPairs, icmpErrors],
  });
}

/** Findings above info, by id. */
function alarms(capture: CaptureRun): string[] {
  return ALL.filter((diagnosis) =>
    capture
      .judge(diagnosis)
      .some((one) => one.result === 'problem' && (one.severity ?? diagnosis.severity) !== 'info'),
  ).map(({ id }) => id);
}

function problem(capture: CaptureRun, diagnosis: Diagnosis): Problem {
  const found = capture.judge(diagnosis).filter((one): one is Problem => one.result === 'problem');
  expect(found).toHaveLength(1);
  return found[0];
}

function results(judgements: readonly Judgement[]): string[] {
  return judgements.map(({ result }) => result);
}

const sendAll = (t: Timeline, times: readonly number[], message: Uint8Array, peers = PEERS): void => {
  for (const at of times) sendIke(t, at, peers, 'initiator', message);
};

describe('healthy exchanges', () => {
  it.each<[string, (t: Timeline) => void]>([
    [
      'IKEv1 with dead peer detection',
      (t) => {
        const main = ikev1MainMode(t, PEERS, { at: 1 });
        ikev1QuickMode(t, main, 1.1);
        for (const at of [20, 40, 60]) ikev1DeadPeerDetection(t, main, at, 'initiator');
      },
    ],
    [
      'IKEv2 with rekeying and liveness checks',
      (t) => {
        const session = ikev2Handshake(t, PEERS, { at: 1 });
        ikev2RekeyChild(t, session, 20);
        ikev2Liveness(t, session, 40, 'responder');
      },
    ],
    [
      'IKEv2 behind a NAT, with ESP',
      (t) => {
        ikev2Handshake(t, BEHIND_NAT, { at: 1 });
        const tunnel = espTunnelOf(BEHIND_NAT, { toResponder: 0xaa6fa19a, toInitiator: 0xa2f3b68d });
        espExchange(t, tunnel, { at: 2, seconds: 20, intervalMs: 500 });
      },
    ],
    [
      'fast rekeying of the IKE SA',
      (t) => {
        for (let at = 1; at < 60; at += 10) ikev2Handshake(t, PEERS, { at });
      },
    ],
    [
      'a first message that had to be sent twice',
      (t) => {
        const session = ikev2Session(t, PEERS);
        sendAll(t, [1, 1.5], session.messages.initRequest);
        sendIke(t, 1.52, PEERS, 'responder', session.messages.initResponse);
        sendIke(t, 1.53, PEERS, 'initiator', session.messages.authRequest);
        sendIke(t, 1.55, PEERS, 'responder', session.messages.authResponse);
      },
    ],
  ])('%s raise no alarm', async (_, build) => {
    const capture = await run(build, { until: 90 });
    expect(alarms(capture)).toEqual([]);
    expect(results(capture.judge(noResponse))).toEqual(['healthy']);
  });

  it('of EAP have short IKE_AUTH answers in the middle', async () => {
    const capture = await run(
      (t) => {
        const session = ikev2Handshake(t, PEERS, { at: 1, authResponseLength: 400 });
        const auth = { from: 'initiator', exchangeType: EXCHANGE_V2.ikeAuth, requestLength: 100 } as const;
        ikev2Exchange(t, session, { ...auth, at: 1.2, responseLength: 48 });
        ikev2Exchange(t, session, { ...auth, at: 1.4, responseLength: 240 });
      },
      { until: 60 },
    );
    expect(alarms(capture)).toEqual([]);
  });
});

describe('the first message', () => {
  it('without any answer is ike.no-response, with the exact number of sendings', async () => {
    const capture = await run((t) => {
      const { messages } = ikev2Session(t, PEERS);
      sendAll(t, [1, 5, 12.2, 25.2, 48.5], messages.initRequest);
    });
    expect(alarms(capture)).toEqual(['ike.no-response']);
    expect(problem(capture, noResponse)).toMatchObject({
      counts: { transmissions: 5, attempts: 1, answers: 0 },
      confidence: 'medium',
      ongoingAtEnd: true,
    });
    expect(problem(capture, noResponse).explanation).toContain('the timer of strongSwan');
  });

  it('that was just sent cannot be judged', async () => {
    const build = (t: Timeline): void => sendAll(t, [1], ikev2Session(t, PEERS).messages.initRequest);
    const judged = (await run(build, { until: 4 })).judge(noResponse);
    expect(judged).toMatchObject([{ result: 'insufficient-data', neededSeconds: 10 }]);
    expect(results((await run(build, { until: 15 })).judge(noResponse))).toEqual(['problem']);
  });

  it('that is repeated although it is answered gets its answers lost', async () => {
    const capture = await run((t) => {
      const { messages } = ikev2Session(t, PEERS);
      sendAll(t, [1, 5, 12], messages.initRequest);
      for (const at of [1.1, 5.1, 12.1]) sendIke(t, at, PEERS, 'responder', messages.initResponse);
    });
    expect(problem(capture, noResponse)).toMatchObject({
      title: 'IKE answers do not reach the initiator',
      counts: { transmissions: 3, answers: 3 },
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
    });
  });

  it('answered by ICMP is ike.port-unreachable', async () => {
    const capture = await run((t) => {
      const session = ikev1Session(t, PEERS);
      for (const at of [1, 11, 31]) {
        const packet = sendMainMode(t, at, session, 'MI1');
        t.sendIp(at + 0.01, PEER, GATEWAY, IP_PROTOCOL.icmp, icmpError(3, 3, packet));
      }
    });
    expect(problem(capture, portUnreachable)).toMatchObject({
      counts: { errors: 3 },
      confidence: 'high',
      where: 'receiver',
    });
    expect(mayCause(portUnreachable, noResponse)).toBe(true);
  });

  it('kind: a claim that outlives what it rests on: refusals that stop while packets go on', async () => {
    const build = (refusedUntil: number) => (t: Timeline) => {
      const session = ikev1Session(t, PEERS);
      for (let at = 1; at < 40; at += 2) {
        const packet = sendMainMode(t, at, session, 'MI1');
        if (at < refusedUntil) t.sendIp(at + 0.01, PEER, GATEWAY, IP_PROTOCOL.icmp, icmpError(3, 3, packet));
      }
    };
    expect(problem(await run(build(8)), portUnreachable).title).toBe(
      'IKE daemon of the peer was away, and does not answer since',
    );
    expect(problem(await run(build(60)), portUnreachable)).not.toHaveProperty('title');
  });

  it('one ICMP error after an orderly end is none', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      const packet = sendIke(t, 30, PEERS, 'initiator', session.messages.authRequest);
      t.sendIp(30.01, PEER, GATEWAY, IP_PROTOCOL.icmp, icmpError(3, 3, packet));
    });
    expect(results(capture.judge(portUnreachable))).toEqual(['healthy']);
  });

  it('refused with NO_PROPOSAL_CHOSEN is ike.no-proposal', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1, upTo: 'initRequest' });
      const refusal = ikeSaInitResponse(session.spis, [notifyV2(NOTIFY_V2.noProposalChosen)]);
      sendIke(t, 1.1, PEERS, 'responder', refusal);
    });
    expect(alarms(capture)).toEqual(['ike.no-proposal']);
    expect(problem(capture, noProposal).explanation).toContain('AES-CBC-128, PRF SHA2-256, SHA2-256, DH 14');
  });

  it('refused for its group and repeated with the wanted one is information', async () => {
    const capture = await run((t) => {
      const { spis, messages } = ikev2Session(t, PEERS);
      sendIke(t, 1, PEERS, 'initiator', messages.initRequest);
      const wants = ikeSaInitResponse(spis, [notifyV2(NOTIFY_V2.invalidKePayload, u16(19))]);
      sendIke(t, 1.1, PEERS, 'responder', wants);
      const again = ikeSaInitRequest(spis, [saV2(), keyExchangeV2(t.random.bytes(64), 19)]);
      sendIke(t, 1.2, PEERS, 'initiator', again);
      sendIke(t, 1.3, PEERS, 'responder', messages.initResponse);
    });
    expect(alarms(capture)).toEqual([]);
    expect(problem(capture, noProposal).severity).toBe('info');
  });

  it('refused in the version of the peer is ike.version-mismatch, and not silence', async () => {
    const capture = await run((t) => {
      const { messages, spis } = ikev2Session(t, PEERS);
      const refusal = informationalClear(
        { ...spis, responderSpi: zeros(8) },
        0x1c7e_0b52,
        NOTIFY_V1.invalidMajorVersion,
      );
      for (const at of [1, 5, 12]) {
        sendIke(t, at, PEERS, 'initiator', messages.initRequest);
        sendIke(t, at + 0.013, PEERS, 'responder', refusal);
      }
    });
    expect(alarms(capture)).toEqual(['ike.version-mismatch']);
    expect(problem(capture, versionMismatch).explanation).toContain('INVALID-MAJOR-VERSION to IKEv2');
  });

  it('opened in another version by each side is ike.version-mismatch', async () => {
    const capture = await run((t) => {
      for (const at of [1, 11]) sendMainMode(t, at, ikev1Session(t, PEERS), 'MI1');
      sendAll(t, [2, 6], ikev2Session(t, BACK).messages.initRequest, BACK);
    });
    expect(results(capture.judge(versionMismatch))).toEqual(['problem', 'healthy']);
  });
});

describe('main mode', () => {
  it('stops at the second exchange', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MI2' });
      for (const at of [11, 31]) sendMainMode(t, at, session, 'MI2');
    });
    expect(alarms(capture)).toEqual(['ike.mm2-stalled']);
    expect(problem(capture, mm2Stalled).counts).toMatchObject({ transmissions: 3, answers: 0 });
  });

  it('never sends MI3', async () => {
    const build = (t: Timeline): void => {
      const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MR2' });
      sendMainMode(t, 11, session, 'MR2');
    };
    expect(alarms(await run(build, { until: 30 }))).toEqual(['ike.mi3-never-sent']);
    expect(results((await run(build)).judge(mi3NeverSent))).toEqual(['insufficient-data']);
  });

  it('never sends MI3 cannot be said where nothing of the initiator is in the capture', async () => {
    const build = (t: Timeline): void => {
      const session = ikev1MainMode(timeline(START_NS, 5), PEERS, { at: 1, upTo: 'MR2' });
      sendMainMode(t, 1, session, 'MR1');
      for (const at of [2, 12, 32]) sendMainMode(t, at, session, 'MR2');
    };
    const [judged] = (await run(build, { until: 90 })).judge(mi3NeverSent);
    expect(judged).toMatchObject({ result: 'insufficient-data' });
  });

  it('gets no MR3, and MR2 repeated tells that MI3 does not arrive', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MI3' });
      for (const at of [11, 31]) {
        sendMainMode(t, at, session, 'MR2');
        sendMainMode(t, at + 0.01, session, 'MI3');
      }
    });
    expect(alarms(capture)).toEqual(['ike.mi3-unanswered']);
    expect(problem(capture, mi3Unanswered)).toMatchObject({
      where: 'path',
      counts: { transmissions: 3, repeatedAnswers: 3 },
    });
  });

  it('in IP fragments blames fragments before port 4500', async () => {
    const capture = await run(
      (t) => {
        const session = ikev1Session(t, BEHIND_NAT, { encryptedLength: 3040 });
        for (const name of ['MI1', 'MR1', 'MI2', 'MR2'] as const) sendMainMode(t, 1, session, name);
        for (const at of [1.1, 5.1]) sendMainMode(t, at, session, 'MI3', { mtu: 1500 });
      },
      { until: 30 },
    );
    expect(alarms(capture)).toEqual(['ike.mi3-unanswered']);
    expect(problem(capture, mi3Unanswered).explanation).toContain('IP fragments');
  });

  it('finds port 4500 silent', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, BEHIND_NAT, { at: 1, upTo: 'MI3' });
      for (const at of [5, 12]) sendMainMode(t, at, session, 'MI3');
    });
    expect(alarms(capture)).toEqual(['ike.natt-4500-blocked']);
    expect(problem(capture, natt4500Blocked).counts.transmissions).toBe(3);
  });

  it('finds port 4500 silent on the responder itself', async () => {
    const capture = await run(
      (t) => {
        const session = ikev1MainMode(t, BEHIND_NAT, { at: 1, upTo: 'MI3' });
        for (const at of [5, 12]) sendMainMode(t, at, session, 'MI3');
      },
      // Frames 2 and 4 are MR1 and MR2.
      { marks: (frame) => (frame === 2 || frame === 4 ? 0 : MARK_INBOUND) },
    );
    expect(alarms(capture)).toEqual(['ike.natt-4500-local']);
  });

  it.each([
    [NOTIFY_V1.authenticationFailed, 'high'],
    [NOTIFY_V1.payloadMalformed, 'medium'],
  ] as const)('refused with notify %i in clear is ike.auth-failure', async (type, confidence) => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MI3' });
      sendIke(t, 1.1, PEERS, 'responder', informationalClear(session.spis, 5, type));
    });
    expect(alarms(capture)).toEqual(['ike.auth-failure']);
    expect(problem(capture, authFailure).confidence).toBe(confidence);
  });

  it('refused by an encrypted informational on the old port is ike.auth-failure, not a blocked port', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, BEHIND_NAT, { at: 1, upTo: 'MI3' });
      for (const at of [5, 12]) {
        sendMainMode(t, at, session, 'MI3');
        const refusal = informationalEncrypted(session.spis, at, t.random.bytes(64));
        sendIke(t, at + 0.01, BEHIND_NAT, 'responder', refusal);
      }
    });
    expect(alarms(capture)).toEqual(['ike.auth-failure']);
    expect(problem(capture, authFailure).counts.refusals).toBe(2);
  });

  it('started over and over is ike.retry-loop too', async () => {
    const capture = await run(
      (t) => {
        for (const at of [1, 41, 81]) {
          const session = ikev1MainMode(t, PEERS, { at, upTo: 'MI3' });
          sendMainMode(t, at + 10, session, 'MI3');
        }
      },
      { until: 120 },
    );
    expect(alarms(capture)).toEqual(['ike.mi3-unanswered', 'ike.retry-loop']);
    expect(problem(capture, retryLoop).counts.attempts).toBe(3);
    expect(mayCause(mi3Unanswered, retryLoop)).toBe(true);
  });

  it('that moves to port 4500 behind a filter for port 500 cannot be called a loop', async () => {
    const build = (t: Timeline): void => {
      for (let at = 1; at < 60; at += 10) ikev1MainMode(t, BEHIND_NAT, { at, upTo: 'MR2' });
    };
    expect(results((await run(build)).judge(retryLoop))).toEqual(['insufficient-data']);
    const unanswered = (t: Timeline): void => {
      for (let at = 1; at < 60; at += 10) ikev1MainMode(t, BEHIND_NAT, { at, upTo: 'MI3' });
    };
    expect(results((await run(unanswered, { until: 70 })).judge(retryLoop))).toEqual(['problem']);
  });

  it('kind: a claim about a message that nobody saw: the peer answers each attempt, and what must follow is missing', async () => {
    const capture = await run(
      (t) => {
        for (let at = 1; at < 60; at += 10) ikev2Handshake(t, BEHIND_NAT, { at, upTo: 'initResponse' });
      },
      { until: 70 },
    );
    expect(capture.judge(retryLoop)).toMatchObject([
      { result: 'insufficient-data', reason: expect.stringContaining('has to send next is not in it') },
    ]);
  });

  it('kind: a claim about a message that nobody saw: a refused group says nothing of requests that are not there', async () => {
    const capture = await run((t) => {
      const { spis } = ikev2Session(t, PEERS);
      const wants = ikeSaInitResponse(spis, [notifyV2(NOTIFY_V2.invalidKePayload, u16(14))]);
      for (const at of [1, 40]) sendIke(t, at, PEERS, 'responder', wants);
    });
    expect(results(capture.judge(noProposal))).toEqual(['insufficient-data']);
  });

  it('answers an error notify that is nobody else’s: ike.notify', async () => {
    const capture = await run((t) => {
      const main = ikev1MainMode(t, PEERS, { at: 1 });
      sendIke(t, 30, PEERS, 'responder', informationalClear(main.spis, 5, 4));
    });
    expect(alarms(capture)).toEqual(['ike.notify']);
    expect(problem(capture, notify).title).toBe('Peer sent INVALID-COOKIE (4)');
  });
});

describe('phase 2', () => {
  it('without QR1 is ike.quick-stalled', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1 });
      const { QI1 } = quickModeMessages(t, session);
      sendAll(t, [2, 12, 32], QI1);
    });
    expect(alarms(capture)).toEqual(['ike.quick-stalled']);
    expect(problem(capture, quickStalled)).toMatchObject({
      confidence: 'medium',
      counts: { transmissions: 3, informationals: 0 },
    });
  });

  it('answered by an informational is one of low confidence', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1 });
      sendIke(t, 2, PEERS, 'initiator', quickModeMessages(t, session).QI1);
      sendIke(t, 2.01, PEERS, 'responder', informationalEncrypted(session.spis, 77, t.random.bytes(64)));
    });
    expect(problem(capture, quickStalled)).toMatchObject({
      confidence: 'low',
      counts: { informationals: 1 },
    });
  });

  it('that works at the second try is healthy', async () => {
    const capture = await run((t) => {
      const session = ikev1MainMode(t, PEERS, { at: 1 });
      sendAll(t, [2, 12], quickModeMessages(t, session).QI1);
      ikev1QuickMode(t, session, 20);
    });
    expect(alarms(capture)).toEqual([]);
  });

  it('of IKEv2 is refused by a short IKE_AUTH answer', async () => {
    const build = (t: Timeline): void => {
      ikev2Handshake(t, PEERS, { at: 1, authResponseLength: 116 });
    };
    const capture = await run(build, { until: 30 });
    expect(alarms(capture)).toEqual(['ike.quick-stalled']);
    expect(problem(capture, quickStalled)).toMatchObject({
      confidence: 'low',
      title: 'CHILD_SA was refused',
    });
    const withEsp = await run((t) => {
      build(t);
      const tunnel = espTunnelOf(PEERS, { toResponder: 0xaa6fa19a, toInitiator: 0xa2f3b68d });
      espExchange(t, tunnel, { at: 2, seconds: 5, intervalMs: 500 });
    });
    expect(alarms(withEsp)).toEqual([]);
  });
});

describe('IKEv2', () => {
  it.each([52, 68])(
    'refused by an answer of %i bytes, which has room for a notify only, is ike.auth-failure',
    async (authResponseLength) => {
      const capture = await run((t) => ikev2Handshake(t, PEERS, { at: 1, authResponseLength }));
      expect(alarms(capture)).toEqual(['ike.auth-failure']);
    },
  );

  const askForChild = (at: number, responseLength: number) =>
    ({ at, from: 'initiator', exchangeType: 36, requestLength: 180, responseLength }) as const;

  it('a new CHILD_SA that is refused, and no ESP', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      ikev2Exchange(t, session, askForChild(20, 52));
      ikev2Exchange(t, session, {
        at: 50,
        from: 'initiator',
        exchangeType: 37,
        requestLength: 52,
        responseLength: 52,
      });
    });
    expect(alarms(capture)).toEqual(['ike.quick-stalled']);
    expect(problem(capture, quickStalled)).toMatchObject({
      title: 'A new CHILD_SA is refused',
      direction: { from: '192.0.2.1', to: '198.51.100.7' },
    });
  });

  it('a new CHILD_SA that is refused for a moment, or whose error was asked for by an empty request, is none', async () => {
    const again = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      ikev2Exchange(t, session, askForChild(20, 52));
      ikev2Exchange(t, session, askForChild(20.3, 196));
    });
    expect(alarms(again)).toEqual([]);
    const short = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      ikev2Exchange(t, session, { ...askForChild(20, 52), requestLength: 52 });
    });
    expect(alarms(short)).toEqual([]);
  });

  it('a new CHILD_SA that was just refused cannot be judged', async () => {
    const build = (t: Timeline): void => {
      ikev2Exchange(t, ikev2Handshake(t, PEERS, { at: 1 }), askForChild(20, 52));
    };
    expect(results((await run(build, { until: 21 })).judge(quickStalled))).toEqual(['insufficient-data']);
  });

  it('request without a response', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1, upTo: 'authRequest' });
      sendAll(t, [5, 12], session.messages.authRequest);
    });
    expect(alarms(capture)).toEqual(['ike.v2-request-unanswered']);
    expect(problem(capture, v2RequestUnanswered).counts).toEqual({ transmissions: 3, attempts: 1 });
  });

  it('request on port 4500 alone without a response is a blocked port', async () => {
    const capture = await run(
      (t) => {
        const session = ikev2Handshake(t, BEHIND_NAT, { at: 1, upTo: 'authRequest' });
        sendIke(t, 5, BEHIND_NAT, 'initiator', session.messages.authRequest, { floated: true });
      },
      { until: 20 },
    );
    expect(alarms(capture)).toEqual(['ike.natt-4500-blocked']);
  });

  it('kind: a claim about a message that nobody saw: the rest of an attempt before the capture is of the blocked port too', async () => {
    const capture = await run(
      (t) => {
        const before = ikev2Session(t, BEHIND_NAT);
        for (const at of [1, 3, 7])
          sendIke(t, at, BEHIND_NAT, 'initiator', before.messages.authRequest, { floated: true });
        const session = ikev2Handshake(t, BEHIND_NAT, { at: 20, upTo: 'authRequest' });
        sendIke(t, 25, BEHIND_NAT, 'initiator', session.messages.authRequest, { floated: true });
      },
      { until: 60 },
    );
    expect(alarms(capture)).toEqual(['ike.natt-4500-blocked']);
  });

  it('request that lacks a fragment each time', async () => {
    const capture = await run(
      (t) => {
        const session = ikev2Handshake(t, PEERS, { at: 1, upTo: 'initResponse' });
        const request = { exchangeType: 35, messageId: 1, originalInitiator: true, response: false };
        const parts = [900, 900, 300].map((length) => t.random.bytes(length));
        const [first, , third] = encryptedFragments(session.spis, request, parts);
        for (const at of [2, 6]) {
          sendIke(t, at, PEERS, 'initiator', first);
          sendIke(t, at + 0.001, PEERS, 'initiator', third);
        }
      },
      { until: 20 },
    );
    expect(alarms(capture)).toEqual(['ike.fragments-incomplete']);
    expect(problem(capture, fragmentsIncomplete)).toMatchObject({
      counts: { transmissions: 2, fragments: 3, missing: 1 },
    });
  });

  it('liveness check without an answer', async () => {
    const build = (repeatedAfter: readonly number[]) => (t: Timeline) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      const check = { from: 'initiator', exchangeType: 37, requestLength: 52, responseLength: null } as const;
      ikev2Exchange(t, session, { ...check, at: 30, repeatedAfter });
    };
    const capture = await run(build([4, 11]));
    expect(alarms(capture)).toEqual(['ike.dpd-unanswered']);
    expect(problem(capture, dpdUnanswered).counts.transmissions).toBe(3);
    expect(alarms(await run(build([]), { until: 60 }))).toEqual([]);
  });

  it('liveness check of a peer that restarts meanwhile is none', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      const check = { from: 'initiator', exchangeType: 37, requestLength: 52, responseLength: null } as const;
      ikev2Exchange(t, session, { ...check, at: 30, repeatedAfter: [2, 5] });
      ikev2Handshake(t, BACK, { at: 36 });
    });
    expect(alarms(capture)).toEqual([]);
  });

  it('kind: a claim about a message that nobody saw: whose answers are not captured is not asked in vain', async () => {
    const answersAlone = (t: Timeline): void => {
      const { spis } = ikev1MainMode(t, PEERS, { at: 1 });
      for (const at of [4, 11, 24])
        sendIke(t, at, PEERS, 'responder', informationalEncrypted(spis, at, t.random.bytes(64)));
    };
    const capture = await run(answersAlone, { until: 60, onlyFrom: PEER.address });
    expect(alarms(capture)).toEqual([]);
    expect(results(capture.judge(dpdUnanswered))).toEqual(['insufficient-data']);
  });

  it('liveness of IKEv1: three R-U-THERE in vain, two are normal', async () => {
    const build = (times: readonly number[]) => (t: Timeline) => {
      const main = ikev1MainMode(t, PEERS, { at: 1 });
      for (const at of times) {
        sendIke(t, at, PEERS, 'initiator', informationalEncrypted(main.spis, at, t.random.bytes(64)));
      }
    };
    expect(alarms(await run(build([30, 40, 50]), { until: 70 }))).toEqual(['ike.dpd-unanswered']);
    expect(alarms(await run(build([30, 40]), { until: 70 }))).toEqual([]);
    expect(alarms(await run(build([30, 30.1, 30.2]), { until: 70 }))).toEqual([]);
  });
});

describe('NAT', () => {
  it('is information, and healthy where hashes fit', async () => {
    const natted = await run((t) => ikev2Handshake(t, BEHIND_NAT, { at: 1 }));
    expect(problem(natted, natDetected)).toMatchObject({
      confidence: 'high',
      counts: { mismatches: 1, messages: 2 },
    });
    const plain = await run((t) => ikev2Handshake(t, PEERS, { at: 1 }));
    expect(results(plain.judge(natDetected))).toEqual(['healthy']);
  });

  it('that IKE does not notice needs native ESP and a side without NAT traversal', async () => {
    const build = (natTraversal: 'both' | 'initiator', peers: IkePeers) => (t: Timeline) => {
      const session = ikev1MainMode(t, peers, { at: 1, natTraversal });
      ikev1QuickMode(t, session, 1.2);
      const { initiator, responder } = peers;
      const tunnel = espTunnelOf(
        { initiator, responder },
        { toResponder: 0xaa6fa19a, toInitiator: 0xa2f3b68d },
      );
      espExchange(t, tunnel, { at: 2, seconds: 10, intervalMs: 500 });
    };
    const { initiator, responder } = BEHIND_NAT;
    const passed = await run(build('initiator', BEHIND_NAT));
    expect(alarms(passed)).toEqual(['ike.nat-undetected']);
    expect(problem(passed, natUndetected).confidence).toBe('medium');
    expect(alarms(await run(build('both', { initiator, responder })))).toEqual([]);
    expect(alarms(await run(build('initiator', PEERS)))).toEqual([]);
  });
});

describe('one direction alone', () => {
  it('is no silence of the peer where its answers are proved', async () => {
    const capture = await run(
      (t) => {
        const session = ikev2Session(t, PEERS);
        sendAll(t, [1], session.messages.initRequest);
        sendAll(t, [1.1, 5.1, 12.1], session.messages.authRequest);
      },
      { until: 30 },
    );
    expect(alarms(capture)).toEqual([]);
    expect(results(capture.judge(v2RequestUnanswered))).toEqual(['insufficient-data']);
  });
});

describe('XAUTH that never starts', () => {
  const attempts =
    (times: readonly number[], extendedAuthentication?: 'announced' | 'agreed') =>
    (t: Timeline): void => {
      for (const at of times) {
        ikev1MainMode(t, PEERS, { at, ...(extendedAuthentication && { extendedAuthentication }) });
        const bystander = { ...PEER, address: '203.0.113.99' };
        if (at !== times.at(-1)) ping(t, PEER, bystander, { at: at + 1, count: 25, identifier: 9 });
      }
    };

  it('is named where it was agreed on and nothing follows main mode', async () => {
    const found = problem(await run(attempts([1], 'agreed'), { until: 30 }), quickStalled);
    expect(found).toMatchObject({ title: 'XAUTH never starts after main mode', confidence: 'medium' });
    expect(found.explanation).toContain('agreed on XAUTH');
  });

  it('is a warning where both merely announce it, in two attempts', async () => {
    const found = problem(await run(attempts([1, 31], 'announced'), { until: 60 }), quickStalled);
    expect(found).toMatchObject({ severity: 'warning', confidence: 'low', counts: { attempts: 2 } });
  });

  it.each<[string, (t: Timeline) => void]>([
    [
      'one main mode of peers that announce it, as a new IKE SA for old IPsec SAs',
      attempts([1], 'announced'),
    ],
    ['main modes without XAUTH', attempts([1, 40])],
    [
      'XAUTH that starts and waits for the user',
      (t) => {
        const { spis } = ikev1MainMode(t, PEERS, { at: 1, extendedAuthentication: 'agreed' });
        sendIke(t, 1.1, PEERS, 'responder', transaction(spis, 7, t.random.bytes(64)));
      },
    ],
    [
      'ESP that follows',
      (t) => {
        ikev1MainMode(t, PEERS, { at: 1, extendedAuthentication: 'agreed' });
        const tunnel = espTunnelOf(PEERS, { toResponder: 0x1001, toInitiator: 0x1002 });
        espExchange(t, tunnel, { at: 2, seconds: 20, intervalMs: 900 });
      },
    ],
  ])('is silent on %s', async (_, build) => {
    const judged = (await run(build, { until: 80 })).judge(quickStalled);
    expect(results(judged)).not.toContain('problem');
  });

  it('waits for a capture that is long enough', async () => {
    const judged = (await run(attempts([1], 'agreed'), { until: 4 })).judge(quickStalled);
    expect(results(judged)).toEqual(['insufficient-data']);
  });
});

describe('ike.repeated', () => {
  it('counts what was sent again before it was answered', async () => {
    const capture = await run((t) => {
      const { messages } = ikev2Session(t, PEERS);
      sendAll(t, [1, 5, 12.2], messages.initRequest);
      sendIke(t, 12.22, PEERS, 'responder', messages.initResponse);
      sendAll(t, [12.23, 16.23], messages.authRequest);
      sendIke(t, 16.25, PEERS, 'responder', messages.authResponse);
    });
    const found = problem(capture, repeated);
    expect(found.counts).toEqual({ messages: 2, repeats: 3 });
    expect(found.evidence.map(({ frame }) => frame)).toEqual([1, 2, 3, 5, 6]);
    expect(alarms(capture)).toEqual([]);
  });

  it('says nothing where each message was sent once', async () => {
    const capture = await run((t) => {
      ikev2Handshake(t, PEERS, { at: 1 });
      ikev1MainMode(t, PEERS, { at: 20 });
    });
    expect(results(capture.judge(repeated))).toEqual(['healthy']);
  });

  it('takes no answer for received that is asked for again and again', async () => {
    const askedFor = (goesOn: boolean) => (t: Timeline) => {
      const session = ikev2Handshake(t, PEERS, { at: 1, upTo: 'initResponse' });
      for (const at of [2, 6, 13]) {
        sendAll(t, [at], session.messages.authRequest);
        sendIke(t, at + 0.02, PEERS, 'responder', session.messages.authResponse);
      }
      if (goesOn) ikev2Liveness(t, session, 20, 'initiator');
    };
    expect((await run(askedFor(false))).judge(repeated).map(({ result }) => result)).toEqual(['healthy']);
    expect(problem(await run(askedFor(true)), repeated).counts).toEqual({ messages: 1, repeats: 2 });
  });

  it('leaves what was never answered to the finding about that stage, be MR2 repeated beside it', async () => {
    const capture = await run(
      (t) => {
        const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MI3' });
        for (const at of [11, 31]) {
          sendMainMode(t, at, session, 'MR2');
          sendMainMode(t, at + 0.01, session, 'MI3');
        }
      },
      { until: 60 },
    );
    expect(results(capture.judge(repeated))).toEqual([]);
    expect(alarms(capture)).toContain('ike.mi3-unanswered');
  });
});

describe('every diagnosis', () => {
  it('names what it needs to be explained', () => {
    for (const one of ALL) {
      expect(one.id).toMatch(/^ike\./);
      expect(one.rule.length).toBeGreaterThan(20);
      expect(mayCause(one, one)).toBe(false);
      expect([one.causes.length, one.nextSteps.length].every((length) => length > 0)).toBe(true);
    }
  });

  it('cites frames that its filter may find: the cookie of every session', async () => {
    const capture = await run(
      (t) => {
        const { messages } = ikev2Session(t, PEERS);
        sendAll(t, [1, 5], messages.initRequest);
      },
      { until: 10 },
    );
    const found = problem(capture, noResponse);
    const [session] = capture.sessions(ike);
    expect(found.displayFilter).toBe(`isakmp.ispi == ${session.initiatorSpi.replace(/..(?!$)/g, '$&:')}`);
    expect(found.evidence.map(({ frame }) => frame)).toEqual([1, 2]);
  });

  it('stays silent on encrypted messages of an unknown session', async () => {
    const capture = await run(
      (t) => {
        const { spis } = ikev2Session(t, PEERS);
        const answer = { exchangeType: 37, messageId: 9, originalInitiator: false, response: true };
        sendIke(t, 1, PEERS, 'responder', encryptedV2(spis, { ...answer, encrypted: t.random.bytes(48) }));
      },
      { until: 30 },
    );
    expect(alarms(capture)).toEqual([]);
  });
});
