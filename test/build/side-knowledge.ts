import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import type { Configuration } from '../../src/side-files/configuration.js';
import type { SideFileReader } from '../../src/side-files/side-file-reader.js';
import { CollectedKnowledge } from '../../src/side-files/side-knowledge.js';
import { textFile } from '../../src/side-files/text-file.js';
import { runFrames } from './run-capture.js';

/** What a reader takes from the lines of a text. */
export function factsIn<Fact>(
  { text }: SideFileReader<Fact>,
  lines: readonly string[],
  file = 'pasted.txt',
): readonly Fact[] {
  return text?.read(textFile(file, lines.join('\r\n'))) ?? [];
}

/** Knowledge without any file; `add` puts facts in. */
export function knowledge(configuration: Configuration | null = null): CollectedKnowledge {
  const known = new CollectedKnowledge();
  known.configuration = configuration;
  return known;
}

/** What a diagnosis says of the lines of one reader, beside a capture without a packet. */
export async function judgedBeside<Fact>(
  diagnosis: Diagnosis,
  reader: SideFileReader<Fact>,
  lines: readonly string[],
): Promise<Judgement[]> {
  const side = knowledge().add(reader, factsIn(reader, lines));
  return (await runFrames([], { dissectors: [] }, undefined, side)).judge(diagnosis);
}
