import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { analyze } from '../src/commands/run-analysis.js';
import type { SideFilePaths } from '../src/side-files/read-side-files.js';
import type { SideFileReader } from '../src/side-files/side-file-reader.js';
import { CollectedKnowledge } from '../src/side-files/side-knowledge.js';

/*
 * What is read of side files is there to be judged. Every sample that has side files is analysed with facts that note
 * which of their fields are looked at; a field that no diagnosis, no name and no port ever asks for is no fact.
 */

const folder = resolve(import.meta.dirname, '../captures');
const expectations = JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as Record<
  string,
  { readonly sideFiles?: Readonly<Record<string, readonly string[]>> }
>;

/** Where a fact stands, and what it is called in the report: every reader has them. */
const OF_EVERY_FACT = new Set(['origin', 'file', 'place']);

/**
 * Read, and not judged yet: by kind, with what it would take. An entry that is judged by now fails as well.
 */
const UNJUDGED: Readonly<Record<string, readonly string[]>> = {
  // The networks would have to be held against the cleartext that a capture has of them, NATD= against the ports.
  'IKE log': ['sas.inUdp', 'sas.nat', 'sas.localNetworks', 'sas.remoteNetworks'],
  // What holds inside the AS is not on the link that a capture shows.
  'SCION topology': ['generation', 'isCore', 'mtu'],
};

const seen = new Map<SideFileReader, Set<string>>();
const read = new Map<SideFileReader, Set<string>>();

function noted(map: Map<SideFileReader, Set<string>>, reader: SideFileReader): Set<string> {
  const known = map.get(reader) ?? new Set<string>();
  map.set(reader, known);
  return known;
}

function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** The same fact, whose fields are noted when they are asked for: `tunnel.key`, whatever the index of a list. */
function watched(reader: SideFileReader, fact: object, path: string, known: WeakMap<object, object>): object {
  const again = known.get(fact);
  if (again) return again;
  const proxy: object = new Proxy(fact, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return value;
      const at = Array.isArray(target) ? path : path === '' ? key : `${path}.${key}`;
      if (!Array.isArray(target)) noted(read, reader).add(at);
      return isPlain(value) ? watched(reader, value, at, known) : value;
    },
  });
  known.set(fact, proxy);
  return proxy;
}

function noteFields(reader: SideFileReader, value: unknown, path: string): void {
  if (Array.isArray(value)) for (const one of value) noteFields(reader, one, path);
  else if (isPlain(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (OF_EVERY_FACT.has(key)) continue;
      const at = path === '' ? key : `${path}.${key}`;
      noted(seen, reader).add(at);
      noteFields(reader, inner, at);
    }
  }
}

const collected = CollectedKnowledge.prototype.add;

beforeAll(() => {
  const known = new WeakMap<object, object>();
  CollectedKnowledge.prototype.add = function add<Fact>(
    this: CollectedKnowledge,
    reader: SideFileReader<Fact>,
    facts: readonly Fact[],
  ): CollectedKnowledge {
    const key = reader as SideFileReader;
    for (const fact of facts) noteFields(key, fact, '');
    const noting = facts.map((fact) => (isPlain(fact) ? (watched(key, fact, '', known) as Fact) : fact));
    return collected.call(this, reader as SideFileReader, noting) as CollectedKnowledge;
  };
});
afterAll(() => {
  CollectedKnowledge.prototype.add = collected;
});

function pathsOf(names: Readonly<Record<string, readonly string[]>>): SideFilePaths {
  const { config, ...lists } = Object.fromEntries(
    Object.entries(names).map(([option, list]) => [
      option,
      list.map((name) => join(folder, 'side-files', name)),
    ]),
  );
  return { ...lists, ...(config ? { config: config[0] } : {}) };
}

const readers = catalogue.flatMap(({ sideFiles = [] }) => sideFiles);

describe('facts of side files', () => {
  beforeAll(async () => {
    for (const [file, { sideFiles }] of Object.entries(expectations)) {
      if (sideFiles) await analyze([join(folder, file)], { threads: 0, sideFiles: pathsOf(sideFiles) });
    }
  }, 120_000);

  it.each(readers.map((reader, index) => [`${reader.kind} (${index})`, reader] as const))(
    'of the kind %s stand in a sample, and each field is judged',
    (_, reader) => {
      const fields = seen.get(reader) ?? new Set();
      expect(fields.size, 'no sample has a file of this kind').toBeGreaterThan(0);
      const unread = [...fields].filter((field) => !read.get(reader)?.has(field));
      expect(unread, 'fields that nobody asks for').toEqual(UNJUDGED[reader.kind] ?? []);
    },
  );

  it.each(readers.map((reader, index) => [`${reader.kind} (${index})`, reader] as const))(
    'of the kind %s name the diagnoses that use them, all of which exist',
    (_, { usedBy = [] }) => {
      const ids = catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id));
      expect(usedBy.length).toBeGreaterThan(0);
      expect(usedBy.filter((id) => !ids.includes(id))).toEqual([]);
    },
  );
});
