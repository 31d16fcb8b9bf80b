import { describe, expect, it } from 'vitest';
import type { CaptureFacts } from '../capture/capture-source.js';
import { type Accused, assignBlame } from './blame-order.js';
import { CaptureClock } from './clock.js';
import { type Diagnosis, defineDiagnosis, type Problem } from './diagnosis.js';
import type { BlameLayer } from './diagnosis-metadata.js';
import { canonicalJson, findingKey, findingOf } from './finding.js';

const clock = new CaptureClock([] as CaptureFacts[], [
  { baseNs: 0n, captureIndex: 0, clock: 'absolute', openedBy: 'start' },
]);

type Links = Pick<Diagnosis, 'consequenceOfIds' | 'explicitSignal' | 'technology'> & Partial<Diagnosis>;

function diagnosisOf(id: string, layer: BlameLayer, links: Links = {}): Diagnosis {
  return defineDiagnosis({
    id,
    title: id,
    severity: 'error',
    subject: 'pair',
    layer,
    priority: 1,
    rule: '',
    notWhen: '',
    causes: [],
    nextSteps: [],
    refutedBy: '',
    source: '',
    thresholds: {},
    fault: 'application',
    consequenceOf: [],
    diagnose: () => [],
    ...links,
  });
}

const PAIR: readonly [string, string] = ['192.0.2.1', '192.0.2.2'];

function accuse(diagnosis: Diagnosis, overrides: Partial<Problem> = {}): Accused {
  const problem: Problem = {
    result: 'problem',
    subject: { kind: 'pair', endpoints: [...PAIR], id: diagnosis.id },
    confidence: 'high',
    explanation: '',
    pair: PAIR,
    first: { segment: 0, timeNs: 1e9 },
    last: { segment: 0, timeNs: 9e9 },
    ongoingAtEnd: false,
    counts: {},
    evidence: [],
    displayFilter: '',
    ...overrides,
  };
  return { diagnosis, problem, finding: findingOf(diagnosis, problem, clock) };
}

const cause = diagnosisOf('frag.missing-rest', 'fragments', { fault: 'fragments' });
const consequence = diagnosisOf('ike.no-response', 'tunnel-control', {
  fault: 'key-exchange',
  consequenceOf: ['fragments'],
});

function isConsequence(a: Accused, b: Accused): boolean {
  assignBlame([a, b], clock);
  return b.finding.causedBy?.includes(a.finding.key) ?? false;
}

