import * as z from 'zod';
import { picturesSchema } from './pictures.js';

/*
 * The report: the versioned public model. These schemas are the one source of the types and of
 * the JSON Schema that ships (docs/report.schema.json).
 */

export const severitySchema = z.enum(['error', 'warning', 'info']);
export const confidenceSchema = z.enum(['high', 'medium', 'low']);

/** RFC 3339 with nanoseconds, or null where the capture has no date. */
const timeSchema = z.union([z.string(), z.null()]);

export const evidenceSchema = z.object({
  capture: z.number().int(),
  frame: z.number().int(),
  time: timeSchema,
  relativeSeconds: z.union([z.number(), z.null()]),
  summary: z.string(),
});

export const subjectSchema = z.looseObject({ kind: z.string() });

export const directionSchema = z.object({ from: z.string(), to: z.string() });

export const findingSchema = z.object({
  key: z.string(),
  id: z.string(),
  severity: severitySchema,
  confidence: confidenceSchema,
  title: z.string(),
  explanation: z.string(),
  subject: subjectSchema,
  tunnel: z.optional(z.string()),
  direction: z.optional(directionSchema),
  where: z.enum(['sender', 'path', 'receiver', 'unknown']),
  first: timeSchema,
  last: timeSchema,
  lastGood: z.union([z.object({ frame: z.number().int(), time: timeSchema }), z.null()]),
  ongoingAtEnd: z.boolean(),
  counts: z.record(z.string(), z.number()),
  thresholds: z.record(z.string(), z.number()),
  evidence: z.array(evidenceSchema),
  displayFilter: z.string(),
  causes: z.array(z.string()),
  nextSteps: z.array(z.string()),
  refutedBy: z.string(),
  limitedBy: z.array(z.string()),
  causedBy: z.optional(z.array(z.string())),
  /** Key of the finding that says the same of the same packets, more sharply; it is then all of `causedBy`. */
  restatementOf: z.optional(z.string()),
  folded: z.optional(z.number().int()),
  /** Known and accepted by whoever runs capan: the exit code does not count it. */
  accepted: z.optional(z.object({ reason: z.string(), until: z.optional(z.string()) })),
  /** Only live: when the symptom was over; null where the capture has no date. */
  clearedAt: z.optional(timeSchema),
  /** Only lines of a live run in ndjson: what became of the finding, and when by the clock of the capture. */
  event: z.optional(z.enum(['raised', 'updated', 'cleared'])),
  at: z.optional(timeSchema),
});

export const captureSchema = z.object({
  file: z.string(),
  side: z.optional(z.enum(['a', 'b'])),
  /** Name of the capture point, where there are more than two. */
  point: z.optional(z.string()),
  format: z.string(),
  linkTypes: z.array(z.string()),
  frames: z.number().int(),
  records: z.number().int(),
  bytes: z.number(),
  clock: z.enum(['absolute', 'relative']),
  firstTime: timeSchema,
  lastTime: timeSchema,
  damaged: z.optional(z.array(z.object({ offset: z.number(), reason: z.string() }))),
  drops: z.optional(z.number()),
  snaplen: z.optional(z.number().int()),
  /** Packets of a text that has words and no bytes of them. */
  packetsInWords: z.optional(z.number().int()),
  skipped: z.optional(z.record(z.string(), z.number())),
  /** What the way of capturing leaves unknown. */
  notes: z.optional(z.array(z.string())),
});

export const tunnelDirectionSchema = z.object({
  from: z.string(),
  to: z.string(),
  packets: z.number().int(),
  bytes: z.number(),
  first: timeSchema,
  last: timeSchema,
});

export const tunnelSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  endpoints: z.array(z.string()),
  key: z.optional(z.union([z.number(), z.string(), z.array(z.string())])),
  encapsulatedIn: z.optional(z.string()),
  directions: z.array(tunnelDirectionSchema),
  state: z.string(),
});

