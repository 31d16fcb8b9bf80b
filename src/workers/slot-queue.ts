/** Slots on their way from one side of the pipeline to the other, in order. */
export class SlotQueue {
  private readonly slots: number[];
  private wake: (() => void) | null = null;
  private closed = false;

  constructor(slots: readonly number[] = []) {
    this.slots = [...slots];
  }

  push(slotIndex: number): void {
    this.slots.push(slotIndex);
    this.wake?.();
  }

  /** The next slot, as soon as there is one; -1 once the queue is closed and empty. */
  async take(): Promise<number> {
    for (;;) {
      const slotIndex = this.slots.shift();
      if (slotIndex !== undefined) return slotIndex;
      if (this.closed) return -1;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
  }

  close(): void {
    this.closed = true;
    this.wake?.();
  }
}
