// The captures that are measured: made when they are needed, removed when no row needs them any more.
import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { freemem } from 'node:os';
import { join, relative } from 'node:path';

/** What bench/tmp may hold. */
const DISK_BYTES_MAX = 25e9;
/** With the record header, rather too large: room is made before the size is known. */
const RECORD_BYTES = {
  mixed: 480,
  'small-frames': 110,
  'fat-vxlan': 480,
  'fat-esp': 500,
  'plain-tcp': 480,
  'distinct-tuples': 80,
  'distinct-spis': 98,
};

/**
 * @typedef {object} CaptureSpec a capture of make-capture.ts, by bytes or by frames
 * @property {string} kind
 * @property {number} [bytes]
 * @property {number} [frames]
 * @property {number} [tunnels]
 * @property {boolean} [isOtherEnd] of the path: what is captured there of the same traffic, with losses
 * @property {boolean} [fixed] the size is what is measured: it is not scaled
 */

/** @param {CaptureSpec} spec @param {number} scale @returns {CaptureSpec} */
export function scaledSpec(spec, scale) {
  if (spec.fixed) return spec;
  const scaled = (amount) => Math.max(1, Math.round(amount * scale));
  if (spec.frames !== undefined) return { ...spec, frames: scaled(spec.frames) };
  return { ...spec, bytes: scaled(spec.bytes) };
}

/** @param {CaptureSpec} spec @param {string} seed @returns {string} the same for the same capture */
export function captureName({ kind, bytes, frames, tunnels, isOtherEnd }, seed) {
  const size = frames === undefined ? bytes : `${frames}-frames`;
  const end = isOtherEnd ? '-other-end' : '';
  return `${kind}-${size}${tunnels === undefined ? '' : `-${tunnels}-tunnels`}-${seed}${end}.pcap`;
}

/**
 * Which files go so that `wanted` bytes fit: the largest first.
 * @param {readonly { name: string, bytes: number }[]} files that may go
 * @param {number} heldBytes by all files, also those that may not go
 * @returns {string[]} names
 * @throws where even that is not enough
 */
export function filesToRemove(files, heldBytes, wanted, bytesMax = DISK_BYTES_MAX) {
  const removed = [];
  let held = heldBytes;
  for (const { name, bytes } of [...files].sort((a, b) => b.bytes - a.bytes)) {
    if (held + wanted <= bytesMax) break;
    removed.push(name);
    held -= bytes;
  }
  if (held + wanted > bytesMax) {
    throw new Error(
      `bench/tmp may hold ${gigabytes(bytesMax)} and would hold ${gigabytes(held + wanted)}: take a smaller --scale`,
    );
  }
  return removed;
}

function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

export class CaptureStore {
  /** Captures of the row that runs now. */
  #inUse = new Set();

  /**
   * @param {string} root of the repository
   * @param {{ seed: string, scale?: number, keep?: boolean }} options
   */
  constructor(root, { seed, scale = 1, keep = true }) {
    this.root = root;
    this.folder = join(root, 'bench', 'tmp');
    this.seed = seed;
    this.scale = scale;
    this.keep = keep;
  }

  /** @param {CaptureSpec} spec of full size @returns {string} */
  fileOf(spec) {
    return join(this.folder, captureName(scaledSpec(spec, this.scale), this.seed));
  }

  /**
   * Makes the capture unless it is there and newer than the sources that made it.
   * @param {CaptureSpec} spec of full size @returns {string} its file
   */
  provide(spec) {
    const file = this.fileOf(spec);
    this.#inUse.add(file);
    if (existsSync(file) && statSync(file).mtimeMs > this.#sourcesChangedMs()) return file;
    mkdirSync(this.folder, { recursive: true });
    const { kind, bytes, frames, tunnels, isOtherEnd } = scaledSpec(spec, this.scale);
    const captured = isOtherEnd ? this.provide({ ...spec, isOtherEnd: false }) : undefined;
    this.#makeRoom(bytes ?? frames * RECORD_BYTES[kind]);
    console.log(`making ${relative(this.root, file)} …`);
    const size = frames === undefined ? ['--bytes', String(bytes)] : ['--frames', String(frames)];
    const made = spawnSync(
      process.execPath,
      [
        ...['--import', 'tsx', join(this.root, 'bench', 'make-capture.ts'), file, '--kind', kind, ...size],
        ...['--seed', this.seed, ...(tunnels === undefined ? [] : ['--tunnels', String(tunnels)])],
        ...(captured === undefined ? [] : ['--other-end-of', captured]),
      ],
      { cwd: this.root, stdio: 'inherit' },
    );
    if (made.status !== 0) {
      rmSync(`${file}.partial`, { force: true });
      throw new Error(`the capture could not be made: ${relative(this.root, file)}`);
    }
    return file;
  }

  /** The row is done with its captures. @param {readonly CaptureSpec[]} neededLater of rows still to come */
  release(neededLater) {
    const later = new Set(neededLater.map((spec) => this.fileOf(spec)));
    if (!this.keep) for (const file of this.#inUse) if (!later.has(file)) rmSync(file, { force: true });
    this.#inUse = new Set([...this.#inUse].filter((file) => later.has(file)));
  }

  #makeRoom(wanted) {
    const files = readdirSync(this.folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ name, bytes: statSync(join(this.folder, name)).size }));
    const heldBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const free = files.filter(({ name }) => !this.#inUse.has(join(this.folder, name)));
    for (const name of filesToRemove(free, heldBytes, wanted)) {
      console.log(`removing bench/tmp/${name}, to make room`);
      rmSync(join(this.folder, name));
    }
  }

  #sourcesChangedMs() {
    const traffic = join(this.root, 'bench', 'traffic');
    const sources = readdirSync(traffic).map((name) => join(traffic, name));
    sources.push(join(this.root, 'bench', 'make-capture.ts'));
    return Math.max(...sources.map((source) => statSync(source).mtimeMs));
  }
}

/** Reads the file once, so that every contender finds it in the page cache; not where memory could not hold it. */
export async function warmPageCache(file) {
  if (statSync(file).size > freemem()) return;
  for await (const _ of createReadStream(file, { highWaterMark: 1024 * 1024 }));
}
