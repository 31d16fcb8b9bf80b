import type { Report } from './report.js';
import type { WriteOptions } from './write-options.js';

export const FORMATS = ['text', 'json', 'ndjson', 'markdown', 'sarif', 'junit'] as const;
export type Format = (typeof FORMATS)[number];

/** Writes the report in pieces of whole lines. A format is loaded only when it is asked for. */
export async function writeReport(
  report: Report,
  format: Format,
  out: (text: string) => void,
  options: WriteOptions = {},
): Promise<void> {
  switch (format) {
    case 'text':
      return (await import('./text.js')).writeText(report, out, options);
    case 'json':
      return (await import('./json.js')).writeJson(report, out);
    case 'ndjson':
      return (await import('./ndjson.js')).writeNdjson(report, out);
    case 'markdown':
      return (await import('./markdown.js')).writeMarkdown(report, out);
    case 'sarif':
      return (await import('./sarif.js')).writeSarif(report, out);
    case 'junit':
      return (await import('./junit.js')).writeJunit(report, out, options.failOn);
  }
}
