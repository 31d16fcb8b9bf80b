import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { DiagnosisMetadata } from '../diagnose/diagnosis-metadata.js';
import { readBgpConfigurations } from './bgp-configuration.js';
import { isConfiguration, readConfiguration } from './configuration.js';
import { isContainerStore, readContainerStore } from './container-store.js';
import { readDatapathFlows, readDatapaths } from './datapath.js';
import { readIkeLog } from './ike-log.js';
import { readIpLink } from './ip-link.js';
import { readNtpq } from './ntpq.js';
import { isPolicyTags, joinPolicyTags, readPolicyTags } from './policy-tags.js';
import { isScionTopology, readScionTopology } from './scion-topology.js';
import { SideFileError } from './side-file-error.js';
import { NO_SIDE_KNOWLEDGE, type SideFileKind, type SideKnowledge } from './side-knowledge.js';
import { readTcpdumpSummaries } from './tcpdump-summary.js';
import { jsonValue, looksLikeJson, SIDE_FILE_BYTES_MAX, type TextFile, textFile } from './text-file.js';
import { readTunnelZones } from './tunnel-zone.js';

/** Side files by the option that names them. Paths. */
export interface SideFilePaths {
  readonly config?: string;
  readonly topology?: readonly string[];
  readonly tags?: readonly string[];
  readonly store?: readonly string[];
  readonly log?: readonly string[];
}

type Knowledge = { -readonly [Field in keyof SideKnowledge]: SideKnowledge[Field] };
type Diagnoses = readonly Pick<DiagnosisMetadata, 'id' | 'thresholds'>[];

/** As they stand in a sentence. */
const WORDS_OF_KIND: Readonly<Partial<Record<SideFileKind, string>>> = {
  configuration: 'a configuration',
  'SCION topology': 'a SCION topology',
  'policy tags': 'policy tags',
  'container store': 'a container store',
};

const OPTION_OF_KIND: Readonly<Partial<Record<SideFileKind, string>>> = {
  configuration: '--config',
  'SCION topology': '--topology',
  'policy tags': '--tags',
  'container store': '--store',
};

/**
 * Reads what the operator gives beside the captures. Kinds are told by content; an option that asks for one kind
 * refuses another one.
 * @throws SideFileError in one line.
 */
export async function readSideFiles(paths: SideFilePaths, diagnoses: Diagnoses): Promise<SideKnowledge> {
  const knowledge: Knowledge = { ...NO_SIDE_KNOWLEDGE };
  const given: (readonly [string, SideFileKind | null])[] = [
    ...(paths.config === undefined ? [] : [[paths.config, 'configuration'] as const]),
    ...(paths.topology ?? []).map((path) => [path, 'SCION topology'] as const),
    ...(paths.tags ?? []).map((path) => [path, 'policy tags'] as const),
    ...(paths.store ?? []).map((path) => [path, 'container store'] as const),
    ...(paths.log ?? []).map((path) => [path, null] as const),
  ];
  const nameOf = namesOf(given.map(([path]) => path));
  for (const [path, wanted] of given) {
    const content = await contentOf(path);
    try {
      readInto(knowledge, nameOf(path), content, wanted, diagnoses);
    } catch (error) {
      // Reports cite the name alone; whoever has to repair the file wants the path.
      throw error instanceof SideFileError ? new SideFileError(path, error.detail) : error;
    }
  }
  return knowledge;
}

/** Adds what one file says. @throws SideFileError */
export function readInto(
  knowledge: Knowledge,
  file: string,
  content: string,
  wanted: SideFileKind | null,
  diagnoses: Diagnoses,
): void {
  const found =
    wanted === null
      ? readAnything(knowledge, file, content, diagnoses)
      : readJson(knowledge, file, content, wanted, diagnoses);
  if (found.length === 0) {
    throw new SideFileError(
      file,
      'holds nothing that is known; expected a log of pluto or charon, the output of ipsec auto --up, ip -d link, ip addr, ' +
        'mm-dpctl, midonet-cli, ntpq -pn, the last lines of tcpdump, or show running-config of a BGP daemon',
    );
  }
  knowledge.files = [
    ...knowledge.files,
    { file, kinds: found.map(({ kind }) => kind), facts: found.reduce((sum, { facts }) => sum + facts, 0) },
  ];
}

/** JSON or text; text in the midst of which JSON was pasted is text. */
function readAnything(knowledge: Knowledge, file: string, content: string, diagnoses: Diagnoses): Found[] {
  if (!looksLikeJson(content)) return readText(knowledge, textFile(file, content));
  try {
    return readJson(knowledge, file, content, null, diagnoses);
  } catch (error) {
    const found = readText(knowledge, textFile(file, content));
    if (found.length > 0) return found;
    throw error;
  }
}

