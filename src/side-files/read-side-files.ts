import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate as otherEvents } from 'node:timers/promises';
import { bareCommands } from './bare-commands.js';
import { type ConfigurationTerms, isConfiguration, readConfiguration } from './configuration.js';
import { jsonBlocks } from './json-blocks.js';
import { SideFileError } from './side-file-error.js';
import {
  defineSideFileReader,
  type JsonReading,
  type SideFileOption,
  type SideFileReader,
} from './side-file-reader.js';
import { CollectedKnowledge, type SideKnowledge } from './side-knowledge.js';
import tcpdumpSummaries from './tcpdump-summary.js';
import { jsonValue, LINES_MAX, looksLikeJson, SIDE_FILE_BYTES_MAX, textFile } from './text-file.js';

/** Side files by the option that names them. Paths. */
export interface SideFilePaths {
  readonly config?: string;
  readonly topology?: readonly string[];
  readonly tags?: readonly string[];
  readonly store?: readonly string[];
  readonly log?: readonly string[];
}

/** What the reading asks of the catalogue. */
export interface SideFileCatalogue extends ConfigurationTerms {
  readonly readers: readonly SideFileReader[];
}

const OPTIONS: readonly SideFileOption[] = ['config', 'topology', 'tags', 'store'];

/**
 * Reads what the operator gives beside the captures. Kinds are told by content, whatever option names the file. A text of
 * which nothing is known, or that is damaged, is listed with a warning: a log is no reason to withhold what packets show.
 * @param pastes texts that are captures, or were given as such: what they hold beside packets
 * @throws SideFileError in one line, for a file that cannot be opened and for a configuration that is wrong.
 */
export async function readSideFiles(
  paths: SideFilePaths,
  catalogue: SideFileCatalogue,
  pastes: readonly { readonly file: string; readonly content: string }[] = [],
): Promise<SideKnowledge> {
  const reading = new Reading(catalogue);
  const given = OPTIONS.flatMap((option) =>
    [paths[option] ?? []].flat().map((path) => ({ path, option: option as SideFileOption | null })),
  );
  for (const path of paths.log ?? []) given.push({ path, option: null });
  const nameOf = namesOf(given.map(({ path }) => path));
  for (const { path, option } of given) {
    const content = await contentOf(path);
    try {
      await reading.take(nameOf(path), content, option);
    } catch (error) {
      // Reports cite the name alone; the person who repairs the file needs the path.
      throw error instanceof SideFileError ? new SideFileError(path, error.detail) : error;
    }
  }
  for (const { file, content } of pastes) await reading.takePaste(basename(file), content);
  return reading.knowledge;
}

/** Longer texts let other events in between readers. */
const LINES_AT_ONCE = 10_000;

interface Found {
  readonly kind: string;
  readonly facts: number;
}

/** Asks every reader of the catalogue who recognises a file, and keeps what they take from it. */
export class Reading {
  readonly knowledge = new CollectedKnowledge();
  private readonly readers: readonly SideFileReader[];
  /** Of the text that is being read: how much of it nobody was given. */
  private linesLeftOut = 0;

  constructor(catalogue: SideFileCatalogue) {
    this.readers = [configurationReader(this.knowledge, catalogue), tcpdumpSummaries, ...catalogue.readers];
    this.knowledge.recognisable.push(...this.readers);
  }

  /**
   * Adds what one file says.
   * @param option that named it; null: any kind.
   * @throws SideFileError for a configuration that cannot be used.
   */
  async take(file: string, content: string, option: SideFileOption | null): Promise<void> {
    if (option === 'config') {
      this.list(file, await this.takeJson(file, content, this.readerFor(file, option)));
      return;
    }
    const wanted = option === null ? null : this.readerFor(file, option);
    try {
      const found = await this.takeAnything(file, content, wanted);
      const isOther = wanted !== null && found.every(({ kind }) => kind !== wanted.kind);
      if (found.length === 0) this.list(file, found, nothingKnown(content, wanted, this.readers));
      else this.list(file, found, isOther ? `holds no ${wanted.kind}; read as what it is` : undefined);
    } catch (error) {
      if (!(error instanceof SideFileError)) throw error;
      this.list(file, [], `was not read: ${error.detail}`);
    }
  }

  /** Adds what a pasted terminal says; what is not known in it is no mistake. */
  async takePaste(file: string, content: string): Promise<void> {
    const found = await this.takeText(file, content);
    for (const json of jsonBlocks(content)) {
      const reader = this.readers.filter(isOfJson).find((one) => one.json.recognises(json));
      // Thresholds are set by the operator, not by what somebody pasted.
      if (reader === undefined || reader.json.option === 'config') continue;
      try {
        found.push(this.keep(reader, await reader.json.read(file, json)));
      } catch (error) {
        // An excerpt: what it lacks cannot be asked for.
        if (!(error instanceof SideFileError)) throw error;
      }
    }
    if (found.length > 0 || this.linesLeftOut > 0) this.list(file, found);
  }

  private list(file: string, found: readonly Found[], ...warnings: (string | undefined)[]): void {
    if (this.linesLeftOut > 0) {
      warnings.push(`was read up to line ${LINES_MAX}: ${this.linesLeftOut} more lines were left out`);
      this.linesLeftOut = 0;
    }
    const warning = warnings.flatMap((one) => one ?? []).join('; ');
    this.knowledge.files.push({
      file,
      kinds: [...new Set(found.map(({ kind }) => kind))],
      facts: found.reduce((sum, { facts }) => sum + facts, 0),
      ...(warning === '' ? {} : { warning }),
    });
  }

