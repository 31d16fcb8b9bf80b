import { frameId } from '../units.js';

const BITS_LEAST = 1 << 10;
/** So many bits a frame that nearly all other frames meet none. */
const BITS_PER_FRAME = 16;

/** Frames of one side whose fate is asked for. Asked of every packet: a few bits answer for nearly all of them. */
export class WatchedFrames {
  private readonly bits: Uint32Array;
  private readonly mask: number;

  constructor(private readonly frames: ReadonlySet<number>) {
    let size = BITS_LEAST;
    while (size < frames.size * BITS_PER_FRAME) size *= 2;
    this.bits = new Uint32Array(size / 32);
    this.mask = size - 1;
    for (const id of frames) this.note(id);
  }

  /** `frame`: its number within the capture. */
  has(capture: number, frame: number): boolean {
    // A frame's id modulo a power of two is that of its number, whichever capture it is of.
    const bit = frame & this.mask;
    if ((this.bits[bit >> 5] & (1 << (bit & 31))) === 0) return false;
    return this.frames.has(frameId(capture, frame));
  }

  private note(id: number): void {
    const bit = id % (this.mask + 1);
    this.bits[bit >> 5] |= 1 << (bit & 31);
  }
}
