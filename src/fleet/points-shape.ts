import * as z from 'zod';

/** `--points FILE`: the places of capture, where names do not tell. Paths count from the folder of the file. */
export const pointsSchema = z.strictObject({
  points: z
    .array(
      z.strictObject({
        /** How the report calls the place. */
        name: z.string().min(1),
        /** Files, directories or patterns; all of them together are one capture. */
        captures: z.array(z.string().min(1)).min(1),
        /** Addresses of the host that captured, in the underlay. */
        addresses: z.optional(z.array(z.string())),
        /** Rack, zone or site: hosts of one site are one side where losses are compared by place. */
        site: z.optional(z.string()),
      }),
    )
    .min(1),
});

export type PointsFile = z.infer<typeof pointsSchema>;
