import { describe, expect, it } from 'vitest';
import { judgedBeside } from '../../../test/build/side-knowledge.js';
import zoneShift from '../diagnoses/zone-shift.js';
import hostDates from './host-dates.js';

const judge = (...lines: string[]) => judgedBeside(zoneShift, hostDates, lines);

describe('date and timedatectl', () => {
  it('tell hosts of different zones', async () => {
    const first = ['root@compute1:~# date', 'Thu Mar 26 13:24:34 JST 2015'];
    expect(await judge(...first, 'root@compute2:~# date', 'Thu 26 Mar 2015 01:24:36 PM JST')).toMatchObject([
      { result: 'healthy' },
    ]);
    expect(await judge(...first, 'root@compute2:~# date', 'Thu Mar 26 04:24:36 UTC 2015')).toMatchObject([
      { result: 'problem', explanation: expect.stringMatching(/compute1: JST .*compute2: UTC/) },
    ]);
  });

  it('tell a hardware clock in local time', async () => {
    const lines = ['Time zone: Europe/Berlin (CET, +0100)', 'RTC in local TZ: yes'];
    expect(await judge(...lines)).toMatchObject([
      { result: 'problem', title: 'Hardware clock in local time' },
    ]);
  });

  it('are whole lines', async () => {
    expect(await judge(';; WHEN: Fri Jan 25 01:58:30 UTC 2019')).toEqual([]);
  });
});
