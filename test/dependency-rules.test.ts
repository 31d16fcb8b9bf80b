import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

type Patterns = string | readonly string[];

/** What the tool says of a tree, as far as it is looked at here. */
interface Outcome {
  readonly violations: readonly {
    readonly rule: { readonly name: string };
    readonly from: string;
    readonly to: string;
  }[];
  readonly ruleSetUsed: {
    readonly forbidden: readonly {
      readonly name: string;
      readonly comment?: string;
      readonly from: { readonly path?: Patterns };
      readonly to: { readonly pathNot?: Patterns };
    }[];
  };
}

/** A file that is imported and not there. */
const NOWHERE = './nowhere.js';

/** By rule: imports that it forbids, `file > file > …`; the last one is what the first must not reach. */
const VIOLATIONS: Readonly<Record<string, readonly string[]>> = {
  'no-circle': ['src/wire/one.ts > src/wire/two.ts > src/wire/one.ts'],
  'no-unresolved': [`src/wire/one.ts > ${NOWHERE}`],
  'room-capture': [
    'src/capture/pcap-reader.ts > src/wire/ip.ts',
    'src/capture/pcap-reader.ts > src/dissect/dissector.ts',
  ],
  'room-wire': ['src/wire/ip.ts > src/observe/table.ts', 'src/wire/ip.ts > src/units.ts'],
  'room-observe': [
    'src/observe/table.ts > src/dissect/frame-context.ts',
    'src/observe/slot.ts > src/wire/ip.ts',
  ],
  'room-dissect': [
    'src/dissect/dissector.ts > dissectors/index.ts',
    'src/dissect/dissector.ts > src/correlate/claims.ts',
  ],
  'room-workers': [
    'src/workers/pipeline.ts > src/diagnose/diagnosis.ts',
    'src/workers/pipeline.ts > src/report/report.ts',
  ],
  'room-correlate': [
    'src/correlate/claims.ts > src/capture/pcap-reader.ts',
    'src/correlate/claims.ts > src/capture/chunk.ts',
    'src/correlate/claims.ts > src/diagnose/diagnosis.ts',
    'src/correlate/claims.ts > src/report/report.ts',
  ],
  'room-compare': [
    'src/compare/plan.ts > dissectors/esp/session.ts',
    'src/compare/plan.ts > src/diagnose/diagnosis.ts',
    'src/compare/plan.ts > src/dissect/frame-context.ts',
  ],
  'room-side-files': [
    'src/side-files/names.ts > src/correlate/claims.ts',
    'src/side-files/names.ts > src/observe/slot.ts',
  ],
  'room-wording': [
    'src/wording/counts.ts > src/diagnose/diagnosis.ts',
    'src/wording/counts.ts > src/report/text.ts',
  ],
  'room-diagnose': [
    'src/diagnose/finding.ts > src/observe/slot.ts',
    'src/diagnose/finding.ts > src/report/text.ts',
  ],
  'room-report': [
    'src/report/text.ts > src/diagnose/diagnosis.ts',
    'src/report/text.ts > src/correlate/claims.ts',
  ],
  'room-select': [
    'src/select/part-source.ts > dissectors/esp/session.ts',
    'src/select/part-source.ts > src/diagnose/diagnosis.ts',
    'src/select/part-source.ts > src/report/text.ts',
  ],
  'room-anonymize': [
    'src/anonymize/ike.ts > src/capture/chunk.ts',
    'src/anonymize/ike.ts > dissectors/esp/layout.ts',
  ],
  'room-page': ['src/page/words.ts > src/report/text.ts', 'src/page/words.ts > dissectors/esp/session.ts'],
  'room-fleet': [
    'src/fleet/points.ts > src/capture/pcap-reader.ts',
    'src/fleet/points.ts > src/diagnose/diagnosis.ts',
    'src/fleet/points.ts > src/report/text.ts',
  ],
  'room-live': [
    'src/live/live-judge.ts > dissectors/esp/session.ts',
    'src/live/live-judge.ts > src/report/text.ts',
    'src/live/live-judge.ts > src/commands/live.ts',
  ],
  'measures-know-nothing': ['src/moment.ts > src/correlate/claims.ts'],
  'launcher-knows-nothing': ['src/launch.ts > src/cli.ts'],
  'catalogue-by-its-index': ['src/commands/live.ts > dissectors/esp/session.ts'],
  'catalogue-in-workers-and-commands': ['src/index.ts > dissectors/index.ts'],
  'dissector-alone': [
    'dissectors/esp/dissector.ts > dissectors/ah/layout.ts',
    'dissectors/arp/dissector.ts > dissectors/arp/layout.ts > dissectors/ah/layout.ts',
  ],
  'dissector-without-node': [
    'dissectors/esp/dissector.ts > node:fs',
    'dissectors/bfd/dissector.ts > dissectors/bfd/layout.ts > node:crypto',
  ],
  'bytes-engine': [
    'dissectors/esp/dissector.ts > src/correlate/claims.ts',
    'dissectors/vxlan/recognition.ts > src/capture/chunk.ts',
  ],
  'rows-not-frames': [
    'dissectors/esp/correlator.ts > src/dissect/frame-context.ts',
    'dissectors/esp/correlator.ts > src/observe/slot.ts',
    'dissectors/esp/diagnoses/gaps.ts > src/capture/chunk.ts',
  ],
  'text-captures-offer-frames': [
    'dissectors/vpp/text-captures/show-trace.ts > src/capture/pcap-reader.ts',
    'dissectors/vpp/text-captures/show-trace.ts > src/diagnose/diagnosis.ts',
  ],
  'folder-shows-sessions': [
    'dissectors/ah/roles.ts > dissectors/esp/tunnel.ts',
    'dissectors/ah/diagnoses/nat.ts > dissectors/esp/diagnoses/gaps.ts',
    'dissectors/ah/diagnoses/spi.ts > dissectors/esp/dissector.ts',
  ],
  'correlator-reads-rows': [
    'dissectors/ah/correlator.ts > dissectors/esp/tunnel.ts',
    'dissectors/ah/correlator.ts > dissectors/esp/diagnoses/gaps.ts',
  ],
  'formats-in-report': [
    'dissectors/ah/diagnoses/nat.ts > src/report/text.ts',
    'src/index.ts > src/report/markdown.ts',
    'src/units.ts > cli-table3',
  ],
  'nothing-from-tests': ['src/commands/live.ts > test/build/capture-file.ts'],
};

