/*
 * Where the main thread and the workers agree on who dissects which slot. Words of shared memory:
 *
 *   0 BELL     raised with every order; workers sleep on it
 *   1 CLOSED   1: no more orders will come
 *   2 SERVING  workers that wait for orders or work on one
 *   then for each slot: STATE, TICKET (orders in turn), FIRST and END frame, OWNER (the worker that took it)
 */
const BELL = 0;
const CLOSED = 1;
const SERVING = 2;
const HEAD_WORDS = 3;
const STATE = 0;
const TICKET = 1;
const FIRST_FRAME = 2;
const END_FRAME = 3;
const OWNER = 4;
const SLOT_WORDS = 5;

const IDLE = 0;
const POSTED = 1;
const TAKEN = 2;
const DONE = 3;
const FAILED = 4;

/** Dissect frames `[firstFrame, endFrame)` of a slot. */
export interface DissectOrder {
  readonly slotIndex: number;
  readonly firstFrame: number;
  readonly endFrame: number;
}

/**
 * Orders to dissect, in shared memory: posting one costs a few atomic writes, not a message, and a worker that is
 * awake takes the next without sleeping in between. Whoever takes an order owns its slot until it settles it.
 */
export class OrderBoard {
  private readonly words: Int32Array;
  private readonly slotCount: number;
  private lastTicket = 0;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.slotCount = (this.words.length - HEAD_WORDS) / SLOT_WORDS;
  }

  static create(slotCount: number): OrderBoard {
    return new OrderBoard(new SharedArrayBuffer((HEAD_WORDS + slotCount * SLOT_WORDS) * 4));
  }

  /** Main thread: hands a slot out. */
  post({ slotIndex, firstFrame, endFrame }: DissectOrder): void {
    const at = slotAt(slotIndex);
    this.words[at + TICKET] = ++this.lastTicket;
    this.words[at + FIRST_FRAME] = firstFrame;
    this.words[at + END_FRAME] = endFrame;
    Atomics.store(this.words, at + STATE, POSTED);
    Atomics.add(this.words, BELL, 1);
    Atomics.notify(this.words, BELL, 1);
  }

  /** Orders that nobody has taken yet. */
  get waiting(): number {
    return this.count(POSTED);
  }

  /** Orders that are being worked on. */
  get taken(): number {
    return this.count(TAKEN);
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

  /** Worker: takes the oldest order, sleeping until there is one; null once the board is closed. */
  takeNext(owner: number): DissectOrder | null {
    for (;;) {
      const bell = Atomics.load(this.words, BELL);
      if (Atomics.load(this.words, CLOSED) === 1) return null;
      const slotIndex = this.takeOldest(owner);
      if (slotIndex >= 0) return this.orderOf(slotIndex);
      Atomics.wait(this.words, BELL, bell);
    }
  }

  orderOf(slotIndex: number): DissectOrder {
    const at = slotAt(slotIndex);
    return { slotIndex, firstFrame: this.words[at + FIRST_FRAME], endFrame: this.words[at + END_FRAME] };
  }

  /** Whoever took the order: its slot may be read again. */
  settle(slotIndex: number, succeeded: boolean): void {
    const state = slotAt(slotIndex) + STATE;
    Atomics.store(this.words, state, succeeded ? DONE : FAILED);
    Atomics.notify(this.words, state);
  }

  /** Main thread: a worker died; what it had taken has failed. False where it had taken nothing. */
  failOrderOf(owner: number): boolean {
    for (let slot = 0; slot < this.slotCount; slot++) {
      const at = slotAt(slot);
      if (Atomics.load(this.words, at + STATE) !== TAKEN || this.words[at + OWNER] !== owner) continue;
      this.settle(slot, false);
      return true;
    }
    return false;
  }

  /** Main thread: no worker is left to take what waits. */
  failWaiting(): void {
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
