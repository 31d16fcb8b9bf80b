import type * as z from 'zod';
import { isNonEmpty, mostBy } from '../moment.js';
import { SideFileError } from './side-file-error.js';

/**
 * A value of the shape, or one line that names the field.
 * @throws SideFileError
 */
export function checked<Shape extends z.ZodType>(
  file: string,
  what: string,
  shape: Shape,
  value: unknown,
): z.output<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues);
  const field = issue.path.map(String).join('.');
  throw new SideFileError(file, `is no usable ${what}: ${field === '' ? '' : `${field}: `}${reason(issue)}`);
}

/** Of the alternatives of a union, the one with the fewest faults is meant, and of those the one that got furthest. */
function deepest(issues: readonly z.core.$ZodIssue[], under: readonly PropertyKey[] = []): z.core.$ZodIssue {
  const candidates = issues.map((issue) => {
    const path = [...under, ...issue.path];
    const inner = issue.code === 'invalid_union' ? issue.errors.filter((errors) => errors.length > 0) : [];
    if (inner.length === 0) return { ...issue, path };
    const fewest = Math.min(...inner.map((errors) => errors.length));
    const meant = inner.filter((errors) => errors.length === fewest).map((errors) => deepest(errors, path));
    return isNonEmpty(meant) ? mostBy(meant, (one) => one.path.length) : { ...issue, path };
  });
  return candidates[0];
}

function reason(issue: z.core.$ZodIssue): string {
  const text = issue.message.replace(/^Invalid input: /, '').replace(/\s+/g, ' ');
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
