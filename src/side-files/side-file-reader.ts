import type { TextFile } from './text-file.js';

/** The options that name JSON files of one kind; `--log` takes whatever a reader recognises by its content. */
export type SideFileOption = 'config' | 'topology' | 'tags' | 'store';

/**
 * What an address is called by: of several names for one, that of the earlier rank is printed. `workload`: what runs at
 * the address; `network`: whose it is; `host`: the machine; `connection`: what a program there calls its peer;
 * `interface`: a name that says something on its own host only.
 */
export const NAME_RANKS = ['workload', 'network', 'host', 'connection', 'interface'] as const;
export type NameRank = (typeof NAME_RANKS)[number];

/** Ways to say what a text may hold, for the message that nothing in it is known. */
export interface TextWords {
  /** With the article: `a log of pluto or charon`. */
  readonly logs?: readonly string[];
  /** Commands whose output is meant: `ip -d link`. */
  readonly outputOf?: readonly string[];
  /** Anything else: `the last lines of tcpdump`. */
  readonly other?: readonly string[];
}

export interface JsonReading<Fact> {
  /** As it stands in a sentence, with its article: `a SCION topology`. */
  readonly words: string;
  /** The option that asks for this kind and refuses others; none: `--log` alone. */
  readonly option?: SideFileOption;
  /** Whether a value is of this kind: by what sets it apart, so that a faulty file still gets the word of its own reader. */
  recognises(value: unknown): boolean;
  /**
   * A library that checks shapes is to be loaded here, not when the reader is: most runs have no side file.
   * @throws SideFileError that names the field.
   */
  read(file: string, value: unknown): Promise<readonly Fact[]>;
}

export interface TextReading<Fact> {
  readonly words: TextWords;
  /**
   * What of the text is of this kind; empty where nothing is. A pasted terminal may hold the output of several commands,
   * so every reader is given all of it and takes its own lines. Bounded by the size of side files and the length of lines
   * (`text-file.ts`); patterns must be linear in the length of a line.
   */
  read(text: TextFile): readonly Fact[];
}

/** A UDP port in use for a kind of tunnel (`Tunnel.kind`). */
export interface StatedPort {
  readonly tunnel: string;
  readonly port: number;
}

/**
 * Reads one kind of side file. The definition is also the key by which diagnoses ask for what was read:
 * `evidence.side.of(reader)`.
 */
export interface SideFileReader<Fact = unknown> {
  /** As the report lists it; readers of one program's outputs may share it. */
  readonly kind: string;
  readonly json?: JsonReading<Fact>;
  readonly text?: TextReading<Fact>;
  /** Statements that a fact stands for in the report's count; one unless said. */
  statements?(fact: Fact): number;
  /** UDP ports that a fact gives to kinds of tunnels: they count as well-known ones then. */
  tunnelPorts?(fact: Fact): readonly StatedPort[];
  /** What the facts call an address (in the report's spelling). */
  readonly names?: {
    readonly rank: NameRank;
    nameOf(address: string, facts: readonly Fact[]): string | null;
  };
  /** Commands that print it, besides those of `text.words.outputOf`: `store.json`, which any pager shows. */
  readonly commands?: readonly string[];
  /** Ids of the diagnoses that use the facts. */
  readonly usedBy?: readonly string[];
}

/** Gives the facts their exact type. */
export function defineSideFileReader<Fact>(reader: SideFileReader<Fact>): SideFileReader<Fact> {
  return reader;
}
