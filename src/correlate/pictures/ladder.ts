import type { Dissector } from '../../dissect/dissector.js';
import type { Schema } from '../../observe/table.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../units.js';
import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../correlator.js';
import type { FlowId } from '../flow-id.js';
import { FlowPictures } from './flow-pictures.js';
import type { ExchangedMessage, ExchangePicture } from './picture.js';

/** Conversations of a protocol that are kept: those that began first. */
const CONVERSATIONS_MAX = 1000;
/** Rungs of a ladder: the first ones and the last ones. */
const FIRST_RUNGS = 24;
const LAST_RUNGS = 24;

/** What is drawn of a message, in numbers: words are made of those that are kept. */
export interface Rung {
  /** Below 0: not drawn. Messages of one code and detail that follow each other are drawn once. */
  code: number;
  detail: number;
  /** Equal for messages with the same content, 0 where that is not known: then nothing is a repetition. */
  identity: number;
  /** Whether the other side has to answer. */
  asks: boolean;
}

export interface LadderRule<S extends Schema> {
  readonly protocol: string;
  readonly reads: Dissector<S>;
  /** Writes every field of `rung`. */
  readonly describe: (columns: Batch<S>['columns'], row: number, rung: Rung) => void;
  readonly label: (code: number, detail: number) => string;
}

/**
 * The messages of conversations as a ladder shows them. Holds the first CONVERSATIONS_MAX conversations with 48 rungs each;
 * nothing is allocated for a message.
 */
export function defineLadder<S extends Schema>(rule: LadderRule<S>): Correlator<ExchangePicture, S> {
  return defineCorrelator<ExchangePicture, S>({
    name: `exchanges of ${rule.protocol}`,
    reads: rule.reads,
    order: 'flow',
    create: (run) => new Ladders(run, rule),
  });
}

class Ladders<S extends Schema> implements Correlation<ExchangePicture, S> {
  private readonly ladders: FlowPictures<Ladder>;
  private readonly rung: Rung = { code: 0, detail: 0, identity: 0, asks: false };

  constructor(
    private readonly run: CorrelationRun,
    private readonly rule: LadderRule<S>,
  ) {
    this.ladders = new FlowPictures(run, CONVERSATIONS_MAX);
  }

  consume(batch: Batch<S>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs } = batch;
    const firstFrame = batch.frameIdOf(columns.rows.frame[order[from]]);
    const ladder = this.ladders.of(flow, firstFrame, () => {
      return new Ladder(firstFrame, batch.segment, this.run.flows.endpoints(flow));
    });
    if (ladder === null) return;
    const { rung } = this;
    for (let at = from; at < to; at++) {
      const row = order[at];
      this.rule.describe(columns, row, rung);
      if (rung.code < 0) continue;
      const index = columns.rows.frame[row];
      ladder.add(rung, columns.rows.direction[row], timeNs[index], batch.frameIdOf(index));
    }
  }

  endSegment(): void {
    this.ladders.endSegment();
  }

  sessions(): readonly ExchangePicture[] {
    const { protocol, label } = this.rule;
    return this.ladders
      .all()
      .filter((ladder) => ladder.length > 0)
      .map((ladder) => ({
        picture: 'exchange' as const,
        protocol,
        ...ladder.ends,
        segment: ladder.segment,
        ...describeRungs(ladder, label),
      }));
  }
}

type Ends = Pick<ExchangePicture, 'low' | 'high' | 'lowPort' | 'highPort'>;

const FIELDS = 9;
const CODE = 0;
const DETAIL = 1;
const IDENTITY = 2;
const DIRECTION = 3;
const FRAME = 4;
const TIME = 5;
const TIMES = 6;
const LAST_FRAME = 7;
const LAST_TIME = 8;
const ASKS = 0.5;
const REPEATED = 2;

/** One conversation: rungs side by side in one array that grows to its bound. */
class Ladder {
  /** Rungs so far, those that are not kept among them. */
  length = 0;
  private fields = new Float64Array(4 * FIELDS);

  constructor(
    readonly firstFrame: FrameId,
    readonly segment: SegmentIndex,
    readonly ends: Ends,
  ) {}

