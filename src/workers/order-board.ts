/*
 * Where the main thread and the workers agree on who fills and dissects which slot. Words of shared memory:
 *
 *   0 BELL      raised with every order and every empty slot; workers sleep on it
 *   1 CLOSED    1: no more orders will come
 *   2 SERVING   workers that wait for orders or work on one
 *   3 SLEEPING  workers that sleep on the bell: waking one costs more than all else here
 *   4 TICKETS   orders given so far
 *   5 NEWS      raised when a worker has filled a slot, and at the end of the input; the main thread sleeps on it
 *   6 FILLED    slots filled so far by the worker that reads
 *   7 ENDED     1: the worker that reads has reached the end
 *   8 CONSUMED  KiB of the input files that it has read
 *   then for each slot: STATE, TICKET (orders in turn), FIRST and END frame, OWNER (the worker that took it), CHUNK (which
 *   of the chunks of the input it holds, from 1)
 */
const BELL = 0;
const CLOSED = 1;
const SERVING = 2;
const SLEEPING = 3;
const TICKETS = 4;
const NEWS = 5;
const FILLED = 6;
const ENDED = 7;
const CONSUMED = 8;
const HEAD_WORDS = 9;
const STATE = 0;
const TICKET = 1;
const FIRST_FRAME = 2;
const END_FRAME = 3;
const OWNER = 4;
const CHUNK = 5;
const SLOT_WORDS = 6;

const IDLE = 0;
const POSTED = 1;
const TAKEN = 2;
const DONE = 3;
const FAILED = 4;
/** Waits for the worker that reads. */
const EMPTY = 5;
const FILLING = 6;

/** The worker that reads, where one does. */
export const READING_WORKER = 0;

/** Looks at the bell before a worker sleeps, about 3 µs: longer ones take the core from the compiler. */
const LOOKS_BEFORE_SLEEP = 1_000;

/** Dissect frames `[firstFrame, endFrame)` of a slot. */
export interface DissectOrder {
  readonly slotIndex: number;
  readonly firstFrame: number;
  readonly endFrame: number;
}

/**
 * Orders to dissect, in shared memory: posting one costs a few atomic writes, not a message, and a worker that is
 * awake takes the next without sleeping in between. The taker of an order owns its slot until the order is settled.
 */
