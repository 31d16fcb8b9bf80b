import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Correlator } from '../correlate/correlator.js';
import { FrameBins } from '../correlate/pictures/frame-bins.js';
import type { Picture } from '../correlate/pictures/picture.js';
import type { CatalogueEntry } from '../diagnose/catalogue.js';
import { describePictures } from '../diagnose/pictures/describe-pictures.js';
import type { Report } from '../report/report.js';
import type { PipelineOptions } from '../workers/pipeline.js';

/** What one run does more where its report has pictures. */
export class Picturing {
  readonly correlators: readonly Correlator[];
  readonly pipelineOptions: Pick<PipelineOptions, 'frameBins'>;
  private readonly frameBins = new FrameBins();
  private readonly pictured: readonly Correlator<Picture>[];

  constructor(entries: readonly CatalogueEntry[]) {
    this.pictured = entries.flatMap(({ pictures = [] }) => pictures);
    this.correlators = this.pictured;
    this.pipelineOptions = { frameBins: this.frameBins };
  }

  describe(
    sessions: ReadonlyMap<string, readonly unknown[]>,
    quality: CaptureQuality,
    { tunnels, findings }: Pick<Report, 'tunnels' | 'findings'>,
  ): Pick<Report, 'pictures'> {
    const pictures = this.pictured.flatMap(({ name }) => (sessions.get(name) ?? []) as readonly Picture[]);
    return {
      pictures: describePictures({ pictures, frameBins: this.frameBins, quality }, tunnels, findings),
    };
  }
}
