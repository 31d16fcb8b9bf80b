import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { arp as packet } from '../../test/build/arp.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { arpExchange, type Endpoint, ping, type Timeline, timeline } from '../../test/build/scenario.js';
import esp from '../esp/dissector.js';
import icmp from '../icmp/dissector.js';
import correlators from './correlator.js';
import duplicateIp from './diagnoses/duplicate-ip.js';
import unanswered from './diagnoses/unanswered.js';
import arp from './dissector.js';

const end = (last: number, mac = `02:11:22:33:44:${last.toString(16).padStart(2, '0')}`): Endpoint => ({
  address: `10.1.0.${last}`,
  mac,
  ttl: 64,
});
const [A, B, C, ABSENT] = [end(1), end(2), end(3), end(9)];
const ESP = 50;

async function judge(diagnosis: Diagnosis, build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = timeline(1_772_489_645_000_000_000n);
  build(t);
  const run = await runFrames(t.frames(), { dissectors: [arp, icmp, esp], correlators });
  return run.judge(diagnosis);
}

async function problems(diagnosis: Diagnosis, build: (t: Timeline) => void): Promise<Problem[]> {
  return (await judge(diagnosis, build)).filter((one) => one.result === 'problem');
}

/** A asks and is answered by others. */
function talk(t: Timeline): void {
  for (const other of [B, C]) arpExchange(t, 0, A, other);
  ping(t, A, B, { at: 0.5, count: 20, identifier: 7, roundTripSeconds: 0.001 });
}

function ask(t: Timeline, asker: Endpoint, target: Endpoint, count: number, interval = 1): void {
  for (let i = 0; i < count; i++) arpExchange(t, 2 + i * interval, asker, target, { answered: false });
}

function announce(t: Timeline, at: number, owner: Endpoint): void {
  const { mac, address } = owner;
  const payload = packet({ operation: 1, senderMac: mac, senderAddress: address, targetAddress: address });
  t.send(at, owner, { ...owner, mac: 'ff:ff:ff:ff:ff:ff' }, ETHER_TYPE.arp, payload);
}

describe('arp.unanswered', () => {
  it('tells who asked for whom in vain', async () => {
    const found = await problems(unanswered, (t) => {
      talk(t);
      ask(t, A, ABSENT, 4);
    });
    expect(found).toMatchObject([
      { severity: 'warning', pair: [A.address, ABSENT.address], counts: { requests: 4, replies: 0 } },
    ]);
  });

  it('is information beside a tunnel, unless the address is an end of it', async () => {
    const beside = (target: Endpoint) => (t: Timeline) => {
      talk(t);
      for (const [from, to] of [
        [A, B],
        [B, A],
      ])
        t.sendIp(1, from, to, ESP, new Uint8Array(64));
      t.sendIp(1.1, A, C, ESP, new Uint8Array(64));
      ask(t, A, target, 4);
    };
    expect((await problems(unanswered, beside(ABSENT))).map(({ severity }) => severity)).toEqual(['info']);
    expect((await problems(unanswered, beside(C))).map(({ severity }) => severity)).toEqual(['warning']);
  });

  it('cannot tell from the broadcasts of others', async () => {
    const all = await judge(unanswered, (t) => {
      talk(t);
      ask(t, end(40), ABSENT, 5);
    });
    expect(all.filter(({ result }) => result === 'problem')).toEqual([]);
    expect(all.filter(({ result }) => result === 'insufficient-data')).toHaveLength(1);
  });

  it('is as loud where hosts of another network stand in the same capture', async () => {
    const lonely = { address: '172.20.0.9', mac: '02:00:00:00:09:09' };
    const found = await problems(unanswered, (t) => {
      talk(t);
      ask(t, { ...end(40), ...lonely }, { ...ABSENT, address: '172.20.0.10' }, 6);
    });
    expect(found).toMatchObject([{ pair: ['172.20.0.9', '172.20.0.10'], counts: { requests: 6 } }]);
  });

  it('is silent where the address shows life', async () => {
    const alive = (sign: (t: Timeline) => void) =>
      problems(unanswered, (t) => {
        talk(t);
        ask(t, A, ABSENT, 4);
        sign(t);
      });
    expect(await alive((t) => arpExchange(t, 7, A, ABSENT))).toEqual([]);
    expect(await alive((t) => arpExchange(t, 7, ABSENT, B, { answered: false }))).toEqual([]);
    expect(await alive((t) => t.sendIp(7, ABSENT, B, ESP, new Uint8Array(64)))).toEqual([]);
  });

  it('is silent about few, slow and repeated transmissions of a request', async () => {
    const asked = (count: number, interval: number) =>
      problems(unanswered, (t) => {
        talk(t);
        ask(t, A, ABSENT, count, interval);
      });
    expect(await asked(2, 1)).toEqual([]);
    expect(await asked(5, 6)).toEqual([]);
    expect(await asked(3, 0.001)).toEqual([]);
  });

  it('tells a scan once', async () => {
    const found = await problems(unanswered, (t) => {
      talk(t);
      for (let last = 100; last < 130; last++) ask(t, A, end(last), 3);
    });
    expect(found).toMatchObject([{ severity: 'info', counts: { requests: 90, targets: 30 } }]);
  });
});

