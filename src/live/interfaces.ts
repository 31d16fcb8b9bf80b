import { networkInterfaces } from 'node:os';
import { CaptureError } from '../capture/capture-error.js';
import { findProgram } from './programs.js';
import { runToEnd } from './run-to-end.js';

/** An interface that can be captured on. */
export interface InterfaceListing {
  readonly name: string;
  readonly description: string;
  readonly addresses: readonly string[];
}

/**
 * What dumpcap, else tcpdump, offers to capture on.
 * @throws CaptureError where neither is installed, or none may be used.
 */
export async function listInterfaces(): Promise<InterfaceListing[]> {
  const dumpcap = findProgram('dumpcap');
  if (dumpcap !== null) {
    const { stdout } = await runToEnd({ program: dumpcap, args: ['-D', '-M'] });
    const listed = parseDumpcapList(stdout);
    if (listed.length > 0) return listed;
  }
  const tcpdump = findProgram('tcpdump');
  if (tcpdump !== null) {
    const { stdout } = await runToEnd({ program: tcpdump, args: ['-D'] });
    const listed = parseTcpdumpList(stdout);
    if (listed.length > 0) return listed;
  }
  throw new CaptureError(
    dumpcap === null && tcpdump === null
      ? NOTHING_INSTALLED
      : 'no interface may be captured on by this user; run as root, or join the group wireshark',
    '',
  );
}

/** For a shell that completes: never fails, and knows the interfaces of this machine where no program lists them. */
export async function interfaceNames(): Promise<string[]> {
  try {
    return (await listInterfaces()).map(({ name, description }) =>
      description === '' ? name : `${name}\t${description}`,
    );
  } catch {
    return Object.keys(networkInterfaces());
  }
}

export const NOTHING_INSTALLED =
  'neither dumpcap nor tcpdump is installed; install one (Debian: apt install wireshark-common or tcpdump), or pipe a capture in: ssh HOST tcpdump -U -w - | capan live -';

/** Lines of `dumpcap -D -M`: "1. NAME", vendor, description, type, addresses, "network" or "loopback", by tabs. */
export function parseDumpcapList(text: string): InterfaceListing[] {
  return text.split('\n').flatMap((line) => {
    const [numbered = '', vendor = '', friendly = '', , addresses = ''] = line.split('\t');
    const name = /^\d+\. (.+)$/.exec(numbered.trim())?.[1];
    if (name === undefined) return [];
    return [
      {
        name,
        description: [vendor, friendly].filter((part) => part !== '').join(', '),
        addresses: addresses.split(',').filter((address) => address !== ''),
      },
    ];
  });
}

/** Lines of `tcpdump -D`: "1.NAME (description) [flags]". */
export function parseTcpdumpList(text: string): InterfaceListing[] {
  return text.split('\n').flatMap((line) => {
    const [, name, description = '', flags = ''] =
      /^\d+\.(\S+)(?: \((.*?)\))?(?: \[(.*)\])?\s*$/.exec(line) ?? [];
    if (name === undefined) return [];
    return [{ name, description: description === '' ? flags : description, addresses: [] }];
  });
}
