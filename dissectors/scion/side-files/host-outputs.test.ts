import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import hostIsdAs from './gen-ia.js';
import scionStatus from './scion-status.js';

const PROMPT = 'ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$';

describe('what a SCION host prints', () => {
  it('reads gen/ia, behind which the next prompt stands', () => {
    expect(
      factsIn(hostIsdAs, [
        `${PROMPT} cat $SC/gen/ia`,
        `17-ffaa_1_64${PROMPT}`,
        `${PROMPT} ./bin/showpaths -srcIA 17-ffaa:1:99 -dstIA 17-ffaa:0:1101`,
      ]).map(({ isdAs }) => isdAs),
    ).toEqual(['17-ffaa:1:64', '17-ffaa:1:99']);
  });

  it('is silent where another file is printed', () => {
    expect(factsIn(hostIsdAs, [`${PROMPT} cat $SC/gen/dispatcher/config`, '17-ffaa_1_64'])).toEqual([]);
  });

  it('reads scion.sh status, showpaths and logs', () => {
    expect(
      factsIn(scionStatus, [
        `${PROMPT} ./scion.sh status`,
        'as17-ffaa_1_64:bs17-ffaa_1_64-1  FATAL     Exited too quickly (process log may have details)',
        'dispatcher                       STOPPED   Sep 28 09:32 AM',
        'Available paths to 17-ffaa:0:1101',
        '[ 0] Hops: [17-ffaa:1:64 1>16 17-ffaa:0:1107] Mtu: 1472',
        'Available paths to 17-ffaa:0:1102',
        'ERROR[09-28|12:47:16] Unable to connect to ZK                  id=595ed707 service=ps17-ffaa_1_64-1',
        '2018-09-28 12:00:01.123+0000 [CRITICAL] (MainThread) bs17-ffaa_1_64-1 no certificate',
      ]).map(({ kind, about }) => [kind, about]),
    ).toEqual([
      ['service-down', 'bs17-ffaa_1_64-1'],
      ['service-down', 'dispatcher'],
      ['paths-found', '17-ffaa:0:1101'],
      ['log-error', 'ps17-ffaa_1_64-1'],
      ['log-error', 'bs17-ffaa_1_64-1'],
      ['no-path', '17-ffaa:0:1102'],
    ]);
  });

  it('is silent on services that run', () => {
    expect(factsIn(scionStatus, ['dispatcher: started', 'as17-ffaa_1_64:br17-ffaa_1_64-1: started'])).toEqual(
      [],
    );
  });
});
