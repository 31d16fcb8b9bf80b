import type { Evidence } from '../../src/diagnose/diagnosis.js';

/**
 * Whether the capture shows a fault of its own beside those ids. A connection that fails inside a tunnel is
 * worth a warning only where nothing larger is wrong.
 */
export function hasOtherFault({ judgements }: Evidence, ids: readonly string[]): boolean {
  for (const [id, judged] of judgements) {
    if (id.startsWith('capture.') || ids.includes(id)) continue;
    if (judged.some((one) => one.result === 'problem' && one.severity !== 'info')) return true;
  }
  return false;
}
