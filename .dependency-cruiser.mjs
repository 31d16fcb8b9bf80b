/*
 * Who may import what: checked by `npm run check`, in words in ARCHITECTURE.md. Types count as imports do.
 * A room of the engine lists what it may know, so that whatever is new is forbidden until somebody says why not;
 * test/dependency-rules.test.ts shows that every rule bites.
 */
import { builtinModules } from 'node:module';

const room = (name) => `^src/${name}/`;
const file = (name) => `^${name}\\.ts$`;
const files = (...names) => names.map(file);

/** Numbers, moments and the form of dates: any room may use them. */
const MEASURES = files('src/units', 'src/moment', 'src/rfc3339');
/** What copying adds to a line of text. */
const PASTED_LINE = file('src/pasted-line');
/** What a capture is, without a byte of it. */
const CAPTURE_FACTS = file('src/capture/capture-source');
/** What a capture says of a frame beside its bytes: its direction, that it has no time. */
const FRAME_MARKS = file('src/capture/frame-marks');
/** The report's model, without a format. */
const REPORT_MODEL = '^src/report/(report|pictures|page-words)\\.ts$';
const FLEET_MODEL = file('src/report/fleet-report');
/** What a diagnosis says of itself. */
const METADATA = file('src/diagnose/diagnosis-metadata');

/** By room of the engine: what it must not know, as ARCHITECTURE.md says it, and all that it may import. */
const ROOMS = {
  capture: {
    mustNotKnow: 'protocols',
    mayImport: [...MEASURES, PASTED_LINE, ...files('src/wire/link-types', 'src/wire/vpp')],
  },
  wire: { mustNotKnow: 'anything else', mayImport: [] },
  observe: {
    mustNotKnow: 'protocols: of the rest it knows the chunk',
    mayImport: [file('src/capture/chunk')],
  },
  dissect: {
    mustNotKnow: 'the catalogue, sessions',
    mayImport: [room('observe'), room('wire'), FRAME_MARKS],
  },
  workers: {
    mustNotKnow: 'diagnoses, reports',
    mayImport: [
      ...MEASURES,
      ...['capture', 'observe', 'dissect', 'correlate'].map(room),
      file('dissectors/index'),
    ],
  },
  correlate: {
    mustNotKnow: 'how captures are read, protocols, diagnoses, reports',
    mayImport: [...MEASURES, CAPTURE_FACTS, FRAME_MARKS, ...['observe', 'dissect', 'wire'].map(room)],
  },
  compare: {
    mustNotKnow: 'protocols, diagnoses, output formats',
    mayImport: [
      ...MEASURES,
      CAPTURE_FACTS,
      ...['observe', 'wire', 'correlate'].map(room),
      file('src/dissect/dissector'),
      REPORT_MODEL,
    ],
  },
  fleet: {
    mustNotKnow: 'how captures are read, protocols, diagnoses, output formats',
    mayImport: [
      ...MEASURES,
      CAPTURE_FACTS,
      ...['observe', 'wire'].map(room),
      ...files('src/compare/lane-table', 'src/correlate/identity-sink', 'src/correlate/group-by'),
      REPORT_MODEL,
      FLEET_MODEL,
    ],
  },
  'side-files': {
    mustNotKnow: 'protocols, frames, sessions',
    mayImport: [
      ...MEASURES,
      CAPTURE_FACTS,
      PASTED_LINE,
      room('wire'),
      METADATA,
      file('src/diagnose/nearest-ids'),
      REPORT_MODEL,
    ],
  },
  wording: {
    mustNotKnow: 'protocols, diagnoses, output formats',
    mayImport: [
      ...MEASURES,
      ...files('src/correlate/capture-quality', 'src/correlate/group-by'),
      REPORT_MODEL,
    ],
  },
  diagnose: {
    mustNotKnow: 'protocols, frames, output formats',
    mayImport: [
      ...MEASURES,
      CAPTURE_FACTS,
      ...['correlate', 'compare', 'side-files', 'wording'].map(room),
      ...files('src/dissect/dissector', 'src/dissect/protocol-role'),
      REPORT_MODEL,
    ],
  },
  report: {
    mustNotKnow: 'everything above, but for what a diagnosis says of itself',
    mayImport: [METADATA, file('src/diagnose/fault-kinds'), file('src/wire/address')],
  },
  select: {
    mustNotKnow: 'protocols, diagnoses, output formats',
    mayImport: [
      ...MEASURES,
      ...['capture', 'observe', 'dissect', 'wire'].map(room),
      ...files('src/correlate/capture-quality', 'src/correlate/part-of-capture'),
      REPORT_MODEL,
    ],
  },
  anonymize: {
    mustNotKnow: 'anything but the bytes of a frame',
    mayImport: [room('wire')],
  },
  page: {
    mustNotKnow: 'anything but the report',
    mayImport: [REPORT_MODEL],
  },
  live: {
    mustNotKnow: 'protocols, output formats',
    mayImport: [
      ...MEASURES,
      ...['capture', 'diagnose'].map(room),
      ...files('src/correlate/capture-quality', 'src/side-files/side-knowledge'),
      REPORT_MODEL,
    ],
  },
};

