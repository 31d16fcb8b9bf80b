import { suggestion } from '../diagnose/nearest-ids.js';
import { UsageError } from './usage-error.js';

/** A glob over diagnosis ids: `*` is any run of characters, `?` is one. Matched without backtracking into regular expressions. */
export function matchesIdPattern(id: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let resumeAt = 0;
  let index = 0;
  while (at < id.length) {
    if (pattern[index] === '*') {
      star = index++;
      resumeAt = at;
    } else if (pattern[index] === '?' || pattern[index] === id[at]) {
      index++;
      at++;
    } else if (star >= 0) {
      index = star + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[index] === '*') index++;
  return index === pattern.length;
}

/**
 * A pattern that matches no diagnosis would check nothing and look healthy, so it is refused.
 * @throws UsageError with the nearest ids.
 */
export function assertPatternsMatch(
  option: '--only' | '--skip',
  patterns: readonly string[],
  ids: readonly string[],
): void {
  for (const pattern of patterns) {
    if (ids.some((id) => matchesIdPattern(id, pattern))) continue;
    throw new UsageError(`${option} ${pattern} matches no diagnosis; ${suggestion(pattern, ids)}`);
  }
}
