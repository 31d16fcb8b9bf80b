import * as z from 'zod';

/*
 * A job is data: what it reads, and where its results go. Whoever performs it may be another process.
 */

const pointFilesSchema = z.object({
  files: z.array(z.string()),
  digest: z.string(),
  lanes: z.string(),
});

export const jobSchema = z.discriminatedUnion('kind', [
  /** The report and the digest of one point. */
  z.object({
    kind: z.literal('point'),
    files: z.array(z.string()),
    config: z.optional(z.string()),
    report: z.string(),
    digest: z.string(),
    probes: z.string(),
    /** Written last: where it stands, the others do. */
    lanes: z.string(),
  }),
  /** The probes of others that a point holds. */
  z.object({
    kind: z.literal('sightings'),
    digest: z.string(),
    table: z.string(),
    own: z.number().int(),
    sightings: z.string(),
  }),
  /** The comparison of two points. */
  z.object({
    kind: z.literal('pair'),
    a: pointFilesSchema,
    b: pointFilesSchema,
    config: z.optional(z.string()),
    report: z.string(),
    /** Written last. */
    passages: z.string(),
  }),
]);

export type Job = z.infer<typeof jobSchema>;

export type PerformJob = (job: Job) => Promise<void>;

/** The file that stands where a job is done. */
export function resultOf(job: Job): string {
  switch (job.kind) {
    case 'point':
      return job.lanes;
    case 'sightings':
      return job.sightings;
    case 'pair':
      return job.passages;
  }
}