interface Found {
  readonly kind: SideFileKind;
  readonly facts: number;
}

function readJson(
  knowledge: Knowledge,
  file: string,
  content: string,
  wanted: SideFileKind | null,
  diagnoses: Diagnoses,
): Found[] {
  const value = jsonValue(file, content);
  if (value === null)
    throw new SideFileError(
      file,
      `holds no JSON; expected ${WORDS_OF_KIND[wanted ?? 'configuration']}; give logs and outputs with --log`,
    );
  const kind = kindOf(value);
  // A file of the wanted kind that lacks what it is told by gets the word of its own reader.
  if (kind !== null && wanted !== null && kind !== wanted) {
    throw new SideFileError(
      file,
      `holds ${WORDS_OF_KIND[kind]}, not ${WORDS_OF_KIND[wanted]}; give it with ${OPTION_OF_KIND[kind]}`,
    );
  }
  const facts = readKind(knowledge, file, value, kind ?? wanted, diagnoses);
  const read = kind ?? wanted;
  return read === null ? [] : [{ kind: read, facts }];
}

function kindOf(value: unknown): SideFileKind | null {
  if (isScionTopology(value)) return 'SCION topology';
  if (isPolicyTags(value)) return 'policy tags';
  if (isConfiguration(value)) return 'configuration';
  // Last, as an empty object is a store without containers.
  return isContainerStore(value) && Object.keys(value as object).length > 0 ? 'container store' : null;
}

function readKind(
  knowledge: Knowledge,
  file: string,
  value: unknown,
  kind: SideFileKind | null,
  diagnoses: Diagnoses,
): number {
  switch (kind) {
    case 'SCION topology': {
      const topology = readScionTopology(file, value);
      knowledge.scion = [...knowledge.scion, topology];
      return topology.links.length + topology.services.length;
    }
    case 'policy tags': {
      const tags = readPolicyTags(file, value);
      knowledge.policyTags = joinPolicyTags(knowledge.policyTags, tags);
      return tags.byTag.size + tags.policies.length;
    }
    case 'container store': {
      const containers = readContainerStore(file, value);
      knowledge.containers = [...knowledge.containers, ...containers];
      return containers.length;
    }
    case 'configuration': {
      if (knowledge.configuration !== null) {
        throw new SideFileError(
          file,
          `is a second configuration beside ${knowledge.configuration.file}; give one`,
        );
      }
      knowledge.configuration = readConfiguration(file, value, diagnoses);
      return Object.keys(value as object).filter((key) => key !== '$schema').length;
    }
    default:
      return 0;
  }
}

/** A pasted terminal may hold the output of several commands, so every reader looks at all of it. */
function readText(knowledge: Knowledge, text: TextFile): Found[] {
  const found: Found[] = [];
  const note = (kind: SideFileKind, facts: number): void => {
    if (facts > 0) found.push({ kind, facts });
  };
  const log = readIkeLog(text);
  if (log !== null) knowledge.ikeLogs = [...knowledge.ikeLogs, log];
  note('IKE log', log === null ? 0 : log.events.length + log.sas.length);
  const links = readIpLink(text);
  knowledge.links = [...knowledge.links, ...links];
  note('ip link', links.length);
  const datapaths = readDatapaths(text);
  const flows = readDatapathFlows(text);
  knowledge.datapaths = [...knowledge.datapaths, ...datapaths];
  knowledge.datapathFlows = [...knowledge.datapathFlows, ...flows];
  note('datapath', datapaths.reduce((sum, { ports }) => sum + ports.length, 0) + flows.length);
  const zones = readTunnelZones(text);
  knowledge.tunnelZones = [...knowledge.tunnelZones, ...zones];
  note(
    'tunnel zone',
    zones.reduce((sum, { members }) => sum + members.length, 0),
  );
  const ntpq = readNtpq(text);
  if (ntpq !== null) knowledge.ntpq = [...knowledge.ntpq, ntpq];
  note('ntpq', ntpq?.peers.length ?? 0);
  const tallies = readTcpdumpSummaries(text);
  knowledge.captureTallies = [...knowledge.captureTallies, ...tallies];
  note('tcpdump summary', tallies.length);
  const speakers = readBgpConfigurations(text);
  knowledge.bgp = [...knowledge.bgp, ...speakers];
  note('BGP configuration', speakers.length);
  return found;
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