export const checkedSchema = z.object({
  id: z.string(),
  result: z.enum(['problem', 'insufficient-data', 'healthy', 'not-applicable']),
  subjects: z.object({
    problem: z.number().int(),
    healthy: z.number().int(),
    insufficient: z.number().int(),
  }),
  reason: z.optional(z.string()),
});

/** A file that the operator gave beside the captures. */
export const sideFileSchema = z.object({
  file: z.string(),
  kinds: z.array(z.string()),
  facts: z.number().int(),
  /** Why nothing, or not all, of it was read. */
  warning: z.optional(z.string()),
});

/** Seconds; null where the clocks are not known well enough to tell. */
const delaySchema = z.object({
  min: z.union([z.number(), z.null()]),
  median: z.union([z.number(), z.null()]),
  p99: z.union([z.number(), z.null()]),
  max: z.union([z.number(), z.null()]),
  halfWidth: z.union([z.number(), z.null()]),
});

export const compareDirectionSchema = z.object({
  /** Addresses as in the sender's capture. */
  from: z.string(),
  to: z.string(),
  /** The capture that the packets pass first. */
  sender: z.enum(['a', 'b']),
  scope: z.enum(['outer', 'inner']),
  tunnel: z.optional(z.string()),
  sent: z.number().int(),
  matched: z.number().int(),
  lost: z.number().int(),
  /** Frames of the sender's capture, at most 1,000; `lost` is the total. */
  lostFrames: z.array(z.number().int()),
  duplicated: z.number().int(),
  reordered: z.number().int(),
  /** Arrived with a field changed that routers and NATs leave alone. */
  modified: z.number().int(),
  /** Which fields; where a field has many values, the last row has none and counts the packets of all others. */
  changes: z.optional(
    z.array(
      z.object({
        field: z.string(),
        from: z.union([z.string(), z.null()]),
        to: z.union([z.string(), z.null()]),
        packets: z.number().int(),
        /** The first few, by frame number in the captures of the sender and the receiver. */
        frames: z.array(z.object({ sent: z.number().int(), received: z.number().int() })),
      }),
    ),
  ),
  /** Changed packets whose fields are not all in `changes`, by reason. */
  changesUnread: z.optional(
    z.object({
      /** A capture cannot be read a second time: a pipe, a live capture. */
      notAgain: z.number().int(),
      /** Beyond the packets that are looked at one by one. */
      bound: z.number().int(),
      /** The difference lies in bytes that were not captured or are not looked at. */
      notCaptured: z.number().int(),
      /** Beyond the fields that are kept. */
      otherFields: z.number().int(),
    }),
  ),
  /** Arrived in other pieces than they left: fragmented, put together, cut by segmentation offload. */
  recut: z.number().int(),
  /** Captured at the receiver, not at the sender. */
  receivedOnly: z.number().int(),
  notComparable: z.object({
    outsideWindow: z.number().int(),
    snaplen: z.number().int(),
    captureLoss: z.number().int(),
    captureFilter: z.number().int(),
    /** TCP numbers rewritten by an amount that nothing in the captures shows. */
    renumbered: z.optional(z.number().int()),
    /** Not found, and given up before its time: more packets were on their way than are kept. */
    crowded: z.optional(z.number().int()),
  }),
  delaySeconds: z.union([delaySchema, z.null()]),
});

export const compareClockSchema = z.object({
  /** Clock of B minus clock of A; an upper or lower bound where `oneWay` is true. */
  offsetSeconds: z.union([z.number(), z.null()]),
  halfWidthSeconds: z.union([z.number(), z.null()]),
  skewPpm: z.union([z.number(), z.null()]),
  steps: z.array(z.object({ time: timeSchema, seconds: z.number() })),
  /** Packets were matched in one direction only. */
  oneWay: z.optional(z.boolean()),
  /** The operator stated the offset. */
  given: z.optional(z.boolean()),
});

