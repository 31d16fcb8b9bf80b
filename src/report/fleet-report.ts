import * as z from 'zod';
import { confidenceSchema, severitySchema } from './report.js';

/*
 * The report of a fleet: what many capture points show together. These schemas are the one source of the types and of
 * docs/fleet.schema.json.
 */

const count = z.number().int();
/** RFC 3339 by the middle clock of the fleet, or null where captures have no date. */
const time = z.union([z.string(), z.null()]);

export const fleetPointSchema = z.object({
  name: z.string(),
  files: z.array(z.string()),
  /** Tunnel ends that the point stands at. */
  hosts: z.array(z.string()),
  frames: count,
  bytes: z.number(),
  /** As its own captures state them. */
  firstTime: time,
  lastTime: time,
  findings: z.object({ error: count, warning: count, info: count }),
  /** Clock of the point minus the middle clock of the points that it is linked with; null where it is linked with none. */
  clockOffsetSeconds: z.union([z.number(), z.null()]),
  /** In the folder of --work, the bytes of `capan analyze --format json`. */
  report: z.optional(z.string()),
});

export const fleetLinkSchema = z.object({
  a: z.string(),
  b: z.string(),
  /** Packets of the sample that passed both and no point between them. */
  packets: count,
  sent: count,
  lost: count,
  /** In the folder of --work, the bytes of `capan compare --format json`. */
  report: z.optional(z.string()),
});

export const fleetTunnelSchema = z.object({
  kind: z.string(),
  endpoints: z.tuple([z.string(), z.string()]),
  keys: z.array(z.string()),
  /** The points at the two ends; null where none is there. */
  ends: z.tuple([z.union([z.string(), z.null()]), z.union([z.string(), z.null()])]),
  seenAt: z.array(z.string()),
});

/** Packets from one host to another in tunnels of one kind. */
export const fleetCellSchema = z.object({
  kind: z.string(),
  from: z.string(),
  to: z.string(),
  /** As the point at the sender counts them, and as that at the receiver does; null where no point is there. */
  sent: z.union([count, z.null()]),
  arrived: z.union([count, z.null()]),
  /** Proven by the comparison of both; null where they were not compared, or speak by several kinds of tunnel. */
  lost: z.union([count, z.null()]),
  /** Packets that came back. */
  answered: z.union([count, z.null()]),
});

export const fleetFindingSchema = z.object({
  id: z.string(),
  severity: severitySchema,
  confidence: confidenceSchema,
  title: z.string(),
  explanation: z.string(),
  place: z.looseObject({ kind: z.string() }),
  since: time,
  /** The last packet that shows that all was well. */
  lastGood: time,
  ongoingAtEnd: z.boolean(),
  counts: z.record(z.string(), z.number()),
  /** Points whose captures show it. */
  seenAt: z.array(z.string()),
  /** Findings of single points and pairs that it explains. */
  folded: z.array(z.object({ id: z.string(), findings: count })),
  nextSteps: z.array(z.string()),
  refutedBy: z.string(),
});

export const blindSpotSchema = z.object({
  address: z.string(),
  /** Captured hosts that have a tunnel with it, and packets between them and it. */
  peers: count,
  packets: count,
  reason: z.string(),
  nextStep: z.string(),
});

export const fleetReportSchema = z.object({
  schema: z.literal('capan-fleet/1'),
  tool: z.object({ name: z.string(), version: z.string() }),
  command: z.literal('fleet'),
  points: z.array(fleetPointSchema),
  links: z.array(fleetLinkSchema),
  /** Groups of points that saw packets of each other; points of two groups share none. */
  groups: z.array(z.array(z.string())),
  worstClock: z.union([z.object({ point: z.string(), offsetSeconds: z.number() }), z.null()]),
  tunnels: z.array(fleetTunnelSchema),
  matrix: z.array(fleetCellSchema),
  findings: z.array(fleetFindingSchema),
  blindSpots: z.array(blindSpotSchema),
  errors: z.array(z.object({ where: z.string(), message: z.string() })),
});

export type FleetReport = z.infer<typeof fleetReportSchema>;
export type FleetFinding = z.infer<typeof fleetFindingSchema>;
export type FleetTunnel = z.infer<typeof fleetTunnelSchema>;
export type FleetCell = z.infer<typeof fleetCellSchema>;
export type BlindSpot = z.infer<typeof blindSpotSchema>;
