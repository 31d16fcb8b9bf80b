import { describe, expect, it } from 'vitest';
import { finding, tunnel } from '../../test/hand-made-reports.js';
import { displayWidth } from './line-wrap.js';
import { interfaceLines, liveEventJson, liveEventLine } from './live-lines.js';
import { type LiveScreenState, liveScreen, rateKey } from './live-screen.js';

const NOW = '2026-01-02T00:00:31.500000000Z';

function state(changes: Partial<LiveScreenState> = {}): LiveScreenState {
  return {
    title: 'eth0 (dumpcap)',
    elapsedSeconds: 75,
    frames: 12_345,
    bytes: 4_500_000,
    framesPerSecond: 120.4,
    drops: null,
    now: NOW,
    open: [],
    cleared: [],
    tunnels: [],
    rates: new Map(),
    ...changes,
  };
}

const SIZE = { columns: 110, rows: 30, color: false };

describe('the live screen', () => {
  it('says what it captures, how much, and that nothing is wrong', () => {
    const text = liveScreen(state(), SIZE).join('\n');
    expect(text).toContain('capan live eth0 (dumpcap)  75 s  12,345 packets  120/s  4.50 MB');
    expect(text).toContain('No trouble at present');
    expect(text).toContain('drops: told at the end');
  });

  it('puts the worst first, with its tunnel on top', () => {
    const quiet = tunnel({ id: 'vxlan-1', key: 1 });
    const ill = tunnel({ id: 'vxlan-2', key: 2 });
    const lines = liveScreen(
      state({
        tunnels: [quiet, ill],
        open: [
          finding({ key: 'a', id: 'esp.reorder', severity: 'info' }),
          finding({ key: 'b', id: 'vxlan.no-return', severity: 'error', tunnel: 'vxlan-2' }),
        ],
        rates: new Map(quiet.directions.map(({ from, to }) => [rateKey(quiet, from, to), 99])),
      }),
      SIZE,
    );
    const at = (text: RegExp): number => lines.findIndex((line) => text.test(line));
    expect(at(/ERROR .*vxlan\.no-return/)).toBeGreaterThan(0);
    expect(at(/ERROR /)).toBeLessThan(at(/info .*esp\.reorder/));
    expect(at(/^\S+ 2 /)).toBeGreaterThan(0);
    expect(at(/^\S+ 2 /)).toBeLessThan(at(/^\S+ 1 /));
  });

  it('never has more lines, nor wider ones, than the terminal', () => {
    const tunnels = Array.from({ length: 50 }, (_, index) =>
      tunnel({ id: `t-${index}`, key: index, state: 'a state of many words that goes on and on' }),
    );
    const open = Array.from({ length: 40 }, (_, index) => finding({ key: String(index) }));
    const cleared = open.map((one) => ({ finding: one, clearedAt: NOW }));
    for (const columns of [20, 60, 80, 110, 300]) {
      for (const rows of [8, 12, 24, 60]) {
        const lines = liveScreen(state({ tunnels, open, cleared }), { columns, rows, color: false });
        expect(lines.length).toBeLessThan(rows);
        if (columns >= 40) for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns);
      }
    }
  });

  it('keeps the name of a diagnosis whole at 50 columns', () => {
    const open = [finding({ id: 'ike.natt-4500-blocked', title: 'UDP 4500 is blocked on the way' })];
    for (const columns of [40, 50, 70, 110]) {
      const text = liveScreen(state({ open }), { columns, rows: 20, color: false }).join('\n');
      expect(text).toContain('ike.natt-4500-blocked');
    }
  });

  it('is plain ASCII where the terminal shows no more', () => {
    const open = [finding({ title: 'names (a, \u2026)' })];
    const text = liveScreen(state({ open }), { ...SIZE, ascii: true }).join('\n');
    expect(text).toContain('names (a, ...)');
  });

  it('lets nothing from a packet reach the terminal', () => {
    const evil = '\u001b[2J\u009b\u202e\nx';
    const lines = liveScreen(
      state({
        title: evil,
        open: [finding({ title: evil, subject: { kind: evil, endpoints: [evil] } })],
        cleared: [{ finding: finding({ title: evil, subject: { kind: evil } }), clearedAt: NOW }],
        tunnels: [tunnel({ state: evil, kind: evil })],
      }),
      SIZE,
    );
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe('lines', () => {
  const event = { event: 'cleared', finding: finding({ title: 'a\u001bb' }), clearedAt: NOW } as const;

  it('say what became of a finding', () => {
    const line = liveEventLine(event, NOW);
    expect(line).toMatch(/^2026-01-02 00:00:31\.500 CLEARED /);
    expect(line).toContain('until 2026-01-02 00:00:31.500');
    expect(line).not.toMatch(/\p{Cc}/u);
  });

  it('are objects for programs', () => {
    const read: unknown = JSON.parse(liveEventJson(event, NOW));
    expect(read).toMatchObject({
      type: 'finding',
      event: 'cleared',
      at: NOW,
      clearedAt: NOW,
      key: event.finding.key,
    });
  });

  it('list interfaces', () => {
    expect(interfaceLines([{ name: 'lo', description: 'Loop\u001b', addresses: ['::1'] }])).toBe(
      'lo  Loop\\u001b  ::1\n',
    );
  });
});
