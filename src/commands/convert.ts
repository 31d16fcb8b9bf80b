import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { openCaptureSource } from '../capture/file-source.js';
import { scratchChunk } from '../capture/input-file.js';
import { fileHead, interfaceBlock, packetBlocks } from '../live/pcapng-blocks.js';
import { toolIdentity } from '../report/tool.js';
import type { ConvertCommandOptions } from './convert-options.js';
import { EXIT } from './exit-code.js';
import { assertWritable, writeFailure } from './output-file.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan convert`: the frames of anything that is read, in order of time, as one pcapng file. It takes the place of
 * another one only when it is whole.
 * @returns the exit code.
 * @throws UsageError, CaptureError
 */
export async function runConvert(
  { captures, output, quiet }: ConvertCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  assertWritable(output, captures);
  const source = await openCaptureSource(captures, textCaptures);
  try {
    const partial = `${output}.partial-${process.pid}`;
    const { frames, left } = await writeFile(source, partial, signal).catch((error: unknown) => {
      rmSync(partial, { force: true });
      throw error;
    });
    const isOver = signal.aborted;
    if (isOver || frames === 0) rmSync(partial, { force: true });
    if (isOver) return EXIT.interrupted;
    if (frames === 0) throw new UsageError(`${captures.join(', ')}: holds no packet, so nothing was written`);
    renameSync(partial, output);
    const rest = left === 0 ? '' : `, ${left} of an interface that the input does not describe were left out`;
    if (!quiet) terminal.message(`${output}: ${frames} frames${rest}`);
    return source.captures.some(({ damaged }) => damaged.length > 0) ? EXIT.damagedInput : EXIT.clean;
  } finally {
    await source.close();
  }
}

async function writeFile(
  source: CaptureSource,
  path: string,
  signal: AbortSignal,
): Promise<{ frames: number; left: number }> {
  const chunk = scratchChunk();
  const total = { frames: 0, left: 0 };
  let descriptor = -1;
  let known = 0;
  const write = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
  };
  const { name, version } = toolIdentity();
  try {
    while (!signal.aborted && (await source.fill(chunk))) {
      const { interfaces } = source;
      if (descriptor < 0) {
        descriptor = openSync(path, 'w');
        write(fileHead([], `${name} ${version}`));
      }
      for (; known < interfaces.length; known++) write(interfaceBlock(interfaces[known]));
      const { bytes, left } = packetBlocks(chunk, source.segments);
      write(bytes);
      total.frames += chunk.frameCount - left;
      total.left += left;
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw writeFailure(path, error);
    throw error;
  } finally {
    if (descriptor >= 0) closeSync(descriptor);
  }
  return total;
}
