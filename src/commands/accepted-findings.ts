import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { Finding, Report } from '../report/report.js';
import { matchesIdPattern } from './id-patterns.js';
import { reasonOf } from './output-file.js';
import { UsageError } from './usage-error.js';

/** A day, until its end in UTC. */
const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/, 'is no date such as 2027-01-31')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no date of the calendar');

const acceptanceSchema = z
  .strictObject({
    /** A glob of ids. */
    id: z.optional(z.string().min(1)),
    /** One finding about one subject, as the report names it. */
    key: z.optional(z.string().min(1)),
    /** Only findings whose subject has these fields with these values. */
    subject: z.optional(z.record(z.string(), z.unknown())),
    reason: z.string().min(1),
    until: z.optional(day),
  })
  .refine(({ id, key }) => (id === undefined) !== (key === undefined), 'needs either id or key');

export const acceptedFileSchema = z.strictObject({ accepted: z.array(acceptanceSchema) });

export type Acceptance = z.infer<typeof acceptanceSchema>;

/** Reads the file of `--accept`. @throws UsageError in one line */
export function readAcceptances(file: string): readonly Acceptance[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const why =
      error instanceof SyntaxError
        ? `is no JSON: ${error.message}`
        : `cannot be read: ${whyUnreadable(error)}`;
    throw new UsageError(`--accept ${file} ${why}`);
  }
  const parsed = acceptedFileSchema.safeParse(content);
  if (parsed.success) return parsed.data.accepted;
  const [{ path, message }] = parsed.error.issues;
  throw new UsageError(`--accept ${file}: ${path.length === 0 ? 'the file' : path.join('.')}: ${message}`);
}

function whyUnreadable(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
    ? 'no such file'
    : reasonOf(error);
}

/**
 * Marks the findings that are accepted, and says what became of every acceptance. One that has expired marks nothing.
 * @param today as in 2027-01-31, in UTC
 */
export function withAcceptances(report: Report, acceptances: readonly Acceptance[], today: string): Report {
  const counts = acceptances.map(() => 0);
  const findings = report.findings.map((finding): Finding => {
    const at = acceptances.findIndex((one) => !isExpired(one, today) && accepts(one, finding));
    const acceptance = acceptances[at];
    if (acceptance === undefined) return finding;
    counts[at]++;
    const { reason, until } = acceptance;
    return { ...finding, accepted: { reason, ...(until === undefined ? {} : { until }) } };
  });
  return {
    ...report,
    findings,
    acceptances: acceptances.map((one, index) => {
      const expired = isExpired(one, today);
      return {
        finding: one.key ?? one.id ?? '',
        reason: one.reason,
        ...(one.until === undefined ? {} : { until: one.until }),
        state: expired ? 'expired' : counts[index] > 0 ? 'used' : 'unused',
        findings: expired ? report.findings.filter((finding) => accepts(one, finding)).length : counts[index],
      };
    }),
  };
}

function isExpired({ until }: Acceptance, today: string): boolean {
  return until !== undefined && until < today;
}

function accepts({ id, key, subject = {} }: Acceptance, finding: Finding): boolean {
  const isMeant = key === undefined ? matchesIdPattern(finding.id, id ?? '') : finding.key === key;
  return isMeant && Object.entries(subject).every(([name, value]) => isEqual(finding.subject[name], value));
}

function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((one, at) => isEqual(one, b[at]));
  return a === b;
}