  add(rung: Rung, direction: number, timeNs: Nanoseconds, frame: FrameId): void {
    if (this.continues(rung, direction, timeNs, frame)) return;
    const isRepeated = rung.identity !== 0 && this.has(rung, direction);
    const at = this.slotOf(this.length) * FIELDS;
    this.length++;
    if (at >= this.fields.length) this.grow();
    const { fields } = this;
    fields[at + CODE] = rung.code;
    fields[at + DETAIL] = rung.detail;
    fields[at + IDENTITY] = rung.identity;
    fields[at + DIRECTION] = direction + (isRepeated ? REPEATED : 0) + (rung.asks ? ASKS : 0);
    fields[at + FRAME] = frame;
    fields[at + TIME] = timeNs;
    fields[at + TIMES] = 1;
    fields[at + LAST_FRAME] = frame;
    fields[at + LAST_TIME] = timeNs;
  }

  /** The rung at that place of the ladder, which must be one that is kept. */
  at(place: number): ExchangedMessage & { readonly code: number; readonly detail: number } {
    const { fields } = this;
    const at = this.slotOf(place) * FIELDS;
    const way = fields[at + DIRECTION];
    return {
      code: fields[at + CODE],
      detail: fields[at + DETAIL],
      direction: Math.floor(way) & 1,
      isRepeated: way >= REPEATED,
      asks: way % 1 !== 0,
      frame: fields[at + FRAME],
      timeNs: fields[at + TIME],
      times: fields[at + TIMES],
      lastFrame: fields[at + LAST_FRAME],
      lastNs: fields[at + LAST_TIME],
      label: '',
    };
  }

  /** Counts a message that says what the last one of its side said, with nothing new from either side since. */
  private continues(rung: Rung, direction: number, timeNs: Nanoseconds, frame: FrameId): boolean {
    if (rung.identity !== 0) return false;
    const { fields } = this;
    for (let back = 1; back <= Math.min(2, this.length); back++) {
      const at = this.slotOf(this.length - back) * FIELDS;
      if ((Math.floor(fields[at + DIRECTION]) & 1) !== direction) continue;
      if (fields[at + CODE] !== rung.code || fields[at + DETAIL] !== rung.detail) return false;
      fields[at + TIMES]++;
      fields[at + LAST_FRAME] = frame;
      fields[at + LAST_TIME] = timeNs;
      return true;
    }
    return false;
  }

  private has({ identity, code }: Rung, direction: number): boolean {
    const { fields } = this;
    const kept = Math.min(this.length, FIRST_RUNGS + LAST_RUNGS);
    for (let slot = 0; slot < kept; slot++) {
      const at = slot * FIELDS;
      const isEqual = fields[at + IDENTITY] === identity && fields[at + CODE] === code;
      if (isEqual && (Math.floor(fields[at + DIRECTION]) & 1) === direction) return true;
    }
    return false;
  }

  private slotOf(place: number): number {
    return place < FIRST_RUNGS ? place : FIRST_RUNGS + ((place - FIRST_RUNGS) % LAST_RUNGS);
  }

  private grow(): void {
    const most = (FIRST_RUNGS + LAST_RUNGS) * FIELDS;
    const fields = new Float64Array(Math.min(most, this.fields.length * 4));
    fields.set(this.fields);
    this.fields = fields;
  }
}

function describeRungs(
  ladder: Ladder,
  label: (code: number, detail: number) => string,
): Pick<ExchangePicture, 'messages' | 'leftOut' | 'leftOutAfter'> {
  const { length } = ladder;
  const lastFrom = Math.max(FIRST_RUNGS, length - LAST_RUNGS);
  const messages: ExchangedMessage[] = [];
  for (let place = 0; place < length; place++) {
    if (place >= FIRST_RUNGS && place < lastFrom) continue;
    const { code, detail, ...message } = ladder.at(place);
    messages.push({ ...message, label: label(code, detail) });
  }
  return { messages, leftOut: Math.max(0, lastFrom - FIRST_RUNGS), leftOutAfter: FIRST_RUNGS };
}
