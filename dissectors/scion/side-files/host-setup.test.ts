import { describe, expect, it } from 'vitest';
import { factsIn, judgedBeside } from '../../../test/build/side-knowledge.js';
import echoLoss from '../diagnoses/echo-loss.js';
import setupIncomplete from '../diagnoses/setup-incomplete.js';
import hostSetup from './host-setup.js';
import scmpEchoes from './scmp-echo.js';

const read = (...lines: string[]) =>
  factsIn(hostSetup, lines).map(({ what, isWell, detail }) => [what, isWell, detail]);

describe('set-up of a SCIONLab machine', () => {
  it('knows the listing of an archive by its files', async () => {
    const files = 'gen  README.md  run.sh  scion.service  Vagrantfile';
    expect(read('$ ls ', `client.conf  ${files}`)).toEqual([['archive', true, '']]);
    expect(read('$ ls', files)).toEqual([['archive', false, 'client.conf']]);
    expect(read('$ ls', 'notes.txt  pictures')).toEqual([]);
  });

  it('looks for sockets in the listings of /run/shm', async () => {
    const socket = 'srwxr-xr-x 1 ubuntu ubuntu   0 Sep 28 09:32 default.sock=';
    expect(read('host:~$ ll /run/shm/sciond/', 'total 0', socket)).toEqual([['sockets', true, '']]);
    expect(read('host:~$ ll /run/shm/sciond/', 'total 0')).toEqual([
      ['sockets', false, '/run/shm/sciond/default.sock'],
    ]);
    expect(read("ls: cannot access '/run/shm/dispatcher': No such file or directory")).toEqual([
      ['sockets', false, '/run/shm/dispatcher'],
    ]);
  });

  it('compares the version of Vagrant', async () => {
    expect(read('Vagrant 2.1.1')).toEqual([['vagrant-version', true, '2.1']]);
    expect(read('Vagrant 1.8.5')).toEqual([['vagrant-version', false, '1.8']]);
  });

  it('is judged by the last output of a kind', async () => {
    expect(await judgedBeside(setupIncomplete, hostSetup, ['Vagrant 1.8.5'])).toMatchObject([
      { result: 'problem', title: 'Vagrant too old' },
    ]);
    expect(await judgedBeside(setupIncomplete, hostSetup, ['Vagrant 1.8.5', 'Vagrant 2.1.1'])).toMatchObject([
      { result: 'healthy' },
    ]);
  });
});

describe('scmp echo', () => {
  const statistics = (received: number): string[] => [
    '--- 17-ffaa:0:1101,[127.0.0.1] statistics ---',
    `3 packets transmitted, ${received} received, 0% packet loss, time 2.382946s`,
  ];
  it('is judged by its statistics', async () => {
    expect(await judgedBeside(echoLoss, scmpEchoes, statistics(3))).toMatchObject([{ result: 'healthy' }]);
    expect(await judgedBeside(echoLoss, scmpEchoes, statistics(0))).toMatchObject([
      { result: 'problem', severity: 'error', counts: { unanswered: 3 } },
    ]);
  });
});
