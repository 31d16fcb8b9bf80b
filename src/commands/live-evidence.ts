import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Side } from '../compare/side.js';
import type { Report } from '../report/report.js';
import type { EvidenceRequest } from './evidence-options.js';
import { assertEvidenceWritable, writeEvidence } from './write-evidence.js';

/** Packets of a live run, kept until its end: which of them are evidence is known only then. */
export class LiveSpill {
  private readonly folder = mkdtempSync(join(tmpdir(), 'capan-live-'));
  private readonly forget = (): void => this.remove();

  /** @throws UsageError where the evidence could not be written */
  constructor(private readonly request: EvidenceRequest) {
    process.once('exit', this.forget);
    assertEvidenceWritable(request, []);
  }

  /** @param end of a path of which both are captured */
  fileOf(end: Side | null): string {
    return join(this.folder, `${end ?? 'all'}.pcapng`);
  }

  /** @returns what to say of it. @throws UsageError */
  async write(report: Report): Promise<string> {
    const ends: readonly (Side | null)[] = report.captures.some(({ side }) => side !== undefined)
      ? ['a', 'b']
      : [null];
    const inputs = ends.flatMap((end, index) => {
      const path = this.fileOf(end);
      const name = report.captures[index]?.file ?? path;
      return existsSync(path) ? [{ name, stream: createReadStream(path) }] : [];
    });
    if (inputs.length === 0)
      return `${this.request.path}: no packet was captured, so no evidence was written`;
    return writeEvidence(report, inputs, this.request);
  }

  remove(): void {
    process.removeListener('exit', this.forget);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