describe('assignBlame', () => {
  it('puts a declared consequence of the same pair and time under its cause', () => {
    expect(isConsequence(accuse(cause), accuse(consequence))).toBe(true);
  });

  it('needs the consequence to declare the kind of fault, or the id', () => {
    const other = diagnosisOf('a.b', 'fragments', { fault: 'policy' });
    expect(isConsequence(accuse(other), accuse(consequence))).toBe(false);
    const exact = diagnosisOf('c.d', 'tunnel-control', { consequenceOfIds: ['a.b'] });
    expect(isConsequence(accuse(other), accuse(exact))).toBe(true);
    expect(isConsequence(accuse(other, { fault: 'fragments' }), accuse(consequence))).toBe(true);
  });

  it('needs the same endpoints, in either order', () => {
    expect(isConsequence(accuse(cause), accuse(consequence, { pair: [PAIR[1], PAIR[0]] }))).toBe(true);
    expect(isConsequence(accuse(cause), accuse(consequence, { pair: ['192.0.2.1', '192.0.2.9'] }))).toBe(
      false,
    );
  });

  it('needs the direction to agree where both are known', () => {
    const there = { from: PAIR[0], to: PAIR[1] };
    const back = { from: PAIR[1], to: PAIR[0] };
    expect(
      isConsequence(accuse(cause, { direction: there }), accuse(consequence, { direction: there })),
    ).toBe(true);
    expect(isConsequence(accuse(cause, { direction: there }), accuse(consequence, { direction: back }))).toBe(
      false,
    );
    expect(isConsequence(accuse(cause, { direction: there }), accuse(consequence))).toBe(true);
  });

  it('lets a closed socket take down what came from it, and nothing of another port', () => {
    const refused = accuse(cause, {
      direction: { from: PAIR[0], to: PAIR[1] },
      closedSockets: ['192.0.2.2:50015'],
    });
    const back = { from: PAIR[1], to: PAIR[0] };
    const streamOf = (socket: string): Accused =>
      accuse(consequence, {
        direction: back,
        subject: { kind: 'session', endpoints: [socket, '192.0.2.1:50000'] },
      });
    expect(isConsequence(refused, streamOf('192.0.2.2:50015'))).toBe(true);
    expect(isConsequence(refused, streamOf('192.0.2.2:50016'))).toBe(false);
  });

  it('needs the packet class to agree within an area; across areas the list says what goes down with the cause', () => {
    const lost = diagnosisOf('esp.lost', 'tunnel-data', { fault: 'tunnel-loss' });
    const ofClass = (id: string, packetClass: string): Accused =>
      accuse(diagnosisOf(id, 'application', { consequenceOf: ['tunnel-loss'] }), { packetClass });
    expect(isConsequence(accuse(lost, { packetClass: 'ah' }), ofClass('esp.stale', 'esp'))).toBe(false);
    expect(isConsequence(accuse(lost, { packetClass: 'esp' }), ofClass('esp.stale', 'esp'))).toBe(true);
    expect(isConsequence(accuse(lost, { packetClass: 'esp' }), ofClass('tcp.slow', 'tcp'))).toBe(true);
  });

  it('makes a cause as severe as the worst it explains, but no remark a cause of an error', () => {
    const warning = accuse(cause, { severity: 'warning' });
    expect(isConsequence(warning, accuse(consequence, { severity: 'error' }))).toBe(true);
    expect(warning.finding.severity).toBe('error');
    expect(isConsequence(accuse(cause, { severity: 'info' }), accuse(consequence))).toBe(false);
    expect(
      isConsequence(accuse(cause, { severity: 'info' }), accuse(consequence, { severity: 'info' })),
    ).toBe(true);
  });

  it('needs the cause to reach into the time of the consequence', () => {
    const later = { first: { segment: 0, timeNs: 20e9 }, last: { segment: 0, timeNs: 30e9 } };
    expect(isConsequence(accuse(cause), accuse(consequence, later))).toBe(false);
    expect(isConsequence(accuse(cause, { ongoingAtEnd: true }), accuse(consequence, later))).toBe(true);
    expect(isConsequence(accuse(cause, later), accuse(consequence))).toBe(false);
  });

  it('asks a finding about those at its place alone, however many there are elsewhere', () => {
    const count = 500;
    const accused = Array.from({ length: count }, (_, index) => {
      const pair: [string, string] = [`198.51.100.${index}`, '203.0.113.1'];
      const subject = { kind: 'pair', endpoints: [...pair], id: String(index) } as const;
      return [accuse(cause, { pair, subject }), accuse(consequence, { pair, subject })];
    }).flat();
    let asked = 0;
    assignBlame(accused, clock, (address) => {
      asked++;
      return address;
    });
    expect(accused.filter(({ finding }) => finding.causedBy).length).toBe(count);
    expect(asked).toBeLessThan(20 * count);
  });

  it("never makes the protocol's own word a consequence, nor the capture a cause", () => {
    const own: Diagnosis = { ...consequence, explicitSignal: true };
    expect(isConsequence(accuse(cause), accuse(own))).toBe(false);
    const gate = diagnosisOf('capture.kernel-drops', 'capture', { fault: 'fragments' });
    expect(isConsequence(accuse(gate), accuse(consequence))).toBe(false);
  });

  it('never lets a cause start after its consequence', () => {
    const at = (seconds: number) => ({ segment: 0, timeNs: seconds * 1e9 });
    const span = { first: at(5), last: at(30) };
    expect(isConsequence(accuse(cause, { ...span, first: at(5.5) }), accuse(consequence, span))).toBe(true);
    expect(isConsequence(accuse(cause, { ...span, first: at(18) }), accuse(consequence, span))).toBe(false);
    const noticed: Diagnosis = { ...cause, noticedAfterSeconds: 30 };
    expect(isConsequence(accuse(noticed, { ...span, first: at(18) }), accuse(consequence, span))).toBe(true);
    const lastGood = { ...at(17), frame: 1 };
    expect(
      isConsequence(accuse(noticed, { ...span, first: at(18), lastGood }), accuse(consequence, span)),
    ).toBe(false);
  });

  it('of two faults of one kind, makes the lower layer the cause', () => {
    const links = { fault: 'tunnel-loss', consequenceOf: ['tunnel-loss'] } as const;
    const low = accuse(diagnosisOf('a.low', 'underlay', links));
    const high = accuse(diagnosisOf('b.high', 'tunnel-data', links));
    assignBlame([high, low], clock);
    expect(high.finding.causedBy).toEqual([low.finding.key]);
    expect(low.finding.causedBy).toBeUndefined();
  });
});