export class OrderBoard {
  private readonly words: Int32Array;
  private readonly slotCount: number;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.slotCount = (this.words.length - HEAD_WORDS) / SLOT_WORDS;
  }

  static create(slotCount: number): OrderBoard {
    return new OrderBoard(new SharedArrayBuffer((HEAD_WORDS + slotCount * SLOT_WORDS) * 4));
  }

  /** Hands a slot out to be dissected. */
  post({ slotIndex, firstFrame, endFrame }: DissectOrder): void {
    const at = slotAt(slotIndex);
    this.words[at + TICKET] = Atomics.add(this.words, TICKETS, 1);
    this.words[at + FIRST_FRAME] = firstFrame;
    this.words[at + END_FRAME] = endFrame;
    Atomics.store(this.words, at + STATE, POSTED);
    this.ring(1);
  }

  /** Main thread: hands a slot out to be filled by the worker that reads. */
  postEmpty(slotIndex: number): void {
    Atomics.store(this.words, slotAt(slotIndex) + STATE, EMPTY);
    // All of them: the one that is woken must be the one that reads.
    this.ring(Number.POSITIVE_INFINITY);
  }

  /** The worker that reads: takes an empty slot; -1 where there is none. */
  takeEmpty(owner: number): number {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = slotAt(slot);
      if (Atomics.load(this.words, at + STATE) !== EMPTY) continue;
      Atomics.store(this.words, at + STATE, FILLING);
      Atomics.store(this.words, at + OWNER, owner);
      return slot;
    }
    return -1;
  }

  /** The worker that reads: the slot it took holds the next chunk, which is now to be dissected. */
  postFilled(slotIndex: number, frameCount: number, consumedBytes: number): void {
    Atomics.store(this.words, CONSUMED, Math.ceil(consumedBytes / 1024));
    Atomics.store(this.words, slotAt(slotIndex) + CHUNK, this.filled + 1);
    this.post({ slotIndex, firstFrame: 0, endFrame: frameCount });
    Atomics.add(this.words, FILLED, 1);
    this.tell();
  }

  /** The worker that reads: nothing more will be filled, the slot that it has taken last neither. */
  endInput(slotIndex: number): void {
    Atomics.store(this.words, slotAt(slotIndex) + STATE, IDLE);
    Atomics.store(this.words, ENDED, 1);
    this.tell();
  }

  /** Slots filled so far by the worker that reads. */
  get filled(): number {
    return Atomics.load(this.words, FILLED);
  }

  get consumedBytes(): number {
    return Atomics.load(this.words, CONSUMED) * 1024;
  }

  /** Main thread: resolves to the slot that holds the chunk of that number, from 1; to -1 where the input ends before it. */
  async whenFilled(chunk: number): Promise<number> {
    for (;;) {
      const news = Atomics.load(this.words, NEWS);
      if (this.filled >= chunk) return this.slotOf(chunk);
      if (Atomics.load(this.words, ENDED) === 1) return -1;
      await Atomics.waitAsync(this.words, NEWS, news).value;
    }
  }

  private slotOf(chunk: number): number {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = slotAt(slot);
      const state = Atomics.load(this.words, at + STATE);
      if (this.words[at + CHUNK] === chunk && state !== EMPTY && state !== FILLING) return slot;
    }
    throw new Error(`no slot holds chunk ${chunk}`);
  }

  private ring(woken: number): void {
    Atomics.add(this.words, BELL, 1);
    if (Atomics.load(this.words, SLEEPING) > 0) Atomics.notify(this.words, BELL, woken);
  }

  private tell(): void {
    Atomics.add(this.words, NEWS, 1);
    Atomics.notify(this.words, NEWS);
  }

  /** Orders that nobody has taken yet. */
  get waiting(): number {
    return this.count(POSTED);
  }

  /** Slots that workers are busy with. */
  get taken(): number {
    return this.count(TAKEN) + this.count(FILLING);
  }

  /** Workers that are up. */
  get serving(): number {
    return Atomics.load(this.words, SERVING);
  }

  /** Worker: it is up, or (`change` is then -1) no more. */
  countServing(change: number): void {
    Atomics.add(this.words, SERVING, change);
  }

  /** Takes the oldest order that waits; -1 where there is none. */
  takeOldest(owner: number): number {
    for (;;) {
      const slotIndex = this.oldestWaiting();
      if (slotIndex < 0 || this.take(slotIndex, owner)) return slotIndex;
    }
  }

  /** False while the order of the slot waits or is being worked on. */
  isSettled(slotIndex: number): boolean {
    const state = Atomics.load(this.words, slotAt(slotIndex) + STATE);
    return state !== POSTED && state !== TAKEN;
  }

  private take(slotIndex: number, owner: number): boolean {
    const at = slotAt(slotIndex);
    if (Atomics.compareExchange(this.words, at + STATE, POSTED, TAKEN) !== POSTED) return false;
    Atomics.store(this.words, at + OWNER, owner);
    return true;
  }

  /** Worker: what the bell stands at, for `sleep`; read before looking for work and before asking whether the board is closed. */
  get bell(): number {
    return Atomics.load(this.words, BELL);
  }

  get isClosed(): boolean {
    return Atomics.load(this.words, CLOSED) === 1;
  }

  /** Worker: returns as soon as the bell no longer stands at `bell`. */
  sleep(bell: number): void {
    for (let look = 0; look < LOOKS_BEFORE_SLEEP; look++) {
      if (Atomics.load(this.words, BELL) !== bell) return;
    }
    Atomics.add(this.words, SLEEPING, 1);
    Atomics.wait(this.words, BELL, bell);
    Atomics.sub(this.words, SLEEPING, 1);
  }

  orderOf(slotIndex: number): DissectOrder {
    const at = slotAt(slotIndex);
    return { slotIndex, firstFrame: this.words[at + FIRST_FRAME], endFrame: this.words[at + END_FRAME] };
  }

  /** For the taker of the order: its slot may be read again. */
  settle(slotIndex: number, succeeded: boolean): void {
    const state = slotAt(slotIndex) + STATE;
    Atomics.store(this.words, state, succeeded ? DONE : FAILED);
    Atomics.notify(this.words, state);
  }

  /**
   * Main thread: a worker died; the order it had taken has failed, and a slot it was filling is empty again. False where
   * it had taken nothing.
   */
  failOrderOf(owner: number): boolean {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = slotAt(slot);
      const state = Atomics.load(this.words, at + STATE);
      if ((state !== TAKEN && state !== FILLING) || this.words[at + OWNER] !== owner) continue;
      if (state === TAKEN) this.settle(slot, false);
      else Atomics.store(this.words, at + STATE, EMPTY);
      return true;
    }
    return false;
  }

  /** Main thread: no worker is left to take what waits, nor to fill what is empty. */
  failWaiting(): void {
    Atomics.store(this.words, ENDED, 1);
    this.tell();
    for (let slot = 0; slot < this.slotCount; slot++) {
      if (Atomics.load(this.words, slotAt(slot) + STATE) === POSTED) this.settle(slot, false);
    }
  }

  /** Main thread: resolves once the order of the slot is settled, to whether it succeeded. */
  async whenSettled(slotIndex: number): Promise<boolean> {
    const state = slotAt(slotIndex) + STATE;
    for (;;) {
      const now = Atomics.load(this.words, state);
      if (now !== POSTED && now !== TAKEN) {
        Atomics.store(this.words, state, IDLE);
        return now === DONE;
      }
      await Atomics.waitAsync(this.words, state, now).value;
    }
  }

  /** Main thread: workers return as soon as they are done with what they took. */
  close(): void {
    Atomics.store(this.words, CLOSED, 1);
    Atomics.add(this.words, BELL, 1);
    Atomics.notify(this.words, BELL);
  }

  private count(state: number): number {
    let count = 0;
    for (let slot = 0; slot < this.slotCount; slot++) {
      if (Atomics.load(this.words, slotAt(slot) + STATE) === state) count++;
    }
    return count;
  }

  private oldestWaiting(): number {
    let oldest = -1;
    let oldestTicket = 0;
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = slotAt(slot);
      if (Atomics.load(this.words, at + STATE) !== POSTED) continue;
      // Tickets wrap around after 2^32 orders.
      if (oldest >= 0 && ((this.words[at + TICKET] - oldestTicket) | 0) >= 0) continue;
      oldest = slot;
      oldestTicket = this.words[at + TICKET];
    }
    return oldest;
  }
}

function slotAt(slotIndex: number): number {
  return HEAD_WORDS + slotIndex * SLOT_WORDS;
}
