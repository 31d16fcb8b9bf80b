import type { SamplePath } from './pairs.js';
import type { SampleCapture } from './sample-capture.js';

/** Text of README.md beside the captures. */
export function readmeOf(captures: readonly SampleCapture[]): string {
  const rows = captures.map(
    ({ file, shows, must, healthy, sideFiles }) =>
      `| \`${file}\` | ${shows}${optionsOf(sideFiles)} | ${expectation(must, healthy)} |`,
  );
  return [
    '# Sample captures',
    '',
    'All of them, this file and `expect.json` are generated: `npx tsx captures/make.ts` writes the same bytes every',
    'time. No packet was taken from a network; addresses are those reserved for documentation (RFC 5737, RFC 3849)',
    'and private ones, keys and payloads are pseudo-random. The cases are described in `captures/cases/`.',
    '',
    'A capture is healthy where no finding of severity warning or error may be reported on it.',
    'Where options are named, the expectation holds with those side files, which stand in `side-files/`.',
    '`expect.json` says so for tests: `must` lists the findings that have to be there, `allow` those that may',
    'stand beside them.',
    '',
    '| capture | what it shows | expected |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function expectation(must: readonly string[], healthy: boolean): string {
  const findings = must.map((id) => `\`${id}\``).join(', ');
  if (!healthy) return findings;
  return must.length === 0 ? 'healthy' : `healthy; ${findings} (info)`;
}

/** Text of expect.json: what an analysis of each file must say. */
export function expectationsOf(captures: readonly SampleCapture[]): string {
  const entries = captures.map(({ file, must, healthy, allow, sideFiles }) => [
    file,
    {
      must,
      healthy,
      allow: allow ?? [],
      ...(sideFiles === undefined ? {} : { sideFiles: namesOf(sideFiles) }),
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

type SideFiles = NonNullable<SampleCapture['sideFiles']>;

/** Names by option, as the options of the command take them. */
function namesOf(sideFiles: SideFiles): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(sideFiles).map(([option, files]) => [option, files.map(({ file }) => file)]),
  );
}

function optionsOf(sideFiles: SideFiles = {}): string {
  const options = Object.entries(namesOf(sideFiles)).flatMap(([option, files]) =>
    files.map((file) => `\`--${option} ${file}\``),
  );
  return options.length === 0 ? '' : ` (${options.join(', ')})`;
}

/** Text of paths/README.md. */
export function pathsReadmeOf(paths: readonly SamplePath[]): string {
  const rows = paths.map(
    ({ name, points, shows, must, healthy }) =>
      `| \`${name}\` | ${points.join(', ')} | ${shows} | ${expectation(must, healthy)} |`,
  );
  return [
    '# Sample paths',
    '',
    'The same traffic captured at several points of a path, for `capan compare`: generated like the captures above',
    '(`npx tsx captures/make.ts`; the cases are in `captures/cases/pairs.ts` and `both-ends.ts`). `expect.json` says what a comparison',
    'must report.',
    '',
    '| path | points | what it shows | expected |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** Text of paths/expect.json: what a comparison of each path must say. */
export function pathExpectationsOf(paths: readonly SamplePath[]): string {
  const entries = paths.map(({ name, points, must, healthy, allow }) => [
    name,
    { points, must, healthy, allow: allow ?? [] },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}
