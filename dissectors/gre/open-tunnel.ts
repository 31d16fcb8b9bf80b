import type { TunnelLayer } from '../../src/correlate/flow-registry.js';
import { TunnelDirectionState } from '../../src/correlate/tunnel-direction.js';
import type { SegmentIndex } from '../../src/units.js';
import type { GreDirection, GreTunnel } from './session.js';

/** Bound of one direction. */
const TYPES_KEPT = 8;

class GreDirectionState extends TunnelDirectionState implements GreDirection {
  keyed = 0;
  plain = 0;
  keepalives = 0;
  readonly protocolTypes: number[] = [];
  private lastType = -1;

  noteType(type: number): void {
    if (type === this.lastType) return;
    this.lastType = type;
    if (this.protocolTypes.length < TYPES_KEPT && !this.protocolTypes.includes(type)) {
      this.protocolTypes.push(type);
    }
  }
}

/** A tunnel while its packets come in. */
export class OpenTunnel {
  readonly directions: readonly [GreDirectionState, GreDirectionState];
  isPptp = false;

  constructor(
    readonly segment: SegmentIndex,
    readonly stack: number,
    readonly outerStack: number,
    private readonly layer: TunnelLayer,
  ) {
    const { low, high } = layer;
    this.directions = [new GreDirectionState(low, high), new GreDirectionState(high, low)];
  }

  describe(): GreTunnel {
    const { segment, stack, outerStack, isPptp, directions } = this;
    const { low, high, key, kind } = this.layer;
    return {
      kind: kind === 'erspan' ? 'erspan' : 'gre',
      stack,
      outerStack,
      segment,
      low,
      high,
      key,
      isPptp,
      directions,
    };
  }
}
