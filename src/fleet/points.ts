import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { groupBy } from '../correlate/group-by.js';
import { globFiles, isGlob } from './glob.js';

/** A place of capture, with its files in the order of their names. */
export interface CapturePoint {
  readonly name: string;
  readonly files: readonly string[];
  /** Addresses of the host that captured, where the operator says. */
  readonly addresses?: readonly string[];
  /** Rack, zone or site, where the operator says. */
  readonly site?: string;
}

type AddFiles = (folder: string, name: string, files: readonly string[]) => void;

/** Why an input gives no point, in words for the operator. */
export class PointError extends Error {}

const COMPRESSION = /\.(gz|zst|zstd|lz4)$/i;
/** `.pcap`, and `.pcap3` as tcpdump numbers files with -C. */
const CAPTURE_SUFFIX = /\.(pcap|pcapng|cap|dmp|ntar)(\.?\d+)?$/i;
/**
 * What programs put behind the name that they are given: dumpcap `_00001_20251009085320`, tcpdump -G with a date as
 * strftime writes it, and seconds since 1970.
 */
const ROTATIONS = [
  /[-_.]\d{5}_\d{14}$/,
  /[-_.]?\d{4}-\d{2}-\d{2}[T_-]\d{2}[:.-]?\d{2}[:.-]?\d{2}Z?$/,
  /[-_.]?\d{8}[T_-]?\d{6}Z?$/,
  /[-_.]1\d{9}(\d{3})?$/,
];

/** Name of the place that a file name says, without what rotation adds. */
export function pointNameOf(file: string): string {
  const name = basename(file).replace(COMPRESSION, '').replace(CAPTURE_SUFFIX, '');
  for (const rotation of ROTATIONS) {
    const stem = name.replace(rotation, '');
    if (stem !== name) return stem;
  }
  return name;
}

/** Only the end of a name: what files of one place must share is all before it. */
function looksLikeCapture(name: string): boolean {
  return CAPTURE_SUFFIX.test(name.replace(COMPRESSION, ''));
}

/**
 * The points that files, directories and patterns stand for. Files of one folder with one name but for what rotation adds
 * are one point; a folder whose files all are of one place has the folder's name.
 * @throws PointError where an input holds no capture
 */
export function findPoints(inputs: readonly string[]): CapturePoint[] {
  const byKey = new Map<string, { name: string; files: string[] }>();
  const add: AddFiles = (folder, name, files) => {
    const known = byKey.get(`${folder}\n${name}`);
    if (known === undefined) byKey.set(`${folder}\n${name}`, { name, files: [...files] });
    else known.files.push(...files.filter((file) => !known.files.includes(file)));
  };
  for (const input of inputs) {
    const paths = isGlob(input) ? globFiles(input) : [input];
    if (paths.length === 0) throw new PointError(`${input}: no file has a name like that`);
    for (const path of paths) {
      if (!isFolder(path)) add(folderOf(path), pointNameOf(path), [path]);
      else if (!addFolder(path, '', add) && !isGlob(input))
        throw new PointError(`${path}: neither the directory nor those in it hold captures`);
    }
  }
  return withDistinctNames(
    [...byKey].map(([key, point]) => ({ folder: key.split('\n')[0] ?? '', ...point })),
  );
}

/**
 * @param label path of the folder below the one that was given; '' for that one
 * @returns false where there is no capture in the folder and those below it
 */
function addFolder(folder: string, label: string, add: AddFiles): boolean {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory() && looksLikeCapture(entry.name));
  const folders = entries.filter((entry) => entry.isDirectory());
  const stems = groupBy(files, (entry) => pointNameOf(entry.name));
  for (const [stem, members] of stems) {
    const isOnePlace = label !== '' && stems.size === 1 && folders.length === 0;
    const name = isOnePlace ? label : join(label, stem);
    add(
      folder,
      name,
      members.map((entry) => join(folder, entry.name)),
    );
  }
  const below = folders.map((entry) => addFolder(join(folder, entry.name), join(label, entry.name), add));
  return files.length > 0 || below.includes(true);
}

function withDistinctNames(
  points: readonly { folder: string; name: string; files: readonly string[] }[],
): CapturePoint[] {
  const named = points.map(({ folder, name, files }) => ({
    folder,
    name,
    files: [...files].sort(),
  }));
  const counts = new Map<string, number>();
  for (const { name } of named) counts.set(name, (counts.get(name) ?? 0) + 1);
  return named
    .map(({ folder, name, files }) => ({
      name: (counts.get(name) ?? 0) > 1 ? join(basename(folder), name) : name,
      files,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function folderOf(path: string): string {
  return path.slice(0, path.length - basename(path).length);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    throw new PointError(`${path} cannot be read: no such file or directory`);
  }
}
