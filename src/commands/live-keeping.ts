import { extname } from 'node:path';
import type { Side } from '../compare/side.js';
import { CaptureKeeper } from '../live/capture-keeper.js';
import { FindingDump } from '../live/finding-dump.js';
import type { FindingEvent } from '../live/finding-tracker.js';
import type { FrameKeeper } from '../live/live-source.js';
import { severityRank } from '../report/finding-order.js';
import { toolIdentity } from '../report/tool.js';
import type { LiveCommandOptions } from './live-options.js';

/** The files of `--write`: FILE, or for both ends NAME-a.pcapng and NAME-b.pcapng. */
export function keptFiles({ write }: LiveCommandOptions, ends: readonly (Side | null)[]): string[] {
  return write === undefined ? [] : ends.map((end) => fileOf(write, end));
}

function fileOf(file: string, end: Side | null): string {
  if (end === null) return file;
  const extension = extname(file);
  return `${extension === '' ? file : file.slice(0, -extension.length)}-${end}${extension}`;
}

/** What `--write` and `--dump-on` keep of a capture. */
export class LiveKeeping {
  readonly keepers: readonly FrameKeeper[];
  private readonly keeper: CaptureKeeper | null;
  private readonly dump: FindingDump | null;
  private readonly spill: CaptureKeeper | null;

  /** @param end which end of a path is captured, where both are. */
  constructor(
    private readonly options: LiveCommandOptions,
    private readonly end: Side | null,
  ) {
    const { write, ring, dumpOn, spill } = options;
    const { name, version } = toolIdentity();
    const application = `${name} ${version}`;
    const prefix = end === null ? '' : `${end}-`;
    this.keeper =
      write === undefined ? null : new CaptureKeeper(fileOf(write, end), ring ?? null, application);
    this.dump = dumpOn === undefined ? null : new FindingDump(dumpOn.folder, application, undefined, prefix);
    this.spill = spill === undefined ? null : new CaptureKeeper(spill.fileOf(end), null, application);
    this.keepers = [this.keeper, this.dump, this.spill].filter((one) => one !== null);
  }

  /** To be called now and then. */
  tick(): void {
    this.dump?.tick();
  }

  noteEvents(events: readonly FindingEvent[]): void {
    const { dumpOn } = this.options;
    if (this.dump === null || dumpOn === undefined) return;
    for (const { event, finding } of events) {
      if (event === 'raised' && severityRank(finding.severity) >= severityRank(dumpOn.severity))
        this.dump.raise(finding.id);
    }
  }

  close(): void {
    this.keeper?.close();
    this.dump?.close();
    this.spill?.close();
  }

  /** What was written, and what could not be. */
  lines(): string[] {
    return [...this.linesOfKeeper(), ...this.linesOfDump(), ...this.linesOfSpill()];
  }

  private linesOfKeeper(): string[] {
    const { keeper, options, end } = this;
    if (keeper === null || options.write === undefined || keeper.lost === 0) return [];
    const file = fileOf(options.write, end);
    return keeper.failure !== null
      ? [`writing ${file} stopped: ${keeper.failure}; ${keeper.lost} packets are not in it`]
      : [`${keeper.lost} packets of an unknown interface could not be written to ${file}`];
  }

  private linesOfSpill(): string[] {
    const { spill } = this;
    if (spill === null || spill.lost === 0) return [];
    const why = spill.failure === null ? '' : ` (${spill.failure})`;
    return [`${spill.lost} packets could not be kept for --evidence${why}`];
  }

  private linesOfDump(): string[] {
    const { dump, options } = this;
    if (dump === null) return [];
    const { written } = dump;
    return [
      ...(dump.failure === null ? [] : [`writing to ${options.dumpOn?.folder} stopped: ${dump.failure}`]),
      ...(dump.refused === 0
        ? []
        : [`for ${dump.refused} more findings no packets were kept: ${written.length} files were written`]),
      ...(options.quiet || written.length === 0 ? [] : [`packets around findings: ${written.join(', ')}`]),
    ];
  }
}
