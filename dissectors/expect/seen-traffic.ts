import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import type { FrameRef } from '../../src/moment.js';
import { isWithin } from '../../src/side-files/networks.js';
import type { Expectation } from './expectation.js';

/** Packets of one kind: how many, the first and the last. */
export interface Seen {
  packets: number;
  first: FrameRef | null;
  last: FrameRef | null;
}

/** What the capture has of an expectation. */
export interface SeenTraffic {
  /** The expected packets. */
  readonly expected: Seen;
  /** Other packets of the host that should send them; where none is named, those to the receiver. */
  readonly other: Seen;
}

/** Looks through every conversation of the run, those inside tunnels too. */
export function seenTraffic({ flows }: CaptureQuality, expectations: readonly Expectation[]): SeenTraffic[] {
  const all = expectations.map(() => ({ expected: nothing(), other: nothing() }));
  flows.forEachConversation((flow) => {
    for (const direction of [0, 1]) {
      if (flows.packetCount(flow, direction) === 0) continue;
      const { from, to } = flows.addresses(flow, direction);
      for (const [index, expectation] of expectations.entries()) {
        const isFrom = expectation.from === null || isWithin(from, expectation.from);
        const isTo = expectation.to === null || isWithin(to, expectation.to);
        if (isFrom && isTo && isOfClass(flows, flow, direction, expectation)) {
          add(all[index].expected, flows, flow, direction);
        } else if (expectation.from === null ? isTo : isFrom) add(all[index].other, flows, flow, direction);
      }
    }
  });
  return all;
}

function isOfClass(
  flows: FlowRegistry,
  flow: number,
  direction: number,
  { classes, isDestinationPort }: Expectation,
): boolean {
  const protocol = flows.protocol(flow);
  const ports = flows.ports(flow, direction);
  return classes.some(
    (one) =>
      one.protocol === protocol &&
      (one.ports.length === 0 ||
        one.ports.includes(ports.to) ||
        (!isDestinationPort && one.ports.includes(ports.from))),
  );
}

function nothing(): Seen {
  return { packets: 0, first: null, last: null };
}

function add(seen: Seen, flows: FlowRegistry, flow: number, direction: number): void {
  const counted = flows.direction(flow, direction);
  seen.packets += counted.packets;
  const first = { frame: counted.firstFrame, timeNs: counted.firstNs, segment: counted.firstSegment };
  const last = { frame: counted.lastFrame, timeNs: counted.lastNs, segment: counted.lastSegment };
  if (seen.first === null || first.frame < seen.first.frame) seen.first = first;
  if (seen.last === null || last.frame > seen.last.frame) seen.last = last;
}
