import type { FrameId } from '../../units.js';
import type { CorrelationRun } from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import type { FlowStates } from '../flow-states.js';

interface KeptFlow<T> {
  readonly flow: FlowId;
  readonly state: T;
}

/**
 * States of the `most` flows that began first. A later flow never takes the place of an earlier one, so that what is left has
 * been kept from its first frame on, in whatever order the flows of a chunk come. A flow that the registry gave up and met
 * again is another one.
 */
export class FlowPictures<T extends { readonly firstFrame: FrameId }> {
  private readonly states: FlowStates<T | null>;
  /** In order of first frame. */
  private readonly kept: KeptFlow<T>[] = [];

  constructor(
    { flows }: Pick<CorrelationRun, 'flows'>,
    private readonly most: number,
  ) {
    this.states = flows.trackStates<T | null>(() => {});
  }

  /** Null for a flow that is not pictured, undefined for one that was not asked for yet. */
  known(flow: FlowId): T | null | undefined {
    return this.states.get(flow);
  }

  /** Null for a flow that is not pictured. `open` is asked for the state of a flow whose first frame is that. */
  of(flow: FlowId, firstFrame: FrameId, open: () => T): T | null {
    const known = this.states.get(flow);
    if (known !== undefined) return known;
    const { kept } = this;
    const last = kept.at(-1);
    if (kept.length >= this.most && last !== undefined) {
      if (firstFrame >= last.state.firstFrame) {
        this.states.set(flow, null);
        return null;
      }
      kept.pop();
      if (this.states.get(last.flow) === last.state) this.states.set(last.flow, null);
    }
    const state = open();
    this.states.set(flow, state);
    let at = kept.length;
    while (at > 0 && kept[at - 1].state.firstFrame > firstFrame) at--;
    kept.splice(at, 0, { flow, state });
    return state;
  }

  endSegment(): void {
    this.states.clear();
  }

  /** In order of first frame. */
  all(): T[] {
    return this.kept.map(({ state }) => state);
  }
}
