import type { FlowId } from './flow-id.js';

/** One value a flow, kept by flow id. */
export class FlowStates<T> {
  private values: (T | undefined)[] = [];

  constructor(private readonly forget: (state: T) => void) {}

  get(flow: FlowId): T | undefined {
    return this.values[flow];
  }

  set(flow: FlowId, value: T): void {
    while (this.values.length <= flow) this.values.push(undefined);
    this.values[flow] = value;
  }

  /** Forgets every state, for example at the end of a time segment. */
  clear(): void {
    for (const value of this.values) if (value !== undefined) this.forget(value);
    this.values = [];
  }

  /** `kept`: the new id of each flow, never above the old one; -1 where it is gone. */
  remap(kept: Int32Array): void {
    const { values } = this;
    let length = 0;
    for (let flow = 0; flow < values.length; flow++) {
      const value = values[flow];
      if (value === undefined) continue;
      values[flow] = undefined;
      if (kept[flow] < 0) this.forget(value);
      else {
        values[kept[flow]] = value;
        length = kept[flow] + 1;
      }
    }
    values.length = length;
  }
}