  /** JSON or text; text in the midst of which JSON was pasted is text. */
  private async takeAnything(file: string, content: string, wanted: JsonReader | null): Promise<Found[]> {
    if (!looksLikeJson(content)) return this.takeText(file, content);
    try {
      const found = await this.takeJson(file, content, wanted);
      return found.length > 0 ? found : await this.takeText(file, content);
    } catch (error) {
      const found = await this.takeText(file, content);
      if (found.length > 0) return found;
      throw error;
    }
  }

  private async takeJson(file: string, content: string, wanted: JsonReader | null): Promise<Found[]> {
    const value = jsonValue(file, content);
    if (value === null) {
      throw new SideFileError(
        file,
        `holds no JSON; expected ${wanted?.json.words ?? 'a configuration'}; give logs and outputs with --log`,
      );
    }
    const reader = this.readers.filter(isOfJson).find(({ json }) => json.recognises(value)) ?? null;
    if (reader !== null && reader !== wanted && wanted?.json.option === 'config') {
      throw new SideFileError(
        file,
        `holds ${reader.json.words}, not ${wanted.json.words}; give it with --${reader.json.option ?? 'log'}`,
      );
    }
    // A file of the wanted kind that lacks what it is told by gets the word of its own reader.
    const used = reader ?? wanted;
    return used === null ? [] : [this.keep(used, await used.json.read(file, value))];
  }

  /** A pasted terminal may hold the output of several commands, so every reader looks at all of it. */
  private async takeText(file: string, content: string): Promise<Found[]> {
    const text = textFile(file, content);
    this.linesLeftOut = text.linesLeftOut ?? 0;
    const found: Found[] = [];
    for (const reader of this.readers) {
      found.push(this.keep(reader, reader.text?.read(text) ?? []));
      // Whoever interrupts is heard.
      if (text.lines.length > LINES_AT_ONCE) await otherEvents();
    }
    return found.filter(({ facts }) => facts > 0);
  }

  private keep<Fact>(reader: SideFileReader<Fact>, facts: readonly Fact[]): Found {
    this.knowledge.add(reader, facts);
    const statements = facts.reduce((sum, fact) => sum + (reader.statements?.(fact) ?? 1), 0);
    return { kind: reader.kind, facts: statements };
  }

  private readerFor(file: string, option: SideFileOption): JsonReader {
    const reader = this.readers.filter(isOfJson).find(({ json }) => json.option === option);
    if (reader === undefined)
      throw new SideFileError(file, `cannot be read: nothing of the catalogue knows files of --${option}`);
    return reader;
  }
}

type JsonReader = SideFileReader & { readonly json: JsonReading<unknown> };

function isOfJson(reader: SideFileReader): reader is JsonReader {
  return reader.json !== undefined;
}

/** capan's own file. There is one at most, so that it is a field of the knowledge, not a list. */
function configurationReader(knowledge: CollectedKnowledge, terms: ConfigurationTerms): SideFileReader {
  return defineSideFileReader<string>({
    kind: 'configuration',
    json: {
      words: 'a configuration',
      option: 'config',
      recognises: isConfiguration,
      async read(file, value) {
        const { configuration } = knowledge;
        if (configuration !== null) {
          throw new SideFileError(file, `is a second configuration beside ${configuration.file}; give one`);
        }
        knowledge.configuration = readConfiguration(file, value, terms);
        return Object.keys(Object(value)).filter((key) => key !== '$schema');
      },
    },
  });
}

const LINE_SHOWN_MAX = 60;

/** The line by which the operator knows the text again. */
function nothingKnown(
  content: string,
  wanted: JsonReader | null,
  readers: readonly SideFileReader[],
): string {
  const text = textFile('', content);
  const commands = wanted === null ? bareCommands(text, readers) : null;
  if (commands !== null) return commands;
  const first = text.lines[0]?.text.trim() ?? '';
  const shown = first.length > LINE_SHOWN_MAX ? `${first.slice(0, LINE_SHOWN_MAX)}…` : first;
  const what = first === '' ? 'is empty' : `holds nothing that is known (it begins "${shown}")`;
  return wanted === null ? what : `${what}; expected ${wanted.json.words}`;
}

/** Names of files as the report cites them: without their folders, unless two would be the same. */
function namesOf(paths: readonly string[]): (path: string) => string {
  const short = paths.map((path) => basename(path));
  return (path) => (short.filter((name) => name === basename(path)).length > 1 ? path : basename(path));
}

async function contentOf(path: string): Promise<string> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw new SideFileError(path, 'is a directory; name a file');
    if (facts.size > SIDE_FILE_BYTES_MAX) {
      throw new SideFileError(
        path,
        `has ${facts.size} bytes; side files may have 64 MiB: give the part that matters`,
      );
    }
    const bytes = await readFile(path);
    // From a pipe the size is known only now.
    if (bytes.length > SIDE_FILE_BYTES_MAX) throw new SideFileError(path, 'has more than 64 MiB');
    return bytes.toString('utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    if (error instanceof SideFileError) throw error;
    throw new SideFileError(path, `cannot be read: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission';
  return error instanceof Error ? error.message : String(error);
}