/** Any room may import them, whether it does or not. */
const MEASURES: readonly string[] = [
  '^src/units\\.ts$',
  '^src/moment\\.ts$',
  '^src/rfc3339\\.ts$',
  '^src/pasted-line\\.ts$',
];

/** Imports that no rule forbids. */
const HARMLESS: readonly string[] = [
  'src/commands/live.ts > dissectors/index.ts',
  'src/workers/pipeline.ts > dissectors/index.ts',
  'src/diagnose/finding.ts > src/report/report.ts',
  'src/report/text.ts > src/diagnose/diagnosis-metadata.ts',
  'src/capture/pcap-reader.ts > node:fs',
  'dissectors/esp/dissector.ts > dissectors/esp/layout.ts > src/wire/ip.ts',
  'dissectors/ah/diagnoses/nat.ts > dissectors/esp/correlator.ts > dissectors/esp/dissector.ts',
  'dissectors/esp/correlator.ts > src/moment.ts',
  'dissectors/bgp/correlator.ts > dissectors/tcp/dissector.ts',
  'dissectors/bgp/diagnoses/mtu.ts > dissectors/tcp/shared/size-limits.ts',
];

/** A tree of files that import as the chains say; what has no file of its own in a chain is not written. */
function writeTree(folder: string, chains: readonly string[]): void {
  const imports = new Map<string, Set<string>>();
  for (const chain of chains) {
    const files = chain.split(' > ');
    for (const [index, from] of files.entries()) {
      if (!from.endsWith('.ts')) continue;
      const targets = imports.get(from) ?? new Set();
      imports.set(from, targets);
      const to = files[index + 1];
      if (to !== undefined) targets.add(to);
    }
  }
  for (const [from, targets] of imports) {
    const path = join(folder, from);
    mkdirSync(dirname(path), { recursive: true });
    const specifiers = [...targets].map((to) =>
      to.endsWith('.ts') ? `./${relative(dirname(path), join(folder, to)).replace(/ts$/, 'js')}` : to,
    );
    // Types alone: a rule that lets these through does not hold.
    writeFileSync(path, specifiers.map((one) => `import type {} from '${one}';\n`).join(''));
  }
}

