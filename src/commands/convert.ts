import { textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { openCaptureSource } from '../capture/file-source.js';
import { scratchChunk } from '../capture/input-file.js';
import { fileHead, interfaceBlock, packetBlocks } from '../live/pcapng-blocks.js';
import { toolIdentity } from '../report/tool.js';
import type { ConvertCommandOptions } from './convert-options.js';
import { EXIT } from './exit-code.js';
import { assertWritable, WholeFile, writeFailure } from './output-file.js';
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
    const { frames, left } = await writeFrames(source, output, signal);
    if (signal.aborted) return EXIT.interrupted;
    if (frames === 0) throw new UsageError(`${captures.join(', ')}: holds no packet, so nothing was written`);
    const rest = left === 0 ? '' : `, ${left} of an interface that the input does not describe were left out`;
    if (!quiet) terminal.message(`${output}: ${frames} frames${rest}`);
    return source.captures.some(({ damaged }) => damaged.length > 0) ? EXIT.damagedInput : EXIT.clean;
  } finally {
    await source.close();
  }
}

/** Writes the file where there are frames for it. @throws UsageError where it cannot be written. */
async function writeFrames(
  source: CaptureSource,
  output: string,
  signal: AbortSignal,
): Promise<{ frames: number; left: number }> {
  const chunk = scratchChunk();
  const total = { frames: 0, left: 0 };
  const { name, version } = toolIdentity();
  let file: WholeFile | null = null;
  let known = 0;
  try {
    while (!signal.aborted && (await source.fill(chunk))) {
      const { interfaces } = source;
      if (file === null) {
        file = new WholeFile(output);
        file.write(fileHead([], `${name} ${version}`));
      }
      for (; known < interfaces.length; known++) file.write(interfaceBlock(interfaces[known]));
      const { bytes, left } = packetBlocks(chunk, source.segments);
      file.write(bytes);
      total.frames += chunk.frameCount - left;
      total.left += left;
    }
    if (!signal.aborted && total.frames > 0) file?.complete();
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw writeFailure(output, error);
    throw error;
  } finally {
    file?.abandon();
  }
  return total;
}
