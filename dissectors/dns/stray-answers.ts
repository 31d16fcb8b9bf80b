import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { isUnicast } from '../../src/wire/address.js';
import dissector from './dissector.js';
import * as dns from './layout.js';

type DnsSchema = typeof dissector.observes;

/** Answers from one server port to one client port that asked this server nothing. */
export interface StrayAnswers {
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
  readonly stack: number;
  readonly segment: SegmentIndex;
  /** The first IDS_KEPT. */
  readonly answers: readonly { readonly id: number; readonly at: FrameRef }[];
}

interface OpenStray extends StrayAnswers {
  answers: { id: number; at: FrameRef }[];
  wasAsked: boolean;
}

const FLOWS_MAX = 1024;
const IDS_KEPT = 8;

/** Holds the first FLOWS_MAX flows that begin with an answer, IDS_KEPT answers each. */
class StrayCorrelation implements Correlation<StrayAnswers, DnsSchema> {
  private readonly flows: FlowStates<OpenStray | 'asked'>;
  private readonly strays: OpenStray[] = [];

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<OpenStray | 'asked'>(() => {});
  }

  consume(batch: Batch<DnsSchema>, flow: FlowId, from: number, to: number): void {
    if (flow < 0 || this.flows.get(flow) === 'asked') return;
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const flags = columns.flags[row];
      if ((flags & dns.OPCODE_MASK) >> dns.OPCODE_SHIFT !== dns.OPCODE_QUERY) continue;
      const known = this.flows.get(flow);
      if ((flags & dns.FLAG_RESPONSE) === 0) {
        if (known !== undefined && known !== 'asked') known.wasAsked = true;
        this.flows.set(flow, 'asked');
        return;
      }
      const stray = known ?? this.open(batch, flow, columns.rows.direction[row]);
      if (!stray || stray === 'asked') return;
      if (stray.answers.length < IDS_KEPT) stray.answers.push({ id: columns.id[row], at: refOf(batch, row) });
    }
  }

  private open({ segment }: Batch<DnsSchema>, flow: FlowId, direction: number): OpenStray | null {
    const { flows } = this.run;
    if (this.strays.length >= FLOWS_MAX) return null;
    if (!isUnicast(flows.addressWords(flow, 0)) || !isUnicast(flows.addressWords(flow, 1))) return null;
    const { from, to } = flows.addresses(flow, direction);
    const ports = flows.ports(flow, direction);
    const stray: OpenStray = {
      client: to,
      clientPort: ports.to,
      server: from,
      serverPort: ports.from,
      stack: flows.stack(flow),
      segment,
      answers: [],
      wasAsked: false,
    };
    this.flows.set(flow, stray);
    this.strays.push(stray);
    return stray;
  }

  endSegment(): void {
    this.flows.clear();
  }

  sessions(): readonly StrayAnswers[] {
    return this.strays.filter(({ wasAsked }) => !wasAsked);
  }
}

/** Answers that come from where nobody asked. */
export const strayAnswers = defineCorrelator<StrayAnswers, DnsSchema>({
  name: 'dns-stray-answers',
  reads: dissector,
  order: 'flow',
  create: (run) => new StrayCorrelation(run),
});
