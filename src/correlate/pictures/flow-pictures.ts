import type { FrameId } from '../../units.js';
import type { CorrelationRun } from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import type { FlowStates } from '../flow-states.js';

/**
 * States of the flows that began first: at most `most` when an epoch ends, whatever the chunks. A flow that found no room, or
 * that the registry gave up, is pictured no more.
 */
export class FlowPictures<T extends { readonly firstFrame: FrameId }> {
  private readonly states: FlowStates<T | null>;
  private kept: T[] = [];
  private isFull = false;

  constructor(
    { flows }: Pick<CorrelationRun, 'flows'>,
    private readonly most: number,
  ) {
    this.states = flows.trackStates<T | null>(() => {});
  }

  /** Null for a flow that is not pictured. */
  of(flow: FlowId, open: () => T): T | null {
    const known = this.states.get(flow);
    if (known !== undefined) return known;
    const state = this.isFull ? null : open();
    this.states.set(flow, state);
    if (state !== null) this.kept.push(state);
    return state;
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    if (this.kept.length < this.most) return;
    this.isFull = true;
    this.kept = this.all().slice(0, this.most);
  }

  /** In order of first frame. */
  all(): T[] {
    return [...this.kept].sort((a, b) => a.firstFrame - b.firstFrame);
  }
}
