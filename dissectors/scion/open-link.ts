import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import { LinkTracker } from '../../src/correlate/periodic/link-tracker.js';
import type { Arrival } from '../../src/correlate/periodic/size-class.js';
import type { FrameRef } from '../../src/moment.js';
import type { FrameId, SegmentIndex } from '../../src/units.js';
import { EchoLedger } from './echo-ledger.js';
import { ScionDirectionState } from './open-direction.js';
import type { ScionLink, ScmpError } from './session.js';

/** Kinds of SCMP errors kept of a link; further kinds are left out. */
const ERRORS_KEPT = 64;

type Endpoints = ReturnType<FlowRegistry['endpoints']>;

/** One UDP conversation that carries SCION, while it is open. */
export class OpenLink {
  readonly directions = [new ScionDirectionState(), new ScionDirectionState()] as const;
  readonly echoes = new EchoLedger();
  /** Epoch of its latest packet. */
  lastEpoch = 0;
  private readonly keepalives: LinkTracker;
  private readonly errors = new Map<string, { -readonly [Name in keyof ScmpError]: ScmpError[Name] }>();

  constructor(
    private readonly endpoints: Endpoints,
    private readonly stack: number,
    readonly segment: SegmentIndex,
    private readonly firstFrame: FrameId,
  ) {
    this.keepalives = new LinkTracker(segment, firstFrame);
  }

  /** A packet that may be a keepalive of 2018. */
  takeKeepalive(
    direction: number,
    length: number,
    arrival: Arrival,
    flows: FlowRegistry,
    flow: FlowId,
  ): void {
    if (this.keepalives.take(direction, length, arrival)) this.keepalives.keepEndpoints(flows, flow);
  }

  noteError(kind: Omit<ScmpError, 'count' | 'first' | 'last'>, at: FrameRef): void {
    const { direction, isCurrent, type, code, reporter, receiver, interfaceId } = kind;
    const key = `${direction} ${isCurrent} ${type} ${code} ${reporter} ${receiver} ${interfaceId}`;
    const known = this.errors.get(key);
    if (known) {
      known.count++;
      known.last = at;
      known.mtu = Math.min(known.mtu, kind.mtu);
    } else if (this.errors.size < ERRORS_KEPT) {
      this.errors.set(key, { ...kind, count: 1, first: at, last: at });
    }
  }

  describe(): ScionLink {
    const [up, down] = this.directions;
    return {
      ...this.endpoints,
      stack: this.stack,
      segment: this.segment,
      firstFrame: this.firstFrame,
      directions: [up.describe(), down.describe()],
      keepalive: this.keepalives.describe(),
      errors: [...this.errors.values()],
      echoes: this.echoes.describe(),
    };
  }
}
