import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type CapturePoint, findPoints, PointError } from './points.js';

/** The points that a file of `--points` names. @throws PointError */
export async function readPoints(path: string): Promise<CapturePoint[]> {
  const { pointsSchema } = await import('./points-shape.js');
  const read = pointsSchema.safeParse(parsed(path));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new PointError(`${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`);
  }
  const folder = dirname(path);
  const names = new Set<string>();
  return read.data.points.map(({ name, captures, addresses, site }) => {
    if (names.has(name)) throw new PointError(`${path}: two points are called ${name}`);
    names.add(name);
    const inputs = captures.map((capture) => resolve(folder, capture));
    const files = [...new Set(findPoints(inputs).flatMap((point) => point.files))].sort();
    return {
      name,
      files,
      ...(addresses === undefined ? {} : { addresses }),
      ...(site === undefined ? {} : { site }),
    };
  });
}

function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new PointError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