const pathLoss = diagnosisOf('underlay.path-loss', 'underlay', { fault: 'path-loss' });
const blocked = diagnosisOf('vxlan.blocked', 'underlay', { fault: 'path-loss', technology: 'vxlan' });
const noReturn = diagnosisOf('vxlan.no-return', 'tunnel-data', {
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss'],
});

function leaderOf(...accused: Accused[]): (string | undefined)[] {
  assignBlame(accused, clock);
  return accused.map(({ finding }) => finding.restatementOf?.replace(/:.*/, ''));
}

describe('restatements', () => {
  const all = { of: [], lost: 5, delivered: 20 };
  const vxlan = { of: ['vxlan'], lost: 5, delivered: 0 };

  it('puts the class with fewest delivered packets above the general one, and the consequences under it', () => {
    const [general, sharp] = [accuse(pathLoss, { packets: all }), accuse(blocked, { packets: vxlan })];
    const consequence = accuse(noReturn);
    expect(leaderOf(general, sharp, consequence)).toEqual(['vxlan.blocked', undefined, undefined]);
    expect(general.finding.causedBy).toEqual([sharp.finding.key]);
    expect(consequence.finding.causedBy).toEqual([sharp.finding.key]);
  });

  it('takes what was refused for nothing that got lost', () => {
    const refused = accuse(blocked, { packets: { ...vxlan, areRefused: true } });
    expect(leaderOf(accuse(pathLoss, { packets: all }), refused)).toEqual([undefined, undefined]);
    const known = accuse(pathLoss, { packets: { ...all, areRefused: true } });
    expect(leaderOf(known, refused)).toEqual(['vxlan.blocked', undefined]);
  });

  it('needs the sharp class to hold all that was lost', () => {
    const partly = accuse(blocked, { packets: { ...vxlan, lost: 3 } });
    expect(leaderOf(accuse(pathLoss, { packets: all }), partly)).toEqual([undefined, undefined]);
  });

  it('asks what both ends count: a port on which small packets arrive gives way to a limit of size', () => {
    const natt = diagnosisOf('ike.natt', 'tunnel-control', { fault: 'key-exchange', technology: 'ipsec' });
    const mtu = diagnosisOf('mtu.blackhole', 'fragments', { fault: 'large-packets-lost' });
    const both = (delivered: number): (string | undefined)[] => {
      const parts = new Map([
        ['', { lost: 6, delivered: 2 }],
        ['udp/4500', { lost: 6, delivered }],
      ]);
      return leaderOf(
        accuse(natt, { packets: { of: ['udp/4500'], lost: 12, delivered: 0 } }),
        accuse(mtu, { packets: { of: ['size'], lost: 6, delivered: 0, parts } }),
      );
    };
    expect(both(0)).toEqual([undefined, 'ike.natt']);
    expect(both(2)).toEqual(['mtu.blackhole', undefined]);
  });

  it('makes an explicit signal a restatement, never a consequence, and a guess no leader', () => {
    const unreachable = diagnosisOf('underlay.unreachable', 'underlay', {
      fault: 'unreachable',
      explicitSignal: true,
      consequenceOf: ['policy'],
    });
    const policy = diagnosisOf('overlay.policy', 'application', { fault: 'policy', technology: 'vxlan' });
    const service = { of: ['tcp/80'], lost: 4, delivered: 0 };
    expect(leaderOf(accuse(unreachable, { packets: service }), accuse(policy, { packets: service }))).toEqual(
      ['overlay.policy', undefined],
    );
    const [signal, plain] = [accuse(unreachable), accuse(policy)];
    expect(leaderOf(signal, plain)).toEqual([undefined, undefined]);
    expect(signal.finding.causedBy).toBeUndefined();
    const guess = accuse(policy, { packets: service, confidence: 'low' });
    expect(leaderOf(accuse(unreachable, { packets: service }), guess)).toEqual([undefined, undefined]);
  });

  it('lets what only says that nothing comes lead nothing that says why', () => {
    const silent = diagnosisOf('bgp.no-session', 'overlay-control', {
      fault: 'session-down',
      technology: 'bgp',
    });
    const unreachable = diagnosisOf('underlay.unreachable', 'underlay', { fault: 'unreachable' });
    const packets = { of: ['tcp/179'], lost: 4, delivered: 0 };
    const syn = diagnosisOf('tcp.syn-unanswered', 'names-and-transport', { fault: 'silence' });
    expect(
      leaderOf(accuse(silent, { packets }), accuse(unreachable, { packets }), accuse(syn, { packets })),
    ).toEqual([undefined, undefined, 'bgp.no-session']);
  });

  it('takes the same subject for the same place, where no single pair of hosts is concerned', () => {
    const subject = { kind: 'server', address: '192.0.2.9', port: 2181 };
    const service = { of: ['tcp/2181'], lost: 4, delivered: 0 };
    const database = diagnosisOf('nsdb.unreachable', 'overlay-control', { fault: 'silence' });
    const refused = diagnosisOf('tcp.refused', 'names-and-transport');
    const [first, second] = [database, refused].map((one) => accuse(one, { subject, packets: service }));
    const withoutPair = [first, second].map(({ diagnosis, problem, finding }) => {
      const { pair: _, ...rest } = problem;
      return { diagnosis, problem: rest, finding };
    });
    expect(leaderOf(...withoutPair)).toEqual([undefined, 'nsdb.unreachable']);
  });

  it('keeps services, directions and times apart', () => {
    const sharp = accuse(blocked, { packets: { of: ['tcp/80'], lost: 5, delivered: 0 } });
    const other = accuse(pathLoss, { packets: { of: ['tcp/81'], lost: 5, delivered: 3 } });
    expect(leaderOf(sharp, other)).toEqual([undefined, undefined]);
    const later = { first: { segment: 0, timeNs: 20e9 }, last: { segment: 0, timeNs: 30e9 } };
    expect(
      leaderOf(accuse(blocked, { packets: vxlan }), accuse(pathLoss, { packets: all, ...later })),
    ).toEqual([undefined, undefined]);
  });
});

describe('identity of a finding', () => {
  it('does not depend on the order of the fields of its subject', () => {
    expect(canonicalJson({ b: 1, a: [{ d: 2, c: 3 }] })).toBe('{"a":[{"c":3,"d":2}],"b":1}');
    expect(findingKey('x.y', { kind: 'pair', spi: '0x1' })).toBe(
      findingKey('x.y', { spi: '0x1', kind: 'pair' }),
    );
    expect(findingKey('x.y', { kind: 'pair', spi: '0x1' })).not.toBe(
      findingKey('x.y', { kind: 'pair', spi: '0x2' }),
    );
  });
});
