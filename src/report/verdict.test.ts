import { describe, expect, it } from 'vitest';
import { brokenReport, finding, healthyReport, tunnel } from '../../test/hand-made-reports.js';
import type { CompareDirection, Report } from './report.js';
import { reportClock } from './report-time.js';
import { verdict } from './verdict.js';

function verdictOf(report: Report): string {
  return verdict(report, reportClock(report.captures));
}

function direction(scope: CompareDirection['scope']): CompareDirection {
  const none = { duplicated: 0, reordered: 0, modified: 0, recut: 0, receivedOnly: 0 };
  const notComparable = { outsideWindow: 0, snaplen: 0, captureLoss: 0, captureFilter: 0 };
  const counts = { sent: 985, matched: 985, lost: 0, lostFrames: [], ...none, notComparable };
  return { from: '10.1.1.1', to: '10.2.2.2', sender: 'a', scope, ...counts, delaySeconds: null };
}

describe('verdict', () => {
  it('says what is broken, since when, whether it still is and whether it ever worked', () => {
    expect(verdictOf(brokenReport())).toBe(
      'ESP from 10.2.2.2 to 10.1.1.1 stopped: since 12:00:31.123, still so when the capture ended; ' +
        'all was well until frame 87 (12:00:30.900).',
    );
  });

  it('names the ends where the title does not, the doubt, and what else is below', () => {
    const findings = [
      finding({ title: 'ESP runs one way only.', confidence: 'medium', ongoingAtEnd: false, lastGood: null }),
      finding({ key: 'k2', id: 'esp.loss', severity: 'warning' }),
    ];
    expect(verdictOf(brokenReport({ findings }))).toBe(
      'ESP runs one way only (from 10.2.2.2 to 10.1.1.1): from 12:00:31.123 until 12:01:11.000; ' +
        'not seen working in this capture (confidence medium). 1 other root cause below.',
    );
  });

  it('counts on from the first frame where the clock is relative', () => {
    const report = brokenReport({ findings: [finding({ first: null, last: null, lastGood: null })] });
    expect(verdictOf(report)).toContain('since +30.900 s');
  });

  it('does not ask a capture whether it worked before', () => {
    const subject = { kind: 'capture', file: 'sg1.pcap' };
    const {
      direction: _direction,
      tunnel: _tunnel,
      ...capture
    } = finding({ subject, title: 'The file is cut' });
    expect(verdictOf(brokenReport({ findings: [capture, finding({ severity: 'warning' })] }))).toMatch(
      /^ESP/,
    );
    expect(verdictOf(brokenReport({ findings: [capture] }))).toBe(
      'No fault found in the traffic, but the capture falls short: The file is cut.',
    );
  });

  it('says that nothing is wrong, and how much was judged', () => {
    expect(verdictOf(healthyReport())).toBe(
      'Nothing wrong found: 1 tunnel healthy, 3 checks passed; 1 check could not be judged.',
    );
  });

  it('points to remarks', () => {
    const findings = [finding({ severity: 'info' })];
    expect(verdictOf(healthyReport({ findings }))).toMatch(/^Nothing wrong found: .* 1 remark below\.$/);
  });

  it('leads with what arrived where two ends are compared', () => {
    const clock = { offsetSeconds: 0, halfWidthSeconds: 0, skewPpm: null, steps: [] };
    const directions = [direction('outer'), direction('inner')];
    const compare = { clock, nat: [], unpaired: [], directions };
    expect(verdictOf(healthyReport({ compare }))).toMatch(
      /^Nothing wrong found: 985 of 985 packets arrived, 1 tunnel healthy/,
    );
    expect(verdictOf(healthyReport({ compare, tunnels: [] }))).not.toContain('no tunnel seen');
    expect(verdictOf(healthyReport({ compare: { ...compare, directions: [] } }))).toContain(
      'no packet could be compared',
    );
  });

  it('calls no tunnel healthy of which one direction was seen', () => {
    const oneWay = tunnel({ id: 'x', state: 'one-way', directions: tunnel().directions.slice(0, 1) });
    expect(verdictOf(healthyReport({ tunnels: [oneWay, tunnel()] }))).toContain(
      '1 tunnel healthy, 1 tunnel seen one way only, 3 checks',
    );
  });

  it('calls a tunnel of which nothing was learned neither healthy nor one-way', () => {
    const silent = tunnel({ id: 'x', state: 'unknown', directions: [] });
    expect(verdictOf(healthyReport({ tunnels: [silent, tunnel({ id: 'y', state: 'down' })] }))).toContain(
      ': 1 tunnel of which too little was seen, 1 tunnel down, 3 checks',
    );
  });

  it('does not call a tunnel that was not set up nothing wrong', () => {
    const failed = tunnel({ id: 'x', state: 'failed', directions: [] });
    expect(verdictOf(healthyReport({ tunnels: [failed] }))).toMatch(/^No cause found: 1 tunnel failed, /);
  });

  it('does not praise what it could not judge', () => {
    expect(verdictOf(healthyReport({ checked: [], tunnels: [] }))).toBe(
      'Nothing wrong found, but no check could pass either: no tunnel seen.',
    );
    expect(verdictOf(healthyReport({ captures: [] }))).toBe('Nothing could be judged: no frame was read.');
  });

  it('says where printed lines are all that was judged', () => {
    const report = healthyReport();
    const captures = report.captures.map((capture) => ({ ...capture, packetsInWords: 1 }));
    expect(verdictOf({ ...report, captures })).toMatch(
      /^Nothing wrong found in what the printed lines show: /,
    );
  });

  it('owns up to damage and to its own failures', () => {
    const [capture] = healthyReport().captures;
    const captures = capture === undefined ? [] : [{ ...capture, damaged: [{ offset: 9, reason: 'x' }] }];
    const text = verdictOf(healthyReport({ captures, errors: [{ where: 'esp', message: 'x' }] }));
    expect(text).toContain('Part of the input was damaged and skipped (1 file).');
    expect(text).toContain('A part of capan failed on this input, see ERRORS; the rest found no fault: ');
  });
});