/** Files of a folder of the catalogue that see bytes, beside its dissector. */
const READS_BYTES = '^dissectors/[^/]+/(dissector|recognition|quoted-packet|run-folder|nlri)\\.ts$';

/** The file of a folder of the catalogue that reads rows. */
const CORRELATOR = '^dissectors/([^/]+)/correlator\\.ts$';

/** Makes a capture of a text. */
const READS_TEXTS = '^dissectors/[^/]+/(text-captures|text-lines|packet-text)/';

/**
 * What a folder of the catalogue shows the others: its correlators, their sessions, what its side files say, and
 * `shared/`: what the sessions amount to (pings of a pair, refusals, failed attempts) and the rules of a family.
 * Whatever else is in the folder is its own; what needs no session of the protocol belongs to a room of the engine.
 */
const SHOWN_TO_OTHER_FOLDERS = [
  '^dissectors/[^/]+/(correlator|session)\\.ts$',
  '^dissectors/[^/]+/(shared|side-files)/',
];

const rooms = Object.entries(ROOMS).map(([name, { mustNotKnow, mayImport }]) => ({
  name: `room-${name}`,
  comment: `src/${name}/ must not know ${mustNotKnow}.`,
  severity: 'error',
  from: { path: room(name) },
  to: { path: '^(src|dissectors|test|bench|captures|scripts)/', pathNot: [room(name), ...mayImport] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'Whatever two files of a circle share stands in a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolved',
      comment: 'A path that leads nowhere is checked by no rule. `cap` is optional.',
      severity: 'error',
      // The page is TSX, which the compiler of its own project resolves.
      from: { pathNot: room('page') },
      to: { couldNotResolve: true, pathNot: '^cap$' },
    },
    ...rooms,
    {
      name: 'measures-know-nothing',
      severity: 'error',
      from: { path: MEASURES },
      to: { path: '^(src|dissectors)/', pathNot: MEASURES },
    },
    {
      name: 'launcher-knows-nothing',
      comment: 'src/launch.ts loads the bundled program from the code cache; it must not load it twice.',
      severity: 'error',
      from: { path: files('src/launch', 'src/load-bundle') },
      to: { path: '^(src|dissectors)/', pathNot: file('src/load-bundle') },
    },
    {
      name: 'catalogue-by-its-index',
      comment: 'src/ imports the catalogue only in workers/ and commands/, only through its index.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^dissectors/', pathNot: file('dissectors/index') },
    },
    {
      name: 'catalogue-in-workers-and-commands',
      severity: 'error',
      from: { path: '^src/', pathNot: [room('workers'), room('commands')] },
      to: { path: file('dissectors/index') },
    },
    {
      name: 'dissector-alone',
      comment: 'What a dissector loads, by any way, is of its own folder or of the engine.',
      severity: 'error',
      from: { path: '^dissectors/([^/]+)/dissector\\.ts$' },
      to: { path: '^dissectors/', pathNot: '^dissectors/$1/', reachable: true },
    },
    {
      name: 'dissector-without-node',
      comment: 'A dissector reaches no module of Node: it runs wherever there are bytes.',
      severity: 'error',
      from: { path: '^dissectors/[^/]+/dissector\\.ts$' },
      to: { path: `^(node:)?(${builtinModules.join('|')})$`, reachable: true },
    },
    {
      name: 'bytes-engine',
      comment: 'What reads bytes knows the spine, tables and layouts.',
      severity: 'error',
      from: { path: READS_BYTES },
      to: {
        path: '^src/',
        pathNot: ['dissect', 'observe', 'wire'].map(room),
      },
    },
    {
      name: 'rows-not-frames',
      comment:
        'Correlators and diagnoses see rows, sessions and facts of the capture, never a frame, a chunk or a slot.',
      severity: 'error',
      from: { path: '^dissectors/[^/]+/', pathNot: [READS_BYTES, READS_TEXTS] },
      to: {
        path: '^src/',
        pathNot: [
          ...MEASURES,
          CAPTURE_FACTS,
          FRAME_MARKS,
          ...['correlate', 'compare', 'diagnose', 'side-files', 'wire', 'wording'].map(room),
          ...files(
            'src/observe/table',
            'src/observe/numbered-columns',
            'src/dissect/checksum-note',
            'src/observe/flow-key',
            'src/dissect/dissector',
            'src/dissect/protocol-role',
          ),
          REPORT_MODEL,
        ],
      },
    },
    {
      name: 'text-captures-offer-frames',
      comment: 'A reader of texts offers frames; what becomes of them it does not know.',
      severity: 'error',
      from: { path: READS_TEXTS },
      to: {
        path: '^src/',
        pathNot: [
          ...files('src/capture/text-capture', 'src/capture/packet-lines', 'src/capture/byte-pages'),
          room('wire'),
        ],
      },
    },
    {
      name: 'folder-shows-sessions',
      comment:
        'A folder of the catalogue knows of another its correlators, their sessions, what its side files say and shared/.',
      severity: 'error',
      from: { path: '^dissectors/([^/]+)/', pathNot: CORRELATOR },
      to: { path: '^dissectors/[^/]+/', pathNot: ['^dissectors/$1/', ...SHOWN_TO_OTHER_FOLDERS] },
    },
    {
      name: 'correlator-reads-rows',
      comment: 'A correlator may also read the rows of another protocol, which its dissector declares.',
      severity: 'error',
      from: { path: CORRELATOR },
      to: {
        path: '^dissectors/[^/]+/',
        pathNot: ['^dissectors/$1/', '^dissectors/[^/]+/dissector\\.ts$', ...SHOWN_TO_OTHER_FOLDERS],
      },
    },
    {
      name: 'formats-in-report',
      comment: 'Only report/ knows output formats; commands/ choose one.',
      severity: 'error',
      from: { path: '^(src|dissectors)/', pathNot: [room('report'), room('commands'), file('src/cli')] },
      to: {
        path: [room('report'), '^node_modules/(cli-table3|fast-string-width)/'],
        pathNot: [REPORT_MODEL, FLEET_MODEL],
      },
    },
    {
      name: 'nothing-from-tests',
      comment: 'The program needs nothing that is not shipped; the template holds files for captures/ too.',
      severity: 'error',
      from: { path: '^(src|dissectors)/', pathNot: '^dissectors/_template/(builder|cases)\\.ts$' },
      to: { path: '^(test|bench|captures|scripts)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    // Tests look wherever they like.
    exclude: { path: '\\.test\\.ts$' },
    doNotFollow: { path: '^node_modules/' },
    skipAnalysisNotInRules: true,
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js', '.json'] },
  },
};
