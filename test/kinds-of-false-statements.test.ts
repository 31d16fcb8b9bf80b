import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/*
 * The ways in which capan once said what was not so, and the tests that keep each of them out. A false statement that is
 * found belongs to one of these kinds, or is a new one: then it gets a line here and a test named `kind: …`.
 */

const root = resolve(import.meta.dirname, '..');

interface Kind {
  readonly statement: string;
  /** File, and a part of the name of the test or suite. */
  readonly tests: readonly (readonly [file: string, name: string])[];
}

const KINDS: readonly Kind[] = [
  {
    statement: 'equal payload is not the same packet',
    tests: [
      ['src/compare/equal-payload.test.ts', 'is not the same packet: no translation is learned from it'],
    ],
  },
  {
    statement: 'a NAT mapping changes in time',
    tests: [['src/compare/nat-lives.test.ts', 'changes in time: nothing of either is counted as lost']],
  },
  {
    statement: 'one pair of hosts and one id are not one statement',
    tests: [
      ['dissectors/ip/both-ends-verdicts.test.ts', 'one pair of hosts and one id are not one statement'],
    ],
  },
  {
    statement: "the capture's own loss is no loss of the path",
    tests: [
      ['src/compare/own-loss.test.ts', 'are not blamed on the path where it dropped as many packets'],
      ['src/compare/inner-acknowledgments.test.ts', "the capture's own loss inside a tunnel"],
    ],
  },
  {
    statement: 'a capture compared with itself shows no path',
    tests: [
      ['src/compare/same-point.test.ts', 'is said to be the same capture, and nothing of a path is judged'],
    ],
  },
  {
    statement: 'an answer of something else is no answer',
    tests: [
      ['dissectors/vxlan/diagnoses.test.ts', 'takes no answer of UDP port 53 for one of TCP port 53'],
      ['dissectors/bgp/diagnoses.test.ts', 'kind: an answer of something else is no answer'],
      ['dissectors/bgp/diagnoses.test.ts', 'kind: remnants of a dead connection are no life'],
      ['dissectors/icmp/errors-judged.test.ts', 'kind: an answer of something else is no answer'],
    ],
  },
  {
    statement: 'silence after completion is no stall',
    tests: [['dissectors/icmp/errors-judged.test.ts', 'went through in smaller pieces and all is said']],
  },
  {
    statement: 'not decoded is not the same as not captured',
    tests: [['dissectors/frame/frame.test.ts', 'kind: not decoded is not the same as not captured']],
  },
  {
    statement: 'numbers of an older connection are not those of the one that uses its ports',
    tests: [
      ['dissectors/tcp/tcp.test.ts', 'takes no number from what an older connection of its ports still says'],
    ],
  },
  {
    statement: 'an announced capability is no agreed use',
    tests: [['dissectors/isakmp/both-views.test.ts', 'what one side can do is not what both agreed on']],
  },
  {
    statement: 'a convention is no proof',
    tests: [['dissectors/vxlan/diagnoses.test.ts', 'kind: a convention is no proof']],
  },
  {
    statement: 'what nobody sends is not missed, and a finding rests on no damaged header',
    tests: [
      ['dissectors/ip/ip.test.ts', 'misses no fragment that nobody sends'],
      ['dissectors/ip/ip.test.ts', 'kind: a finding rests on no damaged header'],
      ['dissectors/icmp/icmp.test.ts', 'kind: a finding rests on no damaged header'],
      ['test/damaged-packets.test.ts', 'nothing rests on a packet that its receiver drops'],
    ],
  },
  {
    statement: 'no claim about a message that nobody saw',
    tests: [
      ['dissectors/isakmp/both-views.test.ts', 'that answers no message of this capture is no verdict'],
      ['dissectors/isakmp/diagnoses.test.ts', 'kind: a claim about a message that nobody saw'],
    ],
  },
  {
    statement: 'an extract is not judged with the counters of the original',
    tests: [['dissectors/frame/frame.test.ts', 'leaves the statistics of a larger capture to that capture']],
  },
  {
    statement: 'equal fingerprints need equal packets',
    tests: [
      ['src/dissect/fingerprints.test.ts', 'tell apart what a tunnel carries, offloaded or cut'],
      ['src/correlate/copies.test.ts', 'are not what a flood of equal packets is made of'],
    ],
  },
  {
    statement: 'a change of address is no NAT, and unknown is a state of its own',
    tests: [
      ['dissectors/isakmp/correlator.test.ts', 'that goes on from another address (MOBIKE) is behind none'],
      [
        'src/report/verdict.test.ts',
        'calls a tunnel of which nothing was learned neither healthy nor one-way',
      ],
    ],
  },
  {
    statement: "a sender's capture proves what left, nothing else",
    tests: [
      ['dissectors/overlay/mtu-exceeded.test.ts', "kind: a sender's capture proves what left, nothing else"],
      ['test/what-one-capture-proves.test.ts', 'kind: one capture proves what passed it, nothing else'],
    ],
  },
  {
    statement: 'evidence of the protocol, not absolute floors',
    tests: [
      ['dissectors/tcp/services.test.ts', 'kind: absolute floors'],
      ['dissectors/dns/diagnoses.test.ts', 'grants no more time because the client asks again'],
      [
        'dissectors/ntp/diagnoses.test.ts',
        'judges by the requests that had time, although the newest one had none',
      ],
    ],
  },
  {
    statement: 'each ICMP error is told once',
    tests: [['dissectors/icmp/errors-judged.test.ts', 'no refusal is lost or told twice']],
  },
  {
    statement: 'titles name what was refused, and the host that serves',
    tests: [
      ['dissectors/esp/judged.test.ts', 'kind: a title names what was refused, and by whom'],
      ['dissectors/tcp/services.test.ts', 'kind: the wrong host named as server'],
      ['src/diagnose/ruled-out.test.ts', 'causes and steps that evidence rules out'],
    ],
  },
  {
    statement: 'last words behind a loss are read',
    tests: [
      ['src/correlate/assembler.test.ts', 'are read behind a gap where they are the last words'],
      ['src/correlate/assembler.test.ts', 'where a segment begins with the end of a lost message'],
      ['dissectors/bgp/diagnoses.test.ts', 'kind: last words behind a loss are read'],
    ],
  },
  {
    statement: 'one truth, live or analyzed',
    tests: [
      ['src/commands/open-live.test.ts', 'what analyze says of the file'],
      ['test/live-rounds.test.ts', 'gets the same verdict, however often it was judged before'],
      ['src/live/finding-tracker.test.ts', 'kind: one truth: what ends'],
      ['src/live/finding-tracker.test.ts', 'kind: one truth: what turns out'],
    ],
  },
  {
    statement: 'the same packets, the same verdict: a file boundary means nothing',
    tests: [
      [
        'test/split-captures.test.ts',
        'gives the same verdict cut at every pause, at some of them, and in three',
      ],
    ],
  },
  {
    statement: 'a fault is as loud in a large capture as in a small one',
    tests: [
      [
        'test/transformations/large-capture.test.ts',
        'kind: a fault is as loud in a large capture as in a small one',
      ],
      ['test/quality/gates.test.ts', 'a fault is as loud in a large capture as in a small one'],
    ],
  },
];

describe('kinds of false statements', () => {
  it.each(KINDS)('$statement', ({ tests }) => {
    for (const [file, name] of tests) {
      const names = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'");
      expect(names, file).toContain(name);
    }
  });

  it('are 24', () => {
    expect(KINDS.length).toBe(24);
  });
});