export const compareSchema = z.object({
  clock: compareClockSchema,
  nat: z.array(z.object({ a: z.string(), b: z.string(), translatedAt: z.enum(['a', 'b']) })),
  /** What the path rewrites in whole flows, and which is no translation of addresses; `a`, `b`: `address > address`. */
  rewritten: z.optional(
    z.array(
      z.object({
        what: z.enum(['tcp-sequence-numbers', 'tcp-options', 'ip-identifications', 'scion-hops']),
        a: z.string(),
        b: z.string(),
        flows: z.number().int(),
      }),
    ),
  ),
  directions: z.array(compareDirectionSchema),
  /** Packets between hosts of which the other side shows nothing. */
  unpaired: z.array(
    z.object({ side: z.enum(['a', 'b']), from: z.string(), to: z.string(), packets: z.number().int() }),
  ),
  /** Between neighbouring capture points, where there are more than two: `from` is side a of the stretch. */
  segments: z.optional(
    z.array(
      z.object({
        from: z.string(),
        to: z.string(),
        clock: compareClockSchema,
        directions: z.array(compareDirectionSchema),
      }),
    ),
  ),
});

export const reportSchema = z.object({
  schema: z.literal('capan-report/1'),
  tool: z.object({ name: z.string(), version: z.string() }),
  command: z.enum(['analyze', 'compare', 'live']),
  captures: z.array(captureSchema),
  quality: z.array(z.object({ id: z.string(), detail: z.string() })),
  tunnels: z.array(tunnelSchema),
  findings: z.array(findingSchema),
  checked: z.array(checkedSchema),
  errors: z.array(z.object({ where: z.string(), message: z.string() })),
  /** Only where a part of the input was asked for; `frames` of it were looked at. */
  part: z.optional(
    z.object({
      filter: z.optional(z.string()),
      tunnel: z.optional(z.string()),
      from: z.optional(z.string()),
      to: z.optional(z.string()),
      frames: z.number().int(),
      leftOut: z.object({ byTime: z.number().int(), byFilter: z.number().int() }),
    }),
  ),
  /** Only with a file of accepted findings: what became of its entries. */
  acceptances: z.optional(
    z.array(
      z.object({
        /** Id, glob of ids or key, as the file says it. */
        finding: z.string(),
        reason: z.string(),
        until: z.optional(z.string()),
        state: z.enum(['used', 'unused', 'expired']),
        findings: z.number().int(),
      }),
    ),
  ),
  sideFiles: z.optional(z.array(sideFileSchema)),
  /** What side files call the addresses of tunnels and findings. */
  names: z.optional(z.record(z.string(), z.string())),
  /** Files of the directories given that are no captures: how many, and the first of them with the reason. */
  filesLeftOut: z.optional(
    z.object({
      count: z.number().int(),
      files: z.array(z.object({ file: z.string(), reason: z.string() })),
    }),
  ),
  /** What was counted and not kept one by one, because of a bound. */
  summarised: z.optional(z.array(z.object({ what: z.string(), count: z.number().int() }))),
  /** Only for compare. */
  compare: z.optional(compareSchema),
  /** What pictures are drawn from; only where they were asked for. */
  pictures: z.optional(picturesSchema),
});

export type Severity = z.infer<typeof severitySchema>;
export type Confidence = z.infer<typeof confidenceSchema>;
export type CitedFrame = z.infer<typeof evidenceSchema>;
export type Subject = z.infer<typeof subjectSchema>;
export type Finding = z.infer<typeof findingSchema>;
export type CaptureSummary = z.infer<typeof captureSchema>;
export type Tunnel = z.infer<typeof tunnelSchema>;
export type TunnelDirection = z.infer<typeof tunnelDirectionSchema>;
export type Checked = z.infer<typeof checkedSchema>;
export type SideFileSummary = z.infer<typeof sideFileSchema>;
export type CompareSection = z.infer<typeof compareSchema>;
export type CompareDirection = z.infer<typeof compareDirectionSchema>;
export type { Pictures } from './pictures.js';
export type Report = z.infer<typeof reportSchema>;
