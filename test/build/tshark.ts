import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why tests that ask tshark are skipped, or null where it is there. */
export const tsharkMissing: string | null =
  spawnSync('tshark', ['--version']).status === 0 ? null : 'tshark is not installed';

/** Test options: tshark takes half a second to start, and more on a busy machine. */
export const TSHARK_RUNS = { timeout: 120_000 } as const;

/** Bad checksums and bytes that do not dissect, where tshark is told to look for them. */
export const MALFORMED =
  '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0';

/** What tshark prints of each frame that passes the display filter: one row a frame, one column a field. */
export function tsharkFields(capture: Uint8Array, fields: readonly string[], displayFilter = ''): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'capan-tshark-'));
  try {
    const file = join(folder, 'capture');
    writeFileSync(file, capture);
    const checks = ['ip', 'udp', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
    const columns = fields.flatMap((field) => ['-e', field]);
    const args = ['-n', '-r', file, ...checks, '-Y', displayFilter, '-T', 'fields', ...columns];
    const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return lines
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
