import { describe, expect, it } from 'vitest';
import { readCommandLine } from './command-line.js';
import type { LiveCommandOptions } from './live-options.js';
import { UsageError } from './usage-error.js';

async function read(line: string): Promise<LiveCommandOptions> {
  const invocation = await readCommandLine(['live', ...line.split(' ').filter(Boolean)], '1');
  if (invocation.command !== 'live') throw new Error(`read as ${invocation.command}`);
  return invocation.options;
}

describe('capan live', () => {
  it('takes an interface and a filter of several words', async () => {
    expect((await read('-i eth0 udp port 4789 and not host 10.0.0.1')).origin).toEqual({
      kind: 'interface',
      interfaces: ['eth0'],
      filter: 'udp port 4789 and not host 10.0.0.1',
    });
  });

  it('takes every option', async () => {
    const options = await read(
      '-i a -i b --backend dumpcap --duration 15m --packets 1000 --write x.pcapng --ring 10,100M ' +
        '--dump-on warning out --format ndjson --fail-on warning --local 10.0.0.1 --quiet',
    );
    expect(options).toMatchObject({
      origin: { kind: 'interface', interfaces: ['a', 'b'], backend: 'dumpcap', filter: '' },
      durationSeconds: 900,
      packets: 1000,
      write: 'x.pcapng',
      ring: { files: 10, bytes: 100e6 },
      dumpOn: { severity: 'warning', folder: 'out' },
      format: 'ndjson',
      failOn: 'warning',
      local: ['10.0.0.1'],
      quiet: true,
    });
  });

  it('tells its other inputs apart', async () => {
    expect((await read('-')).origin).toEqual({ kind: 'stdin' });
    expect((await read('--list')).origin).toEqual({ kind: 'list' });
    expect((await read('--ssh u@h -i eth0 icmp')).origin).toEqual({
      kind: 'ssh',
      host: 'u@h',
      interfaces: ['eth0'],
      filter: 'icmp',
    });
    expect((await read('--a-command x --b-command y')).origin).toEqual({ kind: 'both-ends', a: 'x', b: 'y' });
  });

  it.each(['90', '90s', '1.5m'])('takes the duration %s', async (text) => {
    expect((await read(`-i a --duration ${text}`)).durationSeconds).toBe(90);
  });

  it.each([
    ['', /name an interface/],
    ['- -i a', /not both/],
    ['- udp', /piped in cannot be filtered/],
    ['-i a --ring 3,1M', /--ring needs --write/],
    ['-i a --write x --ring 3', /--ring needs N,SIZE/],
    ['-i a --write x --ring 0,1M', /--ring needs N,SIZE/],
    ['-i a --write x --ring 2,1k', /--ring needs N,SIZE/],
    ['-i a --duration 0', /--duration needs/],
    ['-i a --duration soon', /--duration needs/],
    ['-i a --packets 0', /--packets needs/],
    ['-i a --dump-on loud x', /--dump-on needs a severity/],
    ['-i a --dump-on error', /--dump-on needs/],
    ['-i a --backend wireshark', /backend/i],
    ['-i a --ssh h --backend dumpcap', /leave --backend out/],
    ['--a-command x', /go together/],
    ['--a-command x --b-command y -i a', /leave out -i/],
    ['-i a --no-such', /unknown option/],
  ])('refuses: live %s', async (line, message) => {
    await expect(read(line)).rejects.toThrow(UsageError);
    await expect(read(line)).rejects.toThrow(message);
  });
});
