import { describe, expect, it } from 'vitest';
import { captures, PEERS } from '../../captures/cases/ike-ports.js';
import { NATTED_SITE, PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { EXCHANGE_V2 } from '../../test/build/ikev2.js';
import { runBytes } from '../../test/build/run-bytes.js';
import { runFrames } from '../../test/build/run-capture.js';
import { espExchange, type Timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Session,
  sendIke,
} from '../../test/build/scenario-ike.js';
import espCorrelators from '../esp/correlator.js';
import takenAsIke from '../esp/diagnoses/taken-as-ike.js';
import esp from '../esp/dissector.js';
import udpencap from '../udpencap/dissector.js';
import correlators from './correlator.js';
import blocked from './diagnoses/natt-4500-blocked.js';
import notify from './diagnoses/notify.js';
import portMovedBack from './diagnoses/port-moved-back.js';
import unanswered from './diagnoses/v2-request-unanswered.js';
import dissector from './dissector.js';

const parts = { dissectors: [dissector, udpencap, esp], correlators: [...correlators, ...espCorrelators] };

async function judge(file: string, diagnosis: typeof portMovedBack): Promise<Judgement[]> {
  const sample = captures.find((one) => one.file === file);
  return sample ? (await runBytes([sample.write()], parts)).judge(diagnosis) : [];
}

describe('ike.port-moved-back', () => {
  it('fires where the initiator of a floated SA asks from port 500 and gets no answer', async () => {
    expect(await judge('ike-port-moved-back.pcap', portMovedBack)).toMatchObject([
      { result: 'problem', counts: { sendings: 4, sessions: 1 }, where: 'sender', ongoingAtEnd: true },
    ]);
  });

  it('is information where the answers arrive, and a fault where the request is sent again after them', async () => {
    const severities = [];
    for (const repeatedAfter of [[], [4, 11]]) {
      const t = siteTimeline('moved-back', NATTED_SITE, 60);
      const session = ikev2Handshake(t, PEERS, { at: 2 });
      const exchange = { from: 'initiator', exchangeType: EXCHANGE_V2.informational } as const;
      const sizes = { requestLength: 52, responseLength: 52 };
      for (const at of [20, 40])
        ikev2Exchange(t, { ...session, floated: false }, { ...exchange, ...sizes, at, repeatedAfter });
      const [judged] = (await runFrames(t.frames(), parts)).judge(portMovedBack);
      severities.push(judged.result === 'problem' ? (judged.severity ?? 'error') : judged.result);
    }
    expect(severities).toEqual(['info', 'error']);
  });

  it('is silent about a new SA of the same hosts, which begins on port 500', async () => {
    expect(await judge('ike-new-sa-healthy.pcap', portMovedBack)).toMatchObject([{ result: 'healthy' }]);
  });
});

describe('ike.natt-4500-blocked where the initiator is answered', () => {
  const SPIS = { toResponder: 0xc3a1107e, toInitiator: 0x2f0b9d34 };
  const AT_RESPONDER = { initiator: PUBLIC_SITE.peer, responder: PUBLIC_SITE.local };

  /** IKE_SA_INIT, and IKE_AUTH sent at these times, each time with an answer. */
  async function judged(
    times: readonly number[],
    floated = true,
    more?: (t: Timeline) => void,
  ): Promise<Judgement[]> {
    const t = siteTimeline('answers-lost', PUBLIC_SITE, 60);
    const { messages } = ikev2Session(t, AT_RESPONDER);
    sendIke(t, 2, AT_RESPONDER, 'initiator', messages.initRequest);
    sendIke(t, 2.01, AT_RESPONDER, 'responder', messages.initResponse);
    for (const at of times) {
      sendIke(t, at, AT_RESPONDER, 'initiator', messages.authRequest, { floated });
      sendIke(t, at + 0.01, AT_RESPONDER, 'responder', messages.authResponse, { floated });
    }
    more?.(t);
    const run = await runFrames(t.frames(), parts);
    return [...run.judge(blocked), ...run.judge(unanswered)].filter(({ result }) => result === 'problem');
  }

  it('says that the answers are lost, on port 4500 or on any', async () => {
    const times = [2.1, 6.1, 13.3, 26];
    expect(await judged(times)).toMatchObject([
      { title: 'Answers on UDP 4500 do not arrive', counts: { transmissions: 4, answers: 4 } },
    ]);
    expect(await judged(times, false)).toMatchObject([{ title: 'IKEv2 answers do not reach the initiator' }]);
  });

  it('says nothing where the last of a few may have arrived, or the initiator goes on', async () => {
    expect(await judged([2.1, 6.1, 13.3])).toEqual([]);
    const goesOn = await judged([2.1, 6.1, 13.3, 26], true, (t) => {
      espExchange(t, espTunnelOf(AT_RESPONDER, SPIS), { at: 27, seconds: 5, intervalMs: 500 });
    });
    expect(goesOn).toEqual([]);
  });
});

describe('esp.taken-as-ike', () => {
  it('fires where IKE errors come back whose cookies are the first bytes of ESP', async () => {
    expect(await judge('esp-taken-as-ike.pcap', takenAsIke)).toMatchObject([
      {
        result: 'problem',
        where: 'receiver',
        subject: { spi: '0xc3a1107e' },
        counts: { answers: 20, packets: 20 },
      },
    ]);
  });

  it('speaks for these errors alone', async () => {
    const told = (await judge('esp-taken-as-ike.pcap', notify)).map(({ result }) => result);
    expect(told).not.toContain('problem');
  });

  it('is silent where IKE and ESP keep to themselves', async () => {
    for (const file of ['ike-new-sa-healthy.pcap', 'ike-port-moved-back.pcap'])
      expect((await judge(file, takenAsIke)).map(({ result }) => result)).toEqual(['healthy']);
  });
});
