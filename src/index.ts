/*
 * The library: the same report object as the command, typed. Sources may be a path, a Node Readable or an
 * async iterable of bytes.
 */
export { CaptureError } from './capture/capture-error.js';
export {
  type LiveInput,
  type LiveSession,
  type OpenLiveOptions,
  openLive,
} from './commands/open-live.js';
export { type AnalyzeOptions, analyze, type CaptureInput } from './commands/run-analysis.js';
export { type CompareOptions, compare } from './commands/run-compare.js';
export type {
  CaptureSummary,
  Checked,
  CitedFrame as Evidence,
  CompareDirection,
  CompareSection,
  Confidence,
  Finding,
  Report,
  Severity,
  Subject,
  Tunnel,
  TunnelDirection,
} from './report/report.js';
export type { SideFilePaths } from './side-files/read-side-files.js';
export { SideFileError } from './side-files/side-file-error.js';