/** Runs the tool on a tree of these imports, with the rules of `npm run check`. */
function outcomeOf(chains: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'capan-rules-'));
  try {
    for (const part of ['src', 'dissectors', 'node_modules/cli-table3'])
      mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'node_modules/cli-table3/index.js'), '');
    writeTree(folder, chains);
    const config = join(root, '.dependency-cruiser.mjs');
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [program, '--config', config, '--output-type', 'json', 'src', 'dissectors'],
      { cwd: folder, encoding: 'utf8' },
    );
    if (stdout === '') throw new Error(stderr);
    const { summary }: { summary: Outcome } = JSON.parse(stdout);
    return summary;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `rule: from > to` */
function saidBy({ violations }: Outcome): string[] {
  return violations.map(({ rule, from, to }) => `${rule.name}: ${from} > ${to}`);
}

/** Of every file of the program the files that it imports, as the text says. */
function importsOfProgram(): { readonly from: string; readonly to: string }[] {
  return ['src', 'dissectors'].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
      .flatMap(({ parentPath, name }) => {
        const path = join(parentPath, name);
        const found = readFileSync(path, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)\.js'/g);
        return [...found].map(([, to]) => ({
          from: relative(root, path),
          to: `${relative(root, resolve(parentPath, to))}.ts`,
        }));
      }),
  );
}

function patterns(one: Patterns | undefined): readonly string[] {
  if (one === undefined) return [];
  return typeof one === 'string' ? [one] : one;
}

describe('who may import what', () => {
  let broken: Outcome;
  let forbidden: Outcome['ruleSetUsed']['forbidden'];

  beforeAll(() => {
    broken = outcomeOf(Object.values(VIOLATIONS).flat());
    forbidden = broken.ruleSetUsed.forbidden;
  }, 60_000);

  it('is broken by each of these imports', () => {
    expect(Object.keys(VIOLATIONS).sort()).toEqual(forbidden.map(({ name }) => name).sort());
    const said = saidBy(broken);
    const missed = Object.entries(VIOLATIONS).flatMap(([name, chains]) =>
      chains.filter((chain) => {
        const files = chain.split(' > ');
        const last = files[files.length - 1].replace(/^node:|\.ts$/g, '');
        return !said.some(
          (one) => one.startsWith(`${name}: ${files[0]} > `) && one.includes(last, name.length),
        );
      }),
    );
    expect(missed).toEqual([]);
  });

  it('is kept by these', () => {
    expect(saidBy(outcomeOf(HARMLESS))).toEqual([]);
  });

  it('permits nothing that nobody does', () => {
    const imports = importsOfProgram();
    const idle = forbidden.flatMap(({ name, from, to }) => {
      const own = imports.filter((edge) =>
        patterns(from.path).some((one) => new RegExp(one).test(edge.from)),
      );
      return patterns(to.pathNot)
        .filter(
          (one) => !one.includes('$1') && one !== from.path && !MEASURES.includes(one) && one !== '^cap$',
        )
        .filter((one) => !own.some((edge) => new RegExp(one).test(edge.to)))
        .map((one) => `${name}: ${one}`);
    });
    expect(idle).toEqual([]);
  });

  it('calls shared what another folder imports, and nothing else', () => {
    const imports = importsOfProgram();
    const folderOf = (path: string): string => path.split('/')[1];
    const own = imports
      .map(({ to }) => to)
      .filter((path) => /^dissectors\/[^/]+\/shared\//.test(path))
      .filter((path) => !imports.some(({ from, to }) => to === path && folderOf(from) !== folderOf(path)));
    expect([...new Set(own)]).toEqual([]);
  });

  it('is what ARCHITECTURE.md says', () => {
    const rows = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(
      /^\| `(src\/[a-z-]+\/)` \|[^|]*\| ([^|]+) \|$/gm,
    );
    const said = [...rows].map(([, folder, what]) => `${folder} must not know ${what}.`);
    const enforced = forbidden.filter(({ name }) => name.startsWith('room-')).map(({ comment }) => comment);
    expect(said.sort()).toEqual(enforced.sort());
  });
});