describe('arp.duplicate-ip', () => {
  const clone = { ...B, mac: '02:99:88:77:66:55' };
  const alternate =
    (first: Endpoint, second: Endpoint, times: number, interval = 3) =>
    (t: Timeline) => {
      for (let i = 0; i < times; i++) {
        arpExchange(t, 1 + i * interval, A, first);
        arpExchange(t, 1.001 + i * interval, A, second);
      }
    };

  it('tells two MAC addresses that answer in turn', async () => {
    const found = await problems(duplicateIp, alternate(B, clone, 4));
    expect(found).toMatchObject([
      { severity: 'error', pair: [B.address, B.address], counts: { macs: 2, takeovers: 7, returns: 6 } },
    ]);
    expect(found[0].explanation).toContain(`${B.mac} and by ${clone.mac}`);
  });

  it('is a warning where both only announce, information where one comes back once', async () => {
    const announced = await problems(duplicateIp, (t) => {
      for (let i = 0; i < 3; i++) {
        announce(t, 1 + i * 2, B);
        announce(t, 2 + i * 2, clone);
      }
    });
    expect(announced.map(({ severity }) => severity)).toEqual(['warning']);
    const failback = await problems(duplicateIp, (t) => {
      for (const [i, owner] of [B, clone, B].entries()) arpExchange(t, 1 + i * 10, A, owner);
    });
    expect(failback.map(({ severity }) => severity)).toEqual(['info']);
  });

  it('is silent about a single takeover, and claims far apart', async () => {
    const takeover = (t: Timeline): void => {
      for (const [i, owner] of [B, B, clone, clone, clone].entries()) arpExchange(t, 1 + i * 5, A, owner);
    };
    expect(await problems(duplicateIp, takeover)).toEqual([]);
    const apart = (t: Timeline): void => {
      for (let i = 0; i < 6; i++) arpExchange(t, 1 + i * 70, A, i % 2 ? B : clone);
    };
    expect(await problems(duplicateIp, apart)).toEqual([]);
  });

  it.each([
    '00:00:5e:00:01:0a',
    '00:00:5e:00:02:0a',
    '00:00:0c:07:ac:01',
    '00:00:0c:9f:f0:01',
    '00:11:22:33:44:02',
  ])('is silent about %s, virtual or of the same host', async (mac) => {
    expect(await problems(duplicateIp, alternate(B, { ...B, mac }, 4))).toEqual([]);
  });

  it('is silent about proxies and interfaces of one host', async () => {
    const proxy = await problems(duplicateIp, (t) => {
      alternate(B, clone, 4)(t);
      for (const last of [20, 21]) arpExchange(t, 20, A, end(last, clone.mac));
    });
    expect(proxy).toEqual([]);
    const flux = await problems(duplicateIp, (t) => {
      alternate(B, clone, 4)(t);
      alternate({ ...C, mac: B.mac }, { ...C, mac: clone.mac }, 4)(t);
    });
    expect(flux).toEqual([]);
  });

  it('is silent where each neighbour is told one MAC address', async () => {
    const balanced = await problems(duplicateIp, (t) => {
      for (let i = 0; i < 5; i++) {
        arpExchange(t, 1 + i * 3, A, B);
        arpExchange(t, 2 + i * 3, C, clone);
      }
    });
    expect(balanced).toEqual([]);
  });

  it('does not take probes for claims', async () => {
    const probed = await judge(duplicateIp, (t) => {
      ask(t, { ...clone, address: '0.0.0.0' }, B, 3);
    });
    expect(probed).toEqual([]);
  });
});
