import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import answers from './four-letter-words.js';

const read = (...lines: string[]) =>
  factsIn(answers, lines).map(({ word, host, isWell, answer }) => [word, host, isWell, answer]);

/* Answers of ZooKeeper 3.8.0 (Debian 12), before it serves and after. */
describe('words for ZooKeeper', () => {
  it('reads a server that serves', () => {
    expect(
      read(
        '$ echo ruok | nc zk-host 2181',
        'imok',
        '$ echo stat | nc zk-host 2181',
        `Zookeeper version: 3.8.0-\${mvngit.commit.id}, built on 2024-12-29 17:54 UTC`,
        'Clients:',
        ' /127.0.0.1:55112[0](queued=0,recved=1,sent=0)',
        'Mode: standalone',
      ),
    ).toEqual([
      ['ruok', 'zk-host', true, 'imok'],
      [
        'stat',
        'zk-host',
        true,
        `Zookeeper version: 3.8.0-\${mvngit.commit.id}, built on 2024-12-29 17:54 UTC`,
      ],
    ]);
  });

  it('reads one that does not serve yet, and one that does not answer the word', () => {
    expect(
      read(
        '$ echo stat | nc 192.0.2.7 2181',
        'This ZooKeeper instance is not currently serving requests',
        '$ echo mntr | nc 192.0.2.7 2181',
        'mntr is not executed because it is not in the whitelist.',
        '$ echo ruok | nc 192.0.2.7 2181',
        '$ ',
      ).map(([word, , isWell]) => [word, isWell]),
    ).toEqual([
      ['stat', false],
      ['mntr', true],
      ['ruok', false],
    ]);
  });
});
