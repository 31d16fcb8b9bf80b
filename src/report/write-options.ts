import type { Severity } from './report.js';

export interface WriteOptions {
  /** Text only, default false. */
  readonly color?: boolean;
  /** Columns of the text format, 40 to 160, default 100. */
  readonly width?: number;
  /** Text only: everything that the report holds, where the short form has the first few. */
  readonly verbose?: boolean;
  /** Text only: nothing beyond ASCII, for a terminal that shows no more. */
  readonly ascii?: boolean;
  /** JUnit only: from which severity on a finding fails its test, default error. */
  readonly failOn?: Severity | 'never';
}
