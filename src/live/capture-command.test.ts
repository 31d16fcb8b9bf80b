import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dumpcapCommand, sshCommand, tcpdumpCommand } from './capture-command.js';
import { filterFailure, isInterfaceGone, startFailure } from './failure-lines.js';
import { parseDumpcapList, parseTcpdumpList } from './interfaces.js';
import { shellWords } from './shell-words.js';
import { dropsToldBy } from './told-drops.js';

describe('commands', () => {
  it('gives dumpcap all interfaces, with the filter in front of them', () => {
    const { args } = dumpcapCommand('dumpcap', { interfaces: ['a', 'b'], filter: 'udp port 53' });
    expect(args.join(' ')).toBe('-q -n -B 64 -f udp port 53 -i a -i b -w -');
    expect(dumpcapCommand('dumpcap', { interfaces: ['a'], filter: '' }).args).not.toContain('-f');
  });

  it('gives tcpdump one interface, and the filter where it cannot be an option', () => {
    const { args } = tcpdumpCommand('tcpdump', { interfaces: ['a'], filter: '-w /etc/passwd' });
    expect(args.slice(-2)).toEqual(['--', '-w /etc/passwd']);
    expect(() => tcpdumpCommand('tcpdump', { interfaces: ['a', 'b'], filter: '' })).toThrow(/one interface/);
  });

  it('quotes every word for a shell', () => {
    const words = ['a b', "it's", '$(reboot)', '', '`x`', '\\', '"', '*', '-n'];
    const out = execFileSync('sh', ['-c', `printf '%s\\n' ${shellWords(words)}`], { encoding: 'utf8' });
    expect(out.split('\n').slice(0, -1)).toEqual(words);
  });
});

/** What the remote tcpdump gets, when a shell runs the command as sshd would. */
function remoteArguments(host: string, filter: string, connection: string | undefined): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'capan-ssh-'));
  try {
    const fake = join(folder, 'tcpdump');
    writeFileSync(fake, '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n');
    chmodSync(fake, 0o755);
    const { args } = sshCommand('ssh', host, { interfaces: ["et'h0"], filter });
    const remote = args[args.length - 1];
    const { SSH_CONNECTION: _own, ...env } = process.env;
    const out = execFileSync('sh', ['-c', remote], {
      encoding: 'utf8',
      env: {
        ...env,
        PATH: `${folder}:${process.env.PATH}`,
        ...(connection === undefined ? {} : { SSH_CONNECTION: connection }),
      },
    });
    return out.split('\n').slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('ssh', () => {
  it('leaves out its own session, and nothing of the shell reaches the filter', () => {
    const words = remoteArguments('h', 'udp port 53 or $(id) "x"', '10.0.0.9 50022 10.0.0.1 22');
    expect(words.slice(0, 5).join(' ')).toBe('-n -U -s 0 -i');
    expect(words.slice(5)).toEqual([
      "et'h0",
      '-w',
      '-',
      'not (tcp and host 10.0.0.9 and host 10.0.0.1 and port 50022 and port 22) and (udp port 53 or $(id) "x")',
    ]);
  });

  it('takes the zone off link-local addresses', () => {
    expect(remoteArguments('h', '', 'fe80::9%eth0 50022 fe80::1%eth0 22').at(-1)).toBe(
      'not (tcp and host fe80::9 and host fe80::1 and port 50022 and port 22)',
    );
  });

  it('leaves out port 22 where the session is not known', () => {
    expect(remoteArguments('h', '', undefined).at(-1)).toBe('not (tcp port 22)');
  });

  it('refuses hosts that are options, and keeps the host behind --', () => {
    expect(() => sshCommand('ssh', '-oProxyCommand=x', { interfaces: ['a'], filter: '' })).toThrow(/host/);
    const { args } = sshCommand('ssh', 'u@h', { interfaces: ['a'], filter: '' });
    expect(args[args.indexOf('--') + 1]).toBe('u@h');
  });
});

describe('what the programs say', () => {
  it('becomes one line with a remedy', () => {
    const denied =
      'Capturing on \'v0\'\ndumpcap: You do not have permission to capture on device "v0".\n(socket: Operation not permitted)\n';
    expect(startFailure('dumpcap', ['v0'], denied)).toMatch(
      /^no permission to capture on v0; .*setcap.*dumpcap/,
    );
    expect(startFailure('tcpdump', ['v0'], "tcpdump: v0: You don't have permission to perform this")).toMatch(
      /setcap.*tcpdump/,
    );
    expect(
      startFailure('tcpdump', ['x'], 'tcpdump: x: No such device exists\n(No such device exists)'),
    ).toMatch(/no interface x.*--list/);
    expect(startFailure('ssh', ['x'], 'ssh: connect to host h port 22: Connection refused\r\n')).toBe(
      'the capture over ssh did not start: ssh: connect to host h port 22: Connection refused',
    );
  });

  it('names what is wrong with a filter', () => {
    const said = `dumpcap: Invalid capture filter "udp prot 3" for interface 'v0'.\n\nThat string isn't a valid capture filter (can't parse filter expression: syntax error).\n`;
    expect(filterFailure('udp prot 3', said)).toBe(
      "the capture filter 'udp prot 3' is wrong: syntax error; see man pcap-filter",
    );
  });

  it('knows an interface that went away', () => {
    expect(
      isInterfaceGone('dumpcap: The network adapter "d" is no longer attached; the capture has stopped.'),
    ).toBe(true);
    expect(isInterfaceGone('tcpdump: pcap_loop: The interface disappeared')).toBe(true);
    expect(isInterfaceGone('Packets captured: 8')).toBe(false);
  });

  it('holds the drops', () => {
    const dumpcap =
      "Packets received/dropped on interface 'v0': 8/2 (pcap:2/dumpcap:0/flushed:0/ps_ifdrop:0) (80.0%)\n" +
      "Packets received/dropped on interface 'Loopback: lo': 0/3 (pcap:3/dumpcap:0)\n";
    expect(dropsToldBy('dumpcap', dumpcap)).toBe(5);
    expect(
      dropsToldBy('tcpdump', '2 packets captured, 9 packets received by filter, 7 packets dropped by kernel'),
    ).toBe(7);
    expect(dropsToldBy('tcpdump', '1 packet dropped by kernel\n4 packets dropped by interface\n')).toBe(5);
    expect(dropsToldBy('tcpdump', 'listening on v0')).toBe(null);
    expect(dropsToldBy('cap', '7 packets dropped by kernel')).toBe(null);
  });

  it('lists interfaces', () => {
    const dumpcap =
      '1. v1\t\t\t0\tfe80::1,10.0.0.1\tnetwork\t\n2. lo\t\tLoopback\t0\t127.0.0.1\tloopback\t\n';
    expect(parseDumpcapList(dumpcap)).toEqual([
      { name: 'v1', description: '', addresses: ['fe80::1', '10.0.0.1'] },
      { name: 'lo', description: 'Loopback', addresses: ['127.0.0.1'] },
    ]);
    const tcpdump = '1.v1 [Up, Running]\n2.any (Pseudo-device that captures on all interfaces) [Up]\n';
    expect(parseTcpdumpList(tcpdump).map(({ name, description }) => [name, description])).toEqual([
      ['v1', 'Up, Running'],
      ['any', 'Pseudo-device that captures on all interfaces'],
    ]);
  });
});
