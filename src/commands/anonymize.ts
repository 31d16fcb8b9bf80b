import { randomBytes } from 'node:crypto';
import { dissectors, textCaptures } from '../../dissectors/index.js';
import { FrameRewriter } from '../anonymize/frame-rewriter.js';
import { Renaming } from '../anonymize/renaming.js';
import type { CaptureInterface, CaptureSource } from '../capture/capture-source.js';
import { openCaptureSource } from '../capture/file-source.js';
import { scratchChunk } from '../capture/input-file.js';
import { fileHead, interfaceBlock, packetBlocks } from '../live/pcapng-blocks.js';
import { toolIdentity } from '../report/tool.js';
import { netOf } from '../select/filter-terms.js';
import { formatAddress } from '../wire/address.js';
import { addressBytes } from '../wire/address-bytes.js';
import type { AnonymizeCommandOptions } from './anonymize-options.js';
import { EXIT } from './exit-code.js';
import { assertWritable, WholeFile, writeFailure } from './output-file.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

const KEY_BYTES = 32;

function portsOf(protocol: string): readonly number[] {
  return dissectors.find((one) => one.protocol === protocol)?.carriedBy.udpPort ?? [];
}

function tcpPortsOf(protocol: string): readonly number[] {
  return dissectors.find((one) => one.protocol === protocol)?.carriedBy.tcpPort ?? [];
}

/** Writes frames under the names that a key gives. */
export function rewriterFor(key: string | Buffer): {
  readonly rewriter: FrameRewriter;
  readonly names: Renaming;
} {
  const names = new Renaming(key);
  const ports = {
    vxlan: portsOf('vxlan'),
    geneve: portsOf('geneve'),
    bfd: portsOf('bfd'),
    openvpnUdp: portsOf('openvpn'),
    bgp: tcpPortsOf('bgp'),
    openvpn: tcpPortsOf('openvpn'),
  };
  return { names, rewriter: new FrameRewriter(names, ports) };
}

/**
 * `capan anonymize`: the frames of captures under other names, as one pcapng file.
 * @returns the exit code.
 * @throws UsageError, CaptureError
 */
export async function runAnonymize(
  { captures, output, key, quiet }: AnonymizeCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  assertWritable(output, captures);
  const renaming = rewriterFor(key ?? randomBytes(KEY_BYTES));
  const source = await openCaptureSource(captures, textCaptures);
  try {
    const frames = await writeFrames(source, output, renaming, signal);
    if (signal.aborted) return EXIT.interrupted;
    if (frames === 0) throw new UsageError(`${captures.join(', ')}: holds no packet, so nothing was written`);
    if (!quiet) terminal.message(`${output}: ${frames} frames under other names`);
    return source.captures.some(({ damaged }) => damaged.length > 0) ? EXIT.damagedInput : EXIT.clean;
  } finally {
    await source.close();
  }
}

async function writeFrames(
  source: CaptureSource,
  output: string,
  { names, rewriter }: ReturnType<typeof rewriterFor>,
  signal: AbortSignal,
): Promise<number> {
  const chunk = scratchChunk();
  const { name, version } = toolIdentity();
  let file: WholeFile | null = null;
  let written = 0;
  let known = 0;
  try {
    while (!signal.aborted && (await source.fill(chunk))) {
      if (file === null) {
        file = new WholeFile(output);
        file.write(fileHead([], `${name} ${version}`, 'anonymized'));
      }
      for (; known < source.interfaces.length; known++)
        file.write(interfaceBlock(renamedInterface(source.interfaces[known], names)));
      const { offset, capturedLength, linkType } = chunk.frames;
      for (let index = 0; index < chunk.frameCount; index++)
        rewriter.rewrite(
          chunk.bytes.subarray(offset[index], offset[index] + capturedLength[index]),
          linkType[index],
        );
      const { bytes, left } = packetBlocks(chunk, source.segments);
      file.write(bytes);
      written += chunk.frameCount - left;
    }
    if (!signal.aborted && written > 0) file?.complete();
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw writeFailure(output, error);
    throw error;
  } finally {
    file?.abandon();
  }
  return written;
}

/** A capture filter names hosts. */
function renamedInterface(one: CaptureInterface, names: Renaming): CaptureInterface {
  if (one.filter === null) return one;
  const filter = one.filter.replace(/[0-9a-fA-F:.]{3,}/g, (word) => {
    const bytes = addressBytes(word);
    if (bytes === null) return word;
    const fresh = names.address(bytes);
    return formatAddress(netOf(fresh, fresh.length * 8).words);
  });
  return { ...one, filter };
}
