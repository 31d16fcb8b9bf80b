import * as z from 'zod';

/*
 * What the pictures of a report are drawn from. Times are seconds from the start of their segment; series are bins of
 * `binSeconds`, the first of which is bin number `first` of the segment.
 */

const count = z.number().int();
const timeOrNull = z.union([z.string(), z.null()]);

const seriesFields = { segment: count, binSeconds: z.number(), first: count };

/** By bin: number of the bin, least, largest, and how many values. */
const rangesSchema = z.array(z.tuple([count, z.number(), z.number(), count]));

export const picturesSchema = z.object({
  /** Stretches of one clock; times of two do not compare. */
  segments: z.array(
    z.object({
      /** Of which point, where two captures are compared. */
      side: z.optional(z.enum(['a', 'b'])),
      start: timeOrNull,
      seconds: z.number(),
      /** Stretches in which the capture may not have run. */
      pauses: z.array(z.object({ from: z.number(), to: z.number() })),
    }),
  ),
  /** All frames of a segment, and those that the capture cut. */
  frames: z.array(
    z.object({
      ...seriesFields,
      packets: z.array(count),
      bytes: z.array(count),
      cut: z.optional(z.array(count)),
    }),
  ),
  /** A direction of a tunnel in a segment; bytes of frames. */
  rates: z.array(
    z.object({
      tunnel: z.string(),
      from: z.string(),
      to: z.string(),
      ...seriesFields,
      packets: z.array(count),
      bytes: z.array(count),
    }),
  ),
  /** Sequence numbers of one direction; `ranges`: number of the bin, lowest and highest number, packets. */
  sequences: z.array(
    z.object({
      protocol: z.string(),
      from: z.string(),
      to: z.string(),
      key: z.union([z.string(), z.null()]),
      segment: count,
      binSeconds: z.number(),
      ranges: rangesSchema,
      missing: count,
      gaps: z.array(
        z.object({
          sequence: count,
          missing: count,
          from: z.union([z.number(), z.null()]),
          to: z.union([z.number(), z.null()]),
        }),
      ),
    }),
  ),
  /** The first messages of a conversation and the last ones. */
  exchanges: z.array(
    z.object({
      protocol: z.string(),
      ends: z.tuple([z.string(), z.string()]),
      segment: count,
      messages: z.array(
        z.object({
          /** 0: sent by the first of `ends`. */
          from: z.union([z.literal(0), z.literal(1)]),
          capture: count,
          frame: count,
          at: z.union([z.number(), z.null()]),
          label: z.string(),
          /** Equal messages that followed this one, itself included, and when the last of them was. */
          times: z.optional(count),
          until: z.optional(z.union([z.number(), z.null()])),
          /** Sent before with the same content. */
          again: z.optional(z.literal(true)),
          /** Nothing came back until the end of the conversation. */
          unanswered: z.optional(z.literal(true)),
        }),
      ),
      /** Messages that are not listed, and behind how many they stand. */
      leftOut: z.optional(z.object({ after: count, messages: count })),
    }),
  ),
  /** Packets of one direction by size: those that were acknowledged or answered, and those that were not. */
  sizes: z.array(
    z.object({
      protocol: z.string(),
      from: z.string(),
      to: z.string(),
      segment: count,
      classes: z.array(z.object({ fromBytes: count, toBytes: count, passed: count, lost: count })),
    }),
  ),
  /** Round trips in seconds of what one end sent. */
  roundTrips: z.array(
    z.object({
      protocol: z.string(),
      from: z.string(),
      to: z.string(),
      segment: count,
      binSeconds: z.number(),
      ranges: rangesSchema,
      means: z.array(z.number()),
    }),
  ),
  /** Datagrams that were cut, as far as they were captured; `length` in bytes of payload, null where the end is not there. */
  fragments: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      identification: count,
      segment: count,
      length: z.union([count, z.null()]),
      pieces: z.array(
        z.object({
          capture: count,
          frame: count,
          at: z.union([z.number(), z.null()]),
          offset: count,
          length: count,
        }),
      ),
    }),
  ),
  /** What became of the packets of `compare.directions[direction]`; times are of the sender's clock. */
  directions: z.optional(
    z.array(
      z.object({
        direction: count,
        ...seriesFields,
        sent: z.array(count),
        lost: z.array(count),
        /** One-way delay in seconds by bin. */
        delays: rangesSchema,
      }),
    ),
  ),
  /** By key of a finding: which of the pictures show it. */
  shows: z.record(
    z.string(),
    z.object({
      sequences: z.optional(z.array(count)),
      exchanges: z.optional(z.array(count)),
      sizes: z.optional(z.array(count)),
      roundTrips: z.optional(z.array(count)),
      fragments: z.optional(z.array(count)),
      directions: z.optional(z.array(count)),
    }),
  ),
});

export type Pictures = z.infer<typeof picturesSchema>;
