import { describe, expect, it } from 'vitest';
import { factsIn, judgedBeside } from '../../../test/build/side-knowledge.js';
import lookupFailed from '../diagnoses/lookup-failed.js';
import lookups from './lookups.js';

const dig = (status: string, answers: number, ms: number): string[] => [
  '$ dig @10.0.0.2 backend.apps.internal',
  '; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> @10.0.0.2 backend.apps.internal',
  `;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 17122`,
  `;; flags: qr aa rd ra; QUERY: 1, ANSWER: ${answers}, AUTHORITY: 0, ADDITIONAL: 1`,
  ';; QUESTION SECTION:',
  ';backend.apps.internal.		IN	A',
  `;; Query time: ${ms} msec`,
  ';; SERVER: 10.0.0.2#53(10.0.0.2) (UDP)',
];
/** dig 9.18 where nothing answers. */
const TIMEOUT = [
  '; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> @192.0.2.53 www.example.org',
  ';; communications error to 192.0.2.53#53: timed out',
  ';; communications error to 192.0.2.53#53: timed out',
  ';; no servers could be reached',
];

const titles = async (...lines: string[]) =>
  (await judgedBeside(lookupFailed, lookups, lines)).map((one) =>
    one.result === 'problem' ? one.title : one.result,
  );

describe('output of dig and nslookup', () => {
  it('reads status, count, time and server', async () => {
    expect(factsIn(lookups, dig('NOERROR', 1, 2))).toMatchObject([
      { name: 'backend.apps.internal', server: '10.0.0.2', status: 'NOERROR', answers: 1, milliseconds: 2 },
    ]);
    expect(factsIn(lookups, TIMEOUT)).toMatchObject([{ server: '192.0.2.53', status: 'TIMEOUT' }]);
  });

  it('reads nslookup', async () => {
    expect(
      factsIn(lookups, [
        'Server:		10.96.0.10',
        'Address:	10.96.0.10#53',
        '',
        "** server can't find kubernetes.default: NXDOMAIN",
        'Server:		10.96.0.10',
        'Address:	10.96.0.10#53',
        'Name:	kubernetes.default.svc.cluster.local',
        'Address: 10.96.0.1',
      ]).map(({ name, server, status, answers }) => [name, server, status, answers]),
    ).toEqual([
      ['kubernetes.default', '10.96.0.10', 'NXDOMAIN', 0],
      ['kubernetes.default.svc.cluster.local', '10.96.0.10', 'NOERROR', 1],
    ]);
  });

  it('is judged by the last lookup of a name', async () => {
    expect(await titles(...dig('NOERROR', 1, 2))).toEqual(['healthy']);
    expect(await titles(...dig('NOERROR', 0, 2))).toEqual(['Name resolves to nothing']);
    expect(await titles(...dig('NXDOMAIN', 0, 2))).toEqual(['Name does not exist']);
    expect(await titles(...dig('SERVFAIL', 0, 2))).toEqual(['Name server answers SERVFAIL']);
    expect(await titles(...dig('NOERROR', 1, 2500))).toEqual(['Slow lookup']);
    expect(await titles(...TIMEOUT)).toEqual(['Lookup by hand times out']);
    expect(await titles(...dig('NXDOMAIN', 0, 2), ...dig('NOERROR', 1, 2))).toEqual(['healthy']);
  });
});
