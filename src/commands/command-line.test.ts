import { describe, expect, it } from 'vitest';
import { type Invocation, readCommandLine } from './command-line.js';
import { UsageError } from './usage-error.js';

function read(...args: string[]): Promise<Invocation> {
  return readCommandLine(args, '1.2.3');
}

describe('capan analyze', () => {
  it('has defaults', async () => {
    expect(await read('analyze', 'a.pcap')).toEqual({
      command: 'analyze',
      options: {
        captures: ['a.pcap'],
        format: 'text',
        only: [],
        skip: [],
        failOn: 'error',
        local: [],
        color: 'auto',
        quiet: false,
        verbose: false,
      },
    });
  });

  it('takes every option', async () => {
    const line =
      'analyze a b --format ndjson -o out --only esp.*,ike.? --only x --skip y --min-severity warning ' +
      '--fail-on never --threads 0 --local 10.0.0.1,fe80::1 --no-color --verbose --chunk-bytes 300 ' +
      '--config c --topology t --tags g --store s1 --store s2 --log l,m';
    expect(await read(...line.split(' '))).toEqual({
      command: 'analyze',
      options: {
        captures: ['a', 'b'],
        format: 'ndjson',
        output: 'out',
        only: ['esp.*', 'ike.?', 'x'],
        skip: ['y'],
        minSeverity: 'warning',
        failOn: 'never',
        threads: 0,
        local: ['10.0.0.1', 'fe80::1'],
        color: 'never',
        quiet: false,
        verbose: true,
        chunkBytes: 300,
        sideFiles: { config: 'c', topology: ['t'], tags: ['g'], store: ['s1', 's2'], log: ['l,m'] },
      },
    });
  });

  it.each([
    [['-'], ['-']],
    [
      ['a', '--only', 'x', 'b'],
      ['a', 'b'],
    ],
    [
      ['007', '0x10', '1e5'],
      ['007', '0x10', '1e5'],
    ],
    [
      ['--', '-odd', '--format'],
      ['-odd', '--format'],
    ],
    [['a', '-o', '-'], ['a']],
  ])('takes the words %j as the captures %j', async (words, captures) => {
    expect(await read('analyze', ...words)).toMatchObject({ options: { captures } });
  });

  it('writes to stdout for -o -', async () => {
    expect(await read('analyze', 'a', '-o', '-')).not.toHaveProperty('options.output');
  });

  it.each([
    ['analyze', 'name at least one capture'],
    ['analyze --bogus f', 'unknown option --bogus; see capan analyze --help'],
    ['analyze f --formt json', 'unknown option --formt; did you mean --format?'],
    ['analyze f --config x --config y', '--config is given more than once'],
    ['analyze f --topology', '--topology needs a value'],
    ['analyze f --no-quiet', 'unknown option --no-quiet'],
    ['analyze f -x', 'unknown argument: x'],
    ['analyze f --format xml', 'Given: "xml"'],
    ['analyze f --format', '--format needs a value'],
    ['analyze f --format json --format text', '--format is given more than once'],
    ['analyze f --min-severity never', 'Given: "never"'],
    ['analyze f --threads 2x', "--threads needs a whole number from 0 to 256, not '2x'"],
    ['analyze f --threads=-1', "not '-1'"],
    ['analyze f --chunk-bytes 0', '--chunk-bytes needs a whole number from 1'],
    ['analyze f --local sg1', "--local needs an IPv4 or IPv6 address, not 'sg1'"],
    ['analyze f --only a,,b', '--only has an empty entry'],
    ['analyze f --quiet --verbose', '--quiet and --verbose exclude each other'],
    ['', 'name a command'],
    ['x.pcap', 'to analyse captures: capan analyze x.pcap'],
    ['analyse x', 'did you mean: capan analyze x'],
    ['lvie -i eth0', 'did you mean: capan live -i eth0'],
    ['help', 'did you mean: capan --help'],
    ['analyze f --color sometimes', "--color is one of auto, always, never, not 'sometimes'"],
    ['compare a', 'name two captures'],
    ['compare a b c', 'compare takes two captures, not 3'],
    ['compare --at x=a.pcap', '--at needs at least two points'],
    ['compare --at a.pcap', "--at needs NAME=FILE, not 'a.pcap'"],
    ['compare a b --at x=c', '--at names every capture'],
    ['compare a b --offset soon', "--offset needs seconds such as -3.217, not 'soon'"],
    ['compare - -', 'stdin (-) can be one of the captures only'],
    ['explain a b', 'explain takes one id, not 2'],
    ['explain --format json', 'unknown option --format'],
  ])('refuses "%s" in one line', async (line, message) => {
    const failure = await read(...line.split(' ').filter((word) => word !== '')).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(UsageError);
    if (!(failure instanceof UsageError)) return;
    expect(failure.message).toContain(message);
    expect(failure.message).not.toContain('\n');
  });
});

describe('the rest of the command line', () => {
  it('reads explain', async () => {
    expect(await read('explain')).toEqual({ command: 'explain', id: null, color: 'auto' });
    expect(await read('explain', 'esp.loss')).toEqual({
      command: 'explain',
      id: 'esp.loss',
      color: 'auto',
    });
  });

  it('answers help, version and completion without printing', async () => {
    expect(await read('--version')).toEqual({ command: 'print', text: '1.2.3\n' });
    expect(await read('analyze', '--help')).toMatchObject({ text: expect.stringContaining('--fail-on') });
    expect(await read('analyze', '--help')).not.toMatchObject({
      text: expect.stringContaining('chunk-bytes'),
    });
    expect(await read('completion', 'fish')).toEqual({ command: 'completion', shell: 'fish' });
    expect(await read('completion')).toEqual({ command: 'completion', shell: null });
  });
});
