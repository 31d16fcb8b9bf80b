import { describe, expect, it } from 'vitest';
import { bareCommands } from './bare-commands.js';
import { defineSideFileReader } from './side-file-reader.js';
import { textFile } from './text-file.js';

const links = defineSideFileReader<string>({
  kind: 'links',
  text: { words: { outputOf: ['ip -d link', 'vppctl show int'] }, read: () => [] },
  commands: ['store.json'],
  usedBy: ['host.link-down'],
});
const told = (text: string) => bareCommands(textFile('', text), [links]);

describe('commands without output', () => {
  it.each([
    ['ip -d link list silk-vtep', 'add its output, by which host.link-down is judged'],
    ['vpp# show int', 'add its output, by which host.link-down is judged'],
    ['less /var/vcap/store.json | json_pp', 'add its output, by which host.link-down is judged'],
    [
      'sg1# tcpdump -i eth1 -n',
      'it captures: give what it prints, best with -XX, or the file that -w writes',
    ],
    ['$ vagrant ssh', 'nothing that it prints is read'],
  ])('%s', (line, use) => expect(told(line)).toContain(`(${use})`));

  it('names what is of use first', () => {
    expect(told('$ pwd\n$ cd /\n$ ls\n# ip link')).toMatch(/^holds commands, .*: "ip link" \(add/);
  });

  it('are not seen in prose and in remarks', () => {
    expect(told('Roses are red')).toBeNull();
    expect(told('# nothing of use')).toBeNull();
    expect(told('{"level": "info"}')).toBeNull();
  });
});
