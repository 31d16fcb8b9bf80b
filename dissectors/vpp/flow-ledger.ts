import { faultOf, isHousekeeping, isUntranslated } from './path-faults.js';
import type { VppFault, VppFaultKind, VppFlow, VppPacket, VppPath } from './session.js';

const FLOWS_MAX = 4096;
const FAULTS_PER_FLOW_MAX = 16;
const EXAMPLES_KEPT = 5;

/** Counts paths by flow: at most FLOWS_MAX flows of FAULTS_PER_FLOW_MAX faults each. */
export class FlowLedger {
  readonly flows = new Map<string, VppFlow>();
  aggregated = 0;

  /** Takes a path in; false where its packet is housekeeping. */
  take(path: VppPath): boolean {
    if (isHousekeeping(path) || path.received === null) return false;
    const flow = this.flowOf(path.received);
    if (flow === null) return true;
    flow.packets++;
    const kind = faultOf(path);
    if (kind !== null) note(flow, kind, path);
    if (isUntranslated(path) && !path.nodes.some((node) => node.includes('local')))
      note(flow, 'untranslated', path);
    if (kind === null || kind === 'output') {
      flow.through++;
      flow.lastThrough = path.last;
      for (const fault of flow.faults) fault.throughAfter++;
    }
    return true;
  }

  /** A ledger that counts on by itself. */
  copy(): FlowLedger {
    const copy = new FlowLedger();
    copy.aggregated = this.aggregated;
    for (const [key, flow] of this.flows) {
      const faults = flow.faults.map((fault) => ({ ...fault, examples: [...fault.examples] }));
      copy.flows.set(key, { ...flow, faults });
    }
    return copy;
  }

  private flowOf(packet: VppPacket): VppFlow | null {
    const { protocol, source, destination, sourcePort, destinationPort } = packet;
    const port = Math.min(sourcePort, destinationPort);
    const towardsPort = destinationPort === port;
    const key = `${protocol} ${source} ${destination} ${port} ${towardsPort}`;
    const known = this.flows.get(key);
    if (known) return known;
    if (this.flows.size >= FLOWS_MAX) {
      this.aggregated++;
      return null;
    }
    const flow: VppFlow = {
      ...{ protocol, source, destination, port, towardsPort },
      packets: 0,
      through: 0,
      lastThrough: null,
      faults: [],
    };
    this.flows.set(key, flow);
    return flow;
  }
}

function note(flow: VppFlow, kind: VppFaultKind, path: VppPath): void {
  const { decidedBy: node, reason } = path;
  const isSame = (fault: VppFault): boolean =>
    fault.kind === kind && fault.node === node && fault.reason === reason;
  const known = flow.faults.find(isSame);
  if (!known) {
    if (flow.faults.length >= FAULTS_PER_FLOW_MAX) return;
    flow.faults.push({ kind, node, reason, count: 1, examples: [path], last: path, throughAfter: 0 });
    return;
  }
  known.count++;
  known.last = path;
  known.throughAfter = 0;
  if (known.examples.length < EXAMPLES_KEPT) known.examples.push(path);
}
