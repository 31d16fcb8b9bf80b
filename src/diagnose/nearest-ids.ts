const SUGGESTIONS_MAX = 3;

/** Ids that resemble what was typed, the nearest first: those that contain it, then those few edits away. */
export function nearestIds(typed: string, ids: readonly string[]): string[] {
  const wanted = typed.toLowerCase();
  const problem = wanted.split('.').at(-1) ?? wanted;
  return ids
    .map((id) => ({ id, distance: distanceTo(id, wanted, problem) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance || a.id.localeCompare(b.id))
    .slice(0, SUGGESTIONS_MAX)
    .map(({ id }) => id);
}

/** "did you mean a, b or c?", or what else to do where nothing resembles it. */
export function suggestion(typed: string, ids: readonly string[]): string {
  const near = nearestIds(typed, ids);
  const last = near.pop();
  if (last === undefined) return "'capan explain' lists all ids";
  return `did you mean ${near.length === 0 ? last : `${near.join(', ')} or ${last}`}?`;
}

function distanceTo(id: string, wanted: string, problem: string): number {
  const ownProblem = id.split('.').at(-1) ?? id;
  if (problem.length > 2 && ownProblem.includes(problem)) return Math.min(1, edits(id, wanted));
  return Math.min(edits(id, wanted), edits(ownProblem, wanted) + 1);
}

/** Levenshtein distance, row by row. */
function edits(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
