import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dissectors, textCaptures } from '../../dissectors/index.js';
import type { CaptureInterface, CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { commentedPacket, fileHead, interfaceBlock } from '../live/pcapng-blocks.js';
import { escapeText } from '../report/escape.js';
import { counted } from '../report/quantity.js';
import type { Report } from '../report/report.js';
import { toolIdentity } from '../report/tool.js';
import { type EvidenceFrame, EvidenceFrames } from '../select/evidence-frames.js';
import { type EvidencePlan, evidencePlans } from '../select/evidence-plan.js';
import type { EvidenceRequest } from './evidence-options.js';
import { assertWritable, WholeFile, writeFailure } from './output-file.js';

/** Said before the work, so that an hour of it is not lost. @throws UsageError */
export function assertEvidenceWritable({ path, isFolder }: EvidenceRequest, inputs: readonly string[]): void {
  if (!isFolder) return assertWritable(path, inputs);
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/**
 * Reads the captures once more and writes the frames of the findings, with their tunnel around.
 * @param inputs those of the report, which can be read again
 * @returns what to say of it
 * @throws UsageError where a file cannot be written
 */
export async function writeEvidence(
  report: Report,
  inputs: readonly CaptureInput[],
  request: EvidenceRequest,
): Promise<string> {
  const plans = evidencePlans(report, request.contextSeconds);
  if (plans.length === 0) return `${request.path}: no finding cites a frame, so no evidence was written`;
  const source = await openCaptureSource(inputs, textCaptures);
  const files = filesOf(plans, request, report, source);
  let written = 0;
  try {
    const reading = new EvidenceFrames(source, report, plans, dissectors);
    for (let frames = await reading.next(); frames !== null; frames = await reading.next()) {
      for (const frame of frames) for (const file of files) file.write(frame, reading.chunk);
      written += frames.length;
    }
    for (const file of files) file.complete();
  } finally {
    for (const file of files) file.abandon();
    await source.close();
  }
  const where = request.isFolder ? `${request.path}: ${counted(files.length, 'file')}` : request.path;
  return `${where}: ${counted(written, 'frame')}, evidence of ${counted(plans.length, 'finding')}`;
}

function filesOf(
  plans: readonly EvidencePlan[],
  { path, isFolder, contextSeconds }: EvidenceRequest,
  report: Report,
  source: CaptureSource,
): EvidenceFile[] {
  const about = { report, source, contextSeconds };
  if (!isFolder) return [new EvidenceFile(path, plans, about)];
  const digits = String(plans.length).length;
  return plans.map((plan, index) => {
    const number = String(index + 1).padStart(digits, '0');
    return new EvidenceFile(join(path, `${number}-${plan.id}.pcapng`), [plan], about);
  });
}

interface About {
  readonly report: Report;
  readonly source: CaptureSource;
  readonly contextSeconds: number;
}

/** A pcapng file of some of the plans; begun with its first frame, so that it knows the interfaces. */
class EvidenceFile {
  private readonly plans: ReadonlySet<EvidencePlan>;
  private file: WholeFile | null = null;
  private interfaceCount = 0;

  constructor(
    private readonly path: string,
    plans: readonly EvidencePlan[],
    private readonly about: About,
  ) {
    this.plans = new Set(plans);
  }

  /** @throws UsageError */
  write(frame: EvidenceFrame, chunk: EvidenceFrames['chunk']): void {
    const roles = frame.roles.filter(({ plan }) => this.plans.has(plan));
    if (roles.length === 0) return;
    const { source, report } = this.about;
    const original = `frame ${chunk.frames.number[frame.index]} of ${report.captures[frame.capture]?.file ?? '?'}`;
    const comments = [...this.commentsOf(roles), original].map((comment) => escapeText(comment));
    this.guard((file) => {
      for (; this.interfaceCount < source.interfaces.length; this.interfaceCount++) {
        const one = source.interfaces[this.interfaceCount];
        file.write(interfaceBlock(one, this.describe(one)));
      }
      file.write(commentedPacket(chunk, frame.index, source.segments, comments));
    });
  }

  complete(): void {
    this.guard((file) => file.complete());
  }

  abandon(): void {
    this.file?.abandon();
  }

  private commentsOf(roles: EvidenceFrame['roles']): string[] {
    const cited = roles.flatMap(({ plan, why }) =>
      why === null ? [] : `${plan.label} (${plan.severity}: ${plan.title}): ${why}`,
    );
    const around = roles.filter(({ why }) => why === null).map(({ plan }) => plan.label);
    if (around.length === 0) return cited;
    return [...cited, `context of ${around.join(', ')}: within ${this.about.contextSeconds} s of its frames`];
  }

  /** Which file an interface is of, where there are several. */
  private describe({ captureIndex }: CaptureInterface): string | null {
    const { source, report } = this.about;
    if (source.captures.length === 1) return null;
    const file = source.captures[captureIndex]?.file ?? '';
    const side = report.captures.find((capture) => capture.file === file)?.side;
    return side === undefined ? file : `side ${side}: ${file}`;
  }

  private guard(action: (file: WholeFile) => void): void {
    try {
      if (this.file === null) {
        const { name, version } = toolIdentity();
        this.file = new WholeFile(this.path);
        const findings = [...this.plans].map(({ label, title }) => `${label}: ${title}`);
        const about = `evidence of ${findings.length === 1 ? 'a finding' : 'findings'}; ${findings.join('; ')}`;
        this.file.write(fileHead([], `${name} ${version}`, escapeText(about)));
      }
      action(this.file);
    } catch (error) {
      if (error instanceof Error && 'code' in error) throw writeFailure(this.path, error);
      throw error;
    }
  }
}
