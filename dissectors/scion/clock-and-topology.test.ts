import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { LINK_TYPE } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import {
  type Beat,
  beacons,
  bfdUp,
  keepalives,
  type Router,
  rawFraming,
} from '../../test/build/scenario-scion.js';
import { knowledge } from '../../test/build/side-knowledge.js';
import { keepaliveLinks } from '../keepalive/correlator.js';
import { unclaimedUdp } from '../keepalive/dissector.js';
import { scionLinks } from './correlator.js';
import keepaliveMissing from './diagnoses/keepalive-missing.js';
import pcbSilence from './diagnoses/pcb-silence.js';
import registrationSilence from './diagnoses/registration-silence.js';
import scionSkew from './diagnoses/scion-skew.js';
import dissector from './dissector.js';
import topologies from './side-files/topology.js';
import type { ScionLinkType } from './topology.js';

const START_SECONDS = 1_700_000_000;
const parts = { dissectors: [dissector, unclaimedUdp], correlators: [scionLinks, keepaliveLinks] };
const socket = (address: string, port: number): Router['socket'] => ({
  address,
  port,
  mac: '02:00:00:00:00:01',
  ttl: 64,
});
const CHILD: Router = { isdAs: '17-ffaa:1:64', socket: socket('10.0.8.8', 50_000) };
const PARENT: Router = { isdAs: '17-ffaa:0:1107', socket: socket('10.0.8.1', 50_015) };
const up = (beat: Partial<Beat> = {}): Beat => ({ from: CHILD, to: PARENT, at: 0.3, until: 12, ...beat });
const down = (beat: Partial<Beat> = {}): Beat => ({ from: PARENT, to: CHILD, at: 0.7, until: 12, ...beat });
const start = (): Timeline => timeline(BigInt(START_SECONDS) * 1_000_000_000n, 5, rawFraming);

/** The port of the attachment point is that of another day, as in the guide. */
function topologyWith(linkTo: ScionLinkType) {
  return knowledge().add(topologies, [
    {
      file: 'topology.json',
      generation: 2,
      isdAs: CHILD.isdAs,
      isCore: false,
      mtu: 1472,
      services: [],
      links: [
        {
          origin: { file: 'topology.json', place: 'br.1' },
          borderRouter: 'br',
          interfaceId: '1',
          local: { host: '10.0.8.8', port: 50_000 },
          bind: null,
          remote: { host: '10.0.8.1', port: 50_202 },
          neighbour: PARENT.isdAs,
          linkTo,
          mtu: 1472,
          bfd: null,
        },
      ],
    },
  ]);
}

async function judge(
  t: Timeline,
  diagnosis: Diagnosis,
  side = knowledge(),
  linkType: number = LINK_TYPE.raw,
) {
  const frames = t.frames().map((frame): TestFrame => ({ ...frame, linkType }));
  return (await runFrames(frames, parts, undefined, side)).judge(diagnosis);
}

describe('the clock of a router', () => {
  const clocks = (child: number, parent: number): Promise<Judgement[]> => {
    const t = start();
    bfdUp(t, up(), START_SECONDS + child - 10);
    bfdUp(t, down(), START_SECONDS + parent - 10);
    return judge(t, scionSkew);
  };

  it('is right within 5 s', async () => {
    expect(await clocks(0, -4)).toMatchObject([{ result: 'healthy' }, { result: 'healthy' }]);
  });

  it('is wrong beyond, of that router alone', async () => {
    const judgements = await clocks(-7200, 0);
    expect(judgements.filter(({ result }) => result === 'problem')).toMatchObject([
      { counts: { skewSeconds: 7200 }, explanation: expect.stringContaining('7200 s (2.0 h) behind') },
    ]);
    expect(judgements.map(({ result }) => result).sort()).toEqual(['healthy', 'problem']);
    const [ahead] = (await clocks(0, 30)).filter(({ result }) => result === 'problem');
    expect(ahead).toMatchObject({ explanation: expect.stringContaining('ahead of the capture') });
  });

  it('is that of the capture where both differ alike', async () => {
    expect(await clocks(-7200, -7201)).toMatchObject([{ severity: 'info' }, { severity: 'info' }]);
  });

  it('is not told by a time that stands still', async () => {
    const t = start();
    bfdUp(t, up({ at: 0.1, until: 0.9 }), START_SECONDS - 7210);
    expect(await judge(t, scionSkew)).toMatchObject([{ result: 'insufficient-data' }]);
  });
});

describe('a side without keepalives', () => {
  const oneWay = (beat: Beat): Timeline => {
    const t = start();
    keepalives(t, beat);
    return t;
  };

  it.each([
    ['the attachment point, whose port is the higher one', up(), ['10.0.8.1', '10.0.8.8']],
    ['this side, whose port is the lower one', down(), ['10.0.8.8', '10.0.8.1']],
  ])('is %s', async (_, beat, pair) => {
    const judgements = await judge(oneWay(beat), keepaliveMissing);
    expect(judgements.filter(({ result }) => result === 'problem')).toMatchObject([
      { severity: 'error', direction: { from: pair[0], to: pair[1] } },
    ]);
  });

  it('is named by keepalives with a path of one hop, on tun0 or on a link of the topology', async () => {
    const oneHop = oneWay(up({ isOneHop: true }));
    const results = async (linkType: number, side = knowledge()): Promise<string[]> =>
      (await judge(oneHop, keepaliveMissing, side, linkType)).map(({ result }) => result);
    expect(await results(LINK_TYPE.raw)).toContain('problem');
    expect(await results(LINK_TYPE.raw, topologyWith('parent'))).toContain('problem');
  });
});

describe('beacons and registrations that a topology says are due', () => {
  const talk = (withBeacons: boolean): Timeline => {
    const t = start();
    keepalives(t, up({ until: 620 }));
    keepalives(t, down({ until: 620 }));
    if (withBeacons) beacons(t, down({ at: 2, until: 620 }));
    return t;
  };
  const words = (judgements: readonly Judgement[]): string[] =>
    judgements.map((one) =>
      one.result === 'problem' ? `${one.direction?.from ?? one.pair?.[0]} ${one.severity}` : one.result,
    );

  it('are missed on a link to a parent', async () => {
    const t = talk(false);
    expect(words(await judge(t, pcbSilence, topologyWith('parent')))).toEqual(['10.0.8.1 error']);
    expect(words(await judge(t, registrationSilence, topologyWith('parent')))).toEqual(['10.0.8.8 warning']);
    expect(words(await judge(t, pcbSilence))).toEqual(['insufficient-data']);
  });

  it('are missed the other way to a child, both ways between cores, and not at all by a peer', async () => {
    const t = talk(true);
    expect(words(await judge(t, pcbSilence, topologyWith('child')))).toEqual(['healthy', '10.0.8.8 error']);
    expect(words(await judge(t, pcbSilence, topologyWith('core')))).toEqual(['healthy', '10.0.8.8 error']);
    expect(words(await judge(talk(false), pcbSilence, topologyWith('peer')))).toEqual(['healthy']);
    expect(words(await judge(t, registrationSilence, topologyWith('peer')))).toEqual(['healthy']);
  });
});
