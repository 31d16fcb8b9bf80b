/** Ids of this run for keys that a slot keeps from one chunk to the next. */
export class KnownKeys {
  generation = 0;
  /** By index of the key: the flow plus 1; 0: not mapped yet. */
  readonly flows: Int32Array;
  readonly stacks: Int32Array;
  stackCount = 0;

  constructor(flowCapacity: number, stackCapacity: number) {
    this.flows = new Int32Array(flowCapacity);
    this.stacks = new Int32Array(stackCapacity);
  }

  begin(generation: number): void {
    this.generation = generation;
    this.flows.fill(0);
    this.stackCount = 0;
  }
}
