import { describe, expect, it } from 'vitest';
import { complete } from './complete.js';
import { completionScript } from './completion-scripts.js';

const SOURCES = {
  ids: async () => ['esp.loss', 'ike.no-response', 'ike.notify'],
  interfaces: async () => ['eth0\tthe uplink', 'lo'],
};

const offered = (...words: string[]): Promise<string[]> => complete(words, SOURCES);

describe('what a TAB offers', () => {
  it.each([
    [['com'], ['compare', 'completion']],
    [['analyze', ''], []],
    [['analyze', 'a.pcap', ''], []],
    [['analyze', '-o', ''], []],
    [
      ['analyze', '--only', 'ike.'],
      ['ike.no-response', 'ike.notify'],
    ],
    [['analyze', '--only', 'esp.loss,ike.nt'], []],
    [['analyze', '--only', 'esp.loss,ike.not'], ['esp.loss,ike.notify']],
    [['analyze', '--only=ike.not'], ['--only=ike.notify']],
    [['analyze', '--only', '=', 'ike.not'], ['ike.notify']],
    [
      ['analyze', '--fail-on', '=', ''],
      ['error', 'warning', 'info', 'never'],
    ],
    [['analyze', '--fail-on', 'n'], ['never']],
    [
      ['analyze', '--color', ''],
      ['auto', 'always', 'never'],
    ],
    [['analyze', '--quiet', ''], []],
    [
      ['live', '-i', ''],
      ['eth0\tthe uplink', 'lo'],
    ],
    [['live', '--interface', 'l'], ['lo']],
    [['live', '--dump-on', 'w'], ['warning']],
    [
      ['explain', 'ike.'],
      ['ike.no-response', 'ike.notify'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
  ])('for %j: %j', async (words, expected) => expect(await offered(...words)).toEqual(expected));

  it('offers options with what they mean, hidden ones not', async () => {
    const lines = await offered('compare', '--');
    expect(lines).toContainEqual(expect.stringMatching(/^--offset\t./));
    expect(lines.join('\n')).not.toContain('chunk-bytes');
  });
});

describe('the script', () => {
  it('is the one of $SHELL where none is named', () => {
    expect(completionScript(null, '/usr/bin/zsh')).toContain('#compdef capan');
    expect(completionScript(null, '/usr/bin/fish')).toContain('complete -c capan');
    expect(completionScript(null, '/bin/dash')).toContain('complete -o bashdefault');
    expect(completionScript('bash', '/usr/bin/zsh')).toContain('complete -o bashdefault');
    expect(() => completionScript('tcsh', undefined)).toThrow('bash, zsh, fish');
  });
});
